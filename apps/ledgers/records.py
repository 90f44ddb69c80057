"""Carry what parsers found, as immutable values without Django."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

DEEPEST = 20  # levels that are kept of each side of an order book


@dataclass(frozen=True, slots=True)
class PriceRecord:
    """One market's prices in one minute: AUD (or the market's coin) per one coin."""

    coin_type: str
    market: str
    bid: Decimal
    ask: Decimal
    last: Decimal
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Level:
    """What an order book offers, or wants, at one price: AUD (or the market's coin) per one coin."""

    price: Decimal
    quantity: Decimal


def levels_of(written: Sequence[Sequence[str]]) -> tuple[Level, ...]:
    """Read levels as the ledger keeps them: [price, quantity], each a plain decimal string."""
    return tuple(Level(Decimal(price), Decimal(quantity)) for price, quantity in written)


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthRecord:
    """The top of a market's order book in one minute; bids dearest first, asks cheapest first."""

    coin_type: str
    market: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleRecord:
    """One market's prices over an interval that began at `occurred_at`."""

    coin_type: str
    market: str
    interval: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRecord:
    """A version of something that its source may restate, by the source's own time (UTC).

    `item` is its identity within the collector; `digest` (see `digest_of`) tells versions apart;
    `engagement` counts people, and only a move of 10 % or more makes a version. `only_new`: read where
    the source says less than elsewhere, so it restates nothing that is known.
    """

    occurred_at: datetime
    item: str
    digest: str
    engagement: Mapping[str, int] = field(default_factory=dict)
    only_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FundamentalRecord(ItemRecord):
    """A protocol's figures on a UTC day; None where the source gives none."""

    protocol: str
    tvl_usd: Decimal | None
    fees_24h_usd: Decimal | None
    revenue_24h_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRecord(ItemRecord):
    """One figure about an asset; `network` is the chain it was measured on."""

    asset: str
    network: str
    metric_name: str
    metric_value: Decimal
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRecord(ItemRecord):
    """A text with the coins it names and its sentiment (-1 to 1, and in a word)."""

    title: str
    content: str
    url: str
    currencies: tuple[str, ...]
    sentiment: str
    sentiment_score: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsRecord(TextRecord):
    """An article; `source` published it."""

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRecord(TextRecord):
    """A post in a community of a platform."""

    platform: str
    community: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord(ItemRecord):
    """A filing or an announcement, with its impact (1 to 10)."""

    event_type: str
    title: str
    description: str
    source: str
    url: str
    currencies: tuple[str, ...]
    impact_score: int


Record: TypeAlias = PriceRecord | DepthRecord | ItemRecord


@dataclass(frozen=True, slots=True)
class Reject:
    """An item that was left out, and why."""

    item: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one page held."""

    records: tuple[Record, ...]
    rejects: tuple[Reject, ...] = ()
    unpriced: tuple[str, ...] = ()
    """Markets that the venue itself prices "NaN": known, without a price, and not an error."""


class UnreadablePage(Exception):
    """The page as a whole is not what its source sends; nothing of it may be stored."""


def digest_of(*said: object) -> str:
    """Give 32 hex digits that differ when anything of what the source said differs.

    Only the source's own words and numbers belong in: a better sentiment scorer restates nothing.
    """
    return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()
