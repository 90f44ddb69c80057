"""Write cells of CSV files that people open in a spreadsheet; pure."""

from datetime import UTC, date, datetime
from decimal import Decimal

from ohmycoins.core.money import plain

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(value: str | Decimal | int | date | None) -> str:
    """Write a value, an instant in UTC; a text that a spreadsheet would take for a formula gets an apostrophe before it.

    >>> cell("=1+1"), cell(Decimal("-1.50")), cell(True), cell(None)
    ("'=1+1", '-1.5', 'true', '')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return plain(value) if isinstance(value, Decimal) else str(value)
