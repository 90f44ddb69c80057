"""Carry what parsers found, as immutable values without Django."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


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
class Reject:
    """An item that was left out, and why."""

    item: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one page held."""

    records: tuple[PriceRecord, ...]
    rejects: tuple[Reject, ...] = ()
    unpriced: tuple[str, ...] = field(default=())
    """Markets that the venue itself prices "NaN": known, without a price, and not an error."""


class UnreadablePage(Exception):
    """The page as a whole is not what its source sends; nothing of it may be stored."""
