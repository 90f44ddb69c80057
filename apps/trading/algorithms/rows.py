"""Carry ledger rows as algorithms see them: immutable, and each says which row it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from apps.trading.records import mark_of

WIDTHS = {"5min": timedelta(minutes=5), "hour": timedelta(hours=1), "day": timedelta(days=1)}
"""How long each interval of candles is."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A ledger row: what a decision read, and what its signal rests on."""

    ledger: str
    """exchange, glass, human or catalyst."""
    table: str
    """The model's name, such as `candle`."""
    id: int
    source: str
    """Who said it, such as a collector or a publisher."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A fact, when it occurred, and when we knew it (UTC)."""

    ref: Ref
    occurred_at: datetime
    known_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Row):
    """A coin's AUD market in one minute."""

    coin_type: str
    bid: Decimal
    ask: Decimal
    last: Decimal

    @property
    def mark(self) -> Decimal:
        """Give the price that holdings are valued at."""
        return mark_of(self.bid, self.ask, self.last)

    @property
    def is_crossed(self) -> bool:
        """Tell whether the bid is above the ask, which no market means."""
        return self.bid > self.ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar(Row):
    """What a coin's AUD market did from `occurred_at` on, for its interval; AUD per coin."""

    coin_type: str
    interval: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Row):
    """An article or a post about a coin; `sentiment_score` is -1 to 1."""

    title: str
    source: str
    sentiment_score: Decimal
    engagement: int
    """How many people reacted: votes, score and comments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Row):
    """A filing or an announcement about a coin; `impact_score` is 1 to 10."""

    event_type: str
    title: str
    source: str
    impact_score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures(Row):
    """A protocol's figures on a UTC day, in USD; None where the source gives none."""

    protocol: str
    tvl_usd: Decimal | None
    fees_24h_usd: Decimal | None
    revenue_24h_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Row):
    """One figure about an asset, such as the value locked on its chain on a UTC day."""

    asset: str
    network: str
    """The chain it was counted on; several may share a coin."""
    name: str
    value: Decimal
