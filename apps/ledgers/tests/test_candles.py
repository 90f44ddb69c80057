"""Candles from prices, and from files."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.ledgers.models import Candle
from apps.ledgers.parsers.candle_csv import BadLines, parse
from apps.ledgers.services.candles import roll_candles
from apps.ledgers.tests.factories import make_price
from apps.ledgers.tests.shared import SHARED, needs_shared
from ohmycoins.core import clock as system_clock

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def price(minutes: int, last: str, coin_type: str = "BTC") -> None:
    make_price(coin_type, bid=1, ask=1000, last=last, at=NOON + timedelta(minutes=minutes))


def candles(interval: str, coin_type: str = "BTC") -> list[tuple[str, str, str, str, str, int | None]]:
    rows = Candle.objects.filter(interval=interval, coin_type=coin_type).order_by("occurred_at")
    return [
        (f"{row.occurred_at:%H:%M}", *(str(value.normalize()) for value in (row.open, row.high, row.low, row.close)), row.readings)
        for row in rows
    ]  # fmt: skip


def test_five_minutes_are_made_of_prices_and_a_gap_has_no_candle() -> None:
    for minutes, last in [(0, "5"), (1, "9"), (2, "3"), (4, "4"), (10, "7"), (14, "8")]:
        price(minutes, last)
    assert roll_candles(now=NOON + timedelta(minutes=18)) == 2
    assert candles("5min") == [("12:00", "5", "9", "3", "4", 4), ("12:10", "7", "8", "7", "8", 2)]


def test_interval_is_rolled_only_when_nothing_can_come_late() -> None:
    price(0, "5")
    assert roll_candles(now=NOON + timedelta(minutes=7, seconds=59)) == 0
    assert roll_candles(now=NOON + timedelta(minutes=8)) == 1


def test_rolling_again_adds_nothing_and_goes_on_where_it_stopped() -> None:
    price(0, "5")
    roll_candles(now=NOON + timedelta(minutes=8))
    assert roll_candles(now=NOON + timedelta(minutes=8)) == 0
    price(6, "6")
    assert roll_candles(now=NOON + timedelta(minutes=13)) == 1


def test_hours_and_days_are_made_of_the_finer_candles() -> None:
    for minutes in range(0, 120, 5):
        price(minutes, str(100 + minutes))
        price(minutes, "50", "ETH")
    roll_candles(now=NOON + timedelta(days=1))
    assert candles("hour") == [
        ("12:00", "1E+2", "155", "1E+2", "155", 12),
        ("13:00", "1.6E+2", "215", "1.6E+2", "215", 12),
    ]
    assert candles("day") == [("00:00", "1E+2", "215", "1E+2", "215", 24)]
    assert candles("day", "ETH") == [("00:00", "5E+1", "5E+1", "5E+1", "5E+1", 24)]


HEADER = "timestamp,open,high,low,close,volume\n"


def read(*lines: str) -> Any:
    body = (HEADER + "\n".join(lines)).encode()
    return parse(body, coin="btc", market="AUD", interval="day", width=timedelta(days=1))


def test_file_is_read_exactly() -> None:
    (record,) = read("2026-01-31T00:00:00Z,1.10,2,1,1.5,0.00000001")
    assert (record.coin_type, record.open, record.volume) == ("BTC", Decimal("1.10"), Decimal("0.00000001"))
    assert record.occurred_at == datetime(2026, 1, 31, tzinfo=UTC)


def test_bad_lines_are_all_named_by_number() -> None:
    with pytest.raises(BadLines) as caught:
        read("2026-01-31,1,2,1,1,", "2026-01-31,NaN,2,1,1,", "soon,1,2,1,1,", "2026-01-31,1,0.5,1,1,",
             "2026-01-31T01:00:00Z,1,2,1,1,", "2026-01-31,1,2,1")  # fmt: skip
    assert [part.split(":")[0] for part in str(caught.value).split("; ")] == [
        f"line {n}" for n in (3, 4, 5, 6, 7)
    ]


def test_file_without_a_time_column_says_what_it_lacks() -> None:
    with pytest.raises(BadLines, match="the header lacks a time"):
        parse(b"open,high,low,close\n", coin="BTC", market="AUD", interval="day", width=timedelta(days=1))


def backfill(path: Path, *options: str) -> str:
    out = StringIO()
    call_command(
        "backfill",
        "coinspot_prices",
        "--since=2010-01-01",
        f"--csv={path}",
        "--coin=BTC",
        *options,
        stdout=out,
    )
    return out.getvalue()


def test_backfilled_candle_says_when_it_would_have_been_known(tmp_path: Path) -> None:
    file = tmp_path / "candles.csv"
    file.write_text(HEADER + "2026-01-31T00:00:00Z,1,2,1,1.5,3\n")
    assert "1 candles stored, 0 already known" in backfill(file)
    candle = Candle.objects.get()
    assert (candle.origin, candle.available_at) == ("backfill", datetime(2026, 2, 1, tzinfo=UTC))
    assert candle.observed_at <= system_clock.now()
    assert "0 candles stored, 1 already known" in backfill(file)


def test_bad_file_stores_nothing(tmp_path: Path) -> None:
    file = tmp_path / "candles.csv"
    file.write_text(HEADER + "2026-01-31,1,2,1,1.5,3\n2026-02-01,0,2,1,1.5,3\n")
    with pytest.raises(CommandError, match="nothing was stored: line 3"):
        backfill(file)
    assert not Candle.objects.exists()


@needs_shared
def test_recorded_file_is_stored_whole_with_its_gaps() -> None:
    path = SHARED / "prices" / "btc_usd_coinbase_daily_2014_2018.csv"
    assert f"{len(path.read_text().splitlines()) - 1} candles stored" in backfill(path, "--market=USD")
    times = list(Candle.objects.order_by("occurred_at").values_list("occurred_at", flat=True))
    assert any(later - earlier > timedelta(days=1) for earlier, later in pairwise(times))
