"""Read candles from a CSV file with a header.

Columns, in any order and case: a time (`time`, `date`, `datetime` or `timestamp`; ISO 8601 in UTC, or
seconds since 1970), `open`, `high`, `low`, `close`, and optionally `volume` in coins. Others are ignored.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from apps.ledgers.parsers.pages import epoch, iso_time
from apps.ledgers.records import CandleRecord
from ohmycoins.core.money import ZERO, parse_decimal
from ohmycoins.core.symbols import symbol

TIMES = ("time", "date", "datetime", "timestamp")
PRICES = ("open", "high", "low", "close")
SHOWN = 20
LARGEST = Decimal(10) ** 18
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadLines(ValueError):
    """What is wrong with the file, line by line; none of it may be stored."""


def parse(body: bytes, *, coin: str, market: str, interval: str, width: timedelta) -> list[CandleRecord]:
    """Give the file's candles, each `width` wide, in its own order.

    Raises BadLines naming the lines that are not candles.
    """
    names = {"coin": symbol(coin), "market": symbol(market)}
    if not (names["coin"] and names["market"]):
        raise BadLines(f"{coin}/{market} is not a coin and a market, such as BTC and AUD")
    try:
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise BadLines("the file is not UTF-8") from error
    header = {name.strip().lower(): name for name in reader.fieldnames or ()}
    time_column = next((header[name] for name in TIMES if name in header), None)
    if time_column is None or not set(PRICES) <= header.keys():
        raise BadLines(f"the header lacks a time ({', '.join(TIMES)}) or one of {', '.join(PRICES)}")
    records: list[CandleRecord] = []
    problems: list[str] = []
    for number, row in enumerate(_rows(reader), start=2):
        try:
            cells = {name: (row[column] or "").strip() for name, column in header.items()}
            at = _time((row[time_column] or "").strip(), width)
            records.append(_candle(cells, at, str(names["coin"]), str(names["market"]), interval))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if problems:
        raise BadLines(
            "; ".join(problems[:SHOWN])
            + (f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else "")
        )
    return records


def _rows(reader: Iterable[dict[str, str]]) -> Iterator[dict[str, str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise BadLines(f"the file is not CSV: {error}") from error


def _candle(cells: Mapping[str, str], at: datetime, coin: str, market: str, interval: str) -> CandleRecord:
    opened, high, low, close = (parse_decimal(cells[name]) for name in PRICES)
    volume = parse_decimal(cells["volume"]) if cells.get("volume") else None
    if high >= LARGEST:
        raise ValueError(f"high is not below {LARGEST:,}")
    if not ZERO < low <= min(opened, close) <= max(opened, close) <= high:
        raise ValueError("low, open, close and high do not fit together")
    return CandleRecord(
        coin_type=coin, market=market, interval=interval, open=opened, high=high, low=low, close=close,
        volume=volume, occurred_at=at,
    )  # fmt: skip


def _time(text: str, width: timedelta) -> datetime:
    at = epoch(text) if text.isascii() and text.isdigit() else iso_time(text)
    if (at - EPOCH) % width:
        raise ValueError(f"{text} is not where an interval of {width} begins")
    return at
