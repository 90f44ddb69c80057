"""Follow the trend: buy where the fast average of closes rises above the slow one, sell where it falls below."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from apps.trading.algorithms.base import Coin, Input, Parameters, Series, Signal, Stake, hold, refs, rounded
from apps.trading.algorithms.rows import WIDTHS, Bar
from apps.trading.algorithms.view import View
from apps.trading.records import BUY, SELL

WRITTEN_WITHIN = timedelta(minutes=10)
"""Candles are written three minutes after their end, by a task that runs every minute."""


class MovingAverageCrossoverParameters(Parameters):
    coin_type: Coin = Field(default="BTC", description="What to trade.")
    interval: Literal["5min", "hour", "day"] = Field(
        default="hour", description="Which candles to average; run it at least as often."
    )
    fast: int = Field(default=10, ge=1, le=499, description="Candles in the fast average.")
    slow: int = Field(
        default=30, ge=2, le=500, description="Candles in the slow average, more than in the fast."
    )
    fraction: Stake = Decimal(1)

    @model_validator(mode="after")
    def _fast_is_faster(self) -> "MovingAverageCrossoverParameters":
        self.require_less("fast", "slow")
        return self


class MovingAverageCrossover:
    """Buys when the average of the last few closes rises above that of many, and sells all when it falls below.

    It acts only at the candle at which they cross: not because one average is above the other already.
    Why: prices sometimes trend, and a trend that began is more often in its middle than at its end.
    Where it fails: in a market that goes sideways it buys high and sells low, paying the spread each time; it
    is late by design; and a cross that came while nothing ran, or within missing candles, is not acted upon.
    """

    slug = "moving_average_crossover"
    title = "Moving-average crossover"
    version = "1"
    parameters = MovingAverageCrossoverParameters

    def inputs(self, parameters: MovingAverageCrossoverParameters) -> tuple[Input, ...]:
        return (
            Input(
                series=Series.CANDLES, of=parameters.coin_type, detail=parameters.interval,
                max_age=WIDTHS[parameters.interval] + WRITTEN_WITHIN, count=parameters.slow + 1,
            ),
        )  # fmt: skip

    def decide(self, view: View) -> Signal:
        wanted: MovingAverageCrossoverParameters = view.parameters
        coin, needed = wanted.coin_type, wanted.slow + 1
        candles = view.candles(coin, wanted.interval, needed)
        if len(candles) < needed:
            return hold(f"{len(candles)} of the {needed} {wanted.interval} candles are known")
        if gap := _gap(candles, WIDTHS[wanted.interval]):
            return hold(f"no {wanted.interval} candle before that of {gap.occurred_at:%Y-%m-%d %H:%M}")
        closes = [candle.close for candle in candles]
        before, now = (_lead(window, wanted.fast) for window in (closes[:-1], closes[1:]))
        is_held = view.book.quantity(coin) > 0
        if before <= 0 < now:
            if is_held:
                return hold("crossed upwards, and held already")
            action, crossed = BUY, "above"
        elif before >= 0 > now:
            if not is_held:
                return hold("crossed downwards, and nothing is held")
            action, crossed = SELL, "below"
        else:
            return hold("no cross")
        return Signal(
            action=action, coin_type=coin, fraction=wanted.fraction if action == BUY else Decimal(1),
            confidence=_agreeing(closes[1:], wanted.fast, action),
            reason=f"the average of {wanted.fast} {wanted.interval} closes crossed {crossed} that of {wanted.slow}",
            evidence=refs([candles[-1], candles[-2]]),
        )  # fmt: skip


def _gap(candles: Sequence[Bar], width: timedelta) -> Bar | None:
    """Give the first candle that does not begin where the one before it ended."""
    steps = pairwise(candles)
    return next((after for before, after in steps if after.occurred_at != before.occurred_at + width), None)


def _lead(closes: Sequence[Decimal], fast: int) -> Decimal:
    """Give the fast average less that of all closes, times both their lengths: exact, and of the same sign."""
    return sum(closes[-fast:], Decimal(0)) * len(closes) - sum(closes, Decimal(0)) * fast


def _agreeing(closes: Sequence[Decimal], fast: int, action: str) -> Decimal:
    """Give the share of the fast average's closes that are on the signal's side of the slow average."""
    total = sum(closes, Decimal(0))
    sides = [close * len(closes) - total for close in closes[-fast:]]
    return rounded(Fraction(sum((side > 0) if action == BUY else (side < 0) for side in sides), fast))
