"""Read one cell; each error names the column, what it says and what is accepted."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from apps.trading.imports.records import BadRow
from ohmycoins.core.money import PRICE_STEP, ZERO, parse_decimal
from ohmycoins.core.symbols import symbol

HALF = Decimal("0.5")
CENT_EXPONENT = -2
MOST = Decimal(10) ** 20
# Before there was any coin; local days and years stay within what datetimes can say.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LOCAL_TIME = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?:,? +(\d{1,2}):(\d{2})(?::(\d{2}))?(?: *([AP]M))?)?", re.ASCII
)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stated:
    """A number as an export writes it, rounded at its last digit or the cent, and the currency behind it."""

    value: Decimal
    slack: Decimal
    """By how much it may be off."""
    unit: str = ""

    @property
    def size(self) -> Decimal:
        return abs(self.value)


def refuse(column: str, given: object, accepted: str) -> BadRow:
    """Give the error of a cell."""
    return BadRow(f"{column} {str(given)[:60]!r}: {accepted}")


def number(text: str, column: str, *, positive: bool = False) -> Decimal:
    """Read a number of zero or more (or above zero), as we keep them. Raises BadRow."""
    try:
        value = parse_decimal(text)
        kept = ZERO <= value < MOST and value == value.quantize(PRICE_STEP) and not (positive and not value)
    except ValueError:
        kept = False
    if not kept:
        least = "above 0" if positive else "of 0 or more"
        raise refuse(column, text, f"a number {least} and below 10^20, with at most 18 decimals")
    return value.quantize(PRICE_STEP)


def stated(text: str, column: str) -> Stated:
    """Read a number that may have thousands commas, a sign and a currency: `1,234.50 AUD`. Raises BadRow."""
    digits, _, unit = text.partition(" ")
    bare = digits.replace(",", "") if _THOUSANDS.fullmatch(digits) else digits
    try:
        value = parse_decimal(bare)
        kept = abs(value) < MOST and value == value.quantize(PRICE_STEP)
    except ValueError:
        kept = False
    if not kept:
        raise refuse(column, text, "a number below 10^20 with at most 18 decimals, such as 1,234.50 AUD")
    exponent = value.as_tuple().exponent
    last = min(exponent if isinstance(exponent, int) else 0, CENT_EXPONENT)
    return Stated(value.quantize(PRICE_STEP), HALF.scaleb(last), unit.strip().upper())


def choice(text: str, column: str, accepted: Iterable[str]) -> str:
    """Read one of the words, in any case. Raises BadRow."""
    words = list(accepted)
    if text.lower() not in words:
        raise refuse(column, text, f"one of: {', '.join(word or 'empty' for word in words)}")
    return text.lower()


def coin(text: str, column: str) -> str:
    """Read a coin's symbol. Raises BadRow."""
    found = symbol(text)
    if found is None:
        raise refuse(column, text, "a coin's symbol of at most 20 letters and digits, such as BTC")
    return found


def utc_time(text: str, column: str, now: datetime) -> datetime:
    """Read an ISO 8601 time, UTC unless it says otherwise. Raises BadRow."""
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise refuse(column, text, "an ISO 8601 time, such as 2026-03-01T09:30:00Z") from error
    return _passed(at, column, text, now)


def local_time(text: str, column: str, zone: ZoneInfo, now: datetime) -> tuple[datetime, str]:
    """Read day/month/year and a time of 12 or 24 hours; give the instant and the local time in one spelling.

    `18:54 PM` is 18:54; a date alone is its midnight; of an hour that the clock shows twice it is the first.
    Raises BadRow, also for an hour that the clock left out.
    """
    accepted = "a time such as 20/05/2020 06:54 PM"
    found = _LOCAL_TIME.fullmatch(text.upper())
    if not found:
        raise refuse(column, text, accepted)
    day, month, year, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    half = found[7]
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "PM" else 0)
    elif half == "AM":
        raise refuse(column, text, f"no morning has that hour; {accepted}")
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        at = local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise refuse(column, text, accepted) from error
    if at.astimezone(zone) != local:  # one zone on both sides: compared as a clock shows them
        raise refuse(column, text, f"no clock in {zone.key}, the account's time zone, showed that time")
    return _passed(at, column, text, now), local.replace(tzinfo=None).isoformat()


def _passed(at: datetime, column: str, text: str, now: datetime) -> datetime:
    if not EARLIEST <= at <= now:
        raise refuse(column, text, f"a time from {EARLIEST:%Y} until now, {now:%Y-%m-%dT%H:%M:%SZ}")
    return at
