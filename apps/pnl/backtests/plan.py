"""Say what a backtest is to do, and what it may know; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from apps.ledgers.records import Level
from apps.trading.algorithms.base import Algorithm, Input, Parameters
from apps.trading.algorithms.rows import Row
from apps.trading.records import Bounds, Quote

STEPS = {
    "minute": timedelta(minutes=1), "5min": timedelta(minutes=5), "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A rule, over a time, with money and limits. It decides at start, start + step, … before `end`."""

    rule: Algorithm
    parameters: Parameters
    inputs: tuple[Input, ...]
    coins: tuple[str, ...]
    """What may be traded, and what is held instead for comparison."""
    start: datetime
    end: datetime
    step: timedelta
    capital_aud: Decimal
    timezone: str
    """By which days are counted."""
    bounds: Bounds = field(default_factory=Bounds)
    position_limit_aud: Decimal | None = None
    loss_limit_aud: Decimal | None = None
    slices: int = 1
    slice_every: timedelta = timedelta(seconds=60)
    spread_percent: Decimal = Decimal("0.2")
    """How far ask and bid lie apart where only candles are known, in per cent of the close."""
    risk_free_rate: float = 0.0

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def steps(self) -> int:
        """Give how often the rule is asked."""
        return -((self.start - self.end) // self.step)


class Market(Protocol):
    """What was known at the instant that it was last moved to; it only moves forward."""

    def move(self, now: datetime) -> None:
        """Go on to `now`. Raises ValueError for an instant that has passed."""

    def quote(self, coin_type: str) -> Quote | None:
        """Give the newest price, dated when it became known."""

    def levels(self, coin_type: str, side: str) -> tuple[tuple[Level, ...], datetime] | None:
        """Give what stands against an order of `side`, best first, and since when it was known; None without depth."""

    def rows(self, wanted: Input) -> Sequence[Row]:
        """Give an input's rows, as `algorithms.base.Known` does."""

    def newest(self, wanted: Input) -> datetime | None:
        """Give when the newest row of an input's series occurred, as `algorithms.base.Known` does."""
