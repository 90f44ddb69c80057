"""What the tests of reading files of history share: rows in, entries out."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from apps.trading.imports.reading import read_history
from apps.trading.imports.records import Entry, History, ImportedFill

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SYDNEY = ZoneInfo("Australia/Sydney")
PLAIN = "time,side,coin,quantity,price,fee_aud,venue_fill_id,kind"
ORDERS = (
    "Transaction Date,Type,Market,Amount,Rate inc. fee,Rate ex. fee,Fee,Fee AUD (inc GST),GST AUD,Total AUD,"
    "Total (inc GST)"
)
TRANSFERS = "Transaction Date,Type,Coin,Status,Fee,Amount,Address,Txid,Aud"


def read(data: str | bytes, *, zone: ZoneInfo = SYDNEY) -> History:
    return read_history(data.encode() if isinstance(data, str) else data, zone=zone, now=NOW)


def rows(*lines: str, header: str = PLAIN) -> History:
    return read("\n".join((header, *lines)))


def only(history: History) -> Any:
    assert not history.errors
    (entry,) = history.entries
    return entry


def bare(entry: Entry) -> Entry:
    """Give an entry without what its file adds: line, sequence and ref."""
    return replace(entry, line=0, sequence=0, ref="")


def fill(
    at: str, coin: str, side: str, quantity: str, price: str, value: str, fee: str, kind: str = "trade"
) -> Any:
    numbers = map(Decimal, (quantity, price, value, fee))
    return ImportedFill(datetime.fromisoformat(at), coin, side, kind, *numbers)
