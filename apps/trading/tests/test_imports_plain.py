"""Read our own format: what rows say, and in which words they are refused."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.trading.imports import plain, table
from apps.trading.imports.records import History, ImportedMovement, Unreadable
from apps.trading.tests.histories import ORDERS, PLAIN, bare, fill, only, read, rows
from apps.trading.tests.imports import sample


def test_plain_file_reads_as_fills_and_movements() -> None:
    assert [bare(entry) for entry in read(sample("plain.csv")).entries] == [
        ImportedMovement(datetime(2024, 1, 2, tzinfo=UTC), "deposit", amount_aud=Decimal(50000)),
        fill("2024-01-03T09:30Z", "BTC", "buy", "1", "40000", "40000", "40"),
        fill("2024-02-01T01:00Z", "BTC", "buy", "0.01", "65000", "650", "0", "interest"),
        fill("2024-03-01T09:30Z", "BTC", "sell", "0.4", "70000", "28000", "28"),
        ImportedMovement(datetime(2024, 3, 2, tzinfo=UTC), "send", "BTC", quantity=Decimal("-0.1")),
        ImportedMovement(datetime(2024, 3, 3, tzinfo=UTC), "withdrawal", amount_aud=Decimal(-1000)),
    ]


def test_columns_come_in_any_order_and_case_and_may_lack_the_optional_ones() -> None:
    read_so = rows(" 5 ,1,btc,SELL,2024-01-01, 2 ", header="\ufeffFEE_AUD,Quantity,coin,side,time,price")
    assert bare(only(read_so)) == fill("2024-01-01T00:00Z", "BTC", "sell", "1", "2", "2", "5")


def test_value_is_rounded_once_half_to_even_and_keeps_eighteen_decimals_of_quantity() -> None:
    entry = only(rows("2024-01-01T00:00:00Z,buy,BTC,0.000000000000000001,5000000000,,,"))
    assert (entry.quantity, entry.value_aud, entry.fee_aud) == (Decimal("1e-18"), Decimal("0E-8"), 0)


def test_sale_may_be_at_no_price_and_coin_may_have_a_dot() -> None:
    entry = only(rows("2024-01-01T00:00:00Z,sell,BALN.SW,2,0,0,,"))
    assert (entry.coin_type, entry.price, entry.value_aud) == ("BALN.SW", 0, 0)


@pytest.mark.parametrize(("kind", "sides"), plain.KINDS.items())
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_kind_stands_on_the_sides_that_make_sense(kind: str, sides: tuple[str, ...], side: str) -> None:
    history = rows(f"2024-01-01T00:00:00Z,{side},BTC,1,2,0,,{kind}")
    if side in sides:
        booked = only(history)
        assert getattr(booked, "side", side) == side
        assert booked.kind == {
            "buy": "trade",
            "sell": "trade",
            "deposit": "receive",
            "withdrawal": "send",
        }.get(kind, kind)
    else:
        (error,) = history.errors
        assert error.message.startswith(f"side of kind {kind} {side!r}: one of: ")


def test_coins_that_come_or_go_are_worth_their_price_and_unknown_without_one() -> None:
    come, gone, free = rows(
        "2024-01-01T00:00:00Z,buy,BTC,2,40000,0,,deposit",
        "2024-01-02T00:00:00Z,sell,BTC,1,0,0,,withdrawal",
        "2024-01-03T00:00:00Z,,BTC,1,,,,deposit",
    ).entries
    assert [(entry.kind, entry.quantity, entry.unit_price) for entry in (come, gone, free)] == [  # type: ignore[union-attr]
        ("receive", 2, 40000), ("send", -1, None), ("receive", 1, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("yesterday,buy,BTC,1,2,0,,", "time 'yesterday': an ISO 8601 time, such as 2026-03-01T09:30:00Z"),
        ("2026-03-02T12:00:01Z,buy,BTC,1,2,0,,", "time '2026-03-02T12:00:01Z': a time from 2000 until now, 2026-03-02T12:00:00Z"),
        ("0001-01-01T00:00:00+14:00,buy,BTC,1,2,0,,", "an ISO 8601 time"),
        ("1999-12-31T00:00:00Z,buy,BTC,1,2,0,,", "a time from 2000"),
        ("2024-01-01T00:00:00Z,hold,BTC,1,2,0,,", "side of kind trade 'hold': one of: buy, sell"),
        ("2024-01-01T00:00:00Z,buy,BTC,1,2,0,,lending", "kind 'lending': one of: trade, buy, sell, interest"),
        ("2024-01-01T00:00:00Z,sell,BTC,1,2,0,,buy", "side of kind buy 'sell': one of: buy"),
        ("2024-01-01T00:00:00Z,buy,B/C,1,2,0,,", "coin 'B/C': a coin's symbol"),
        ("2024-01-01T00:00:00Z,buy,..,1,2,0,,", "coin '..': a coin's symbol"),
        ("2024-01-01T00:00:00Z,buy,,1,2,0,,", "coin '': a coin's symbol"),
        ("2024-01-01T00:00:00Z,buy,AUD,1,2,0,,", "coin 'AUD': AUD is cash: kind deposit or withdrawal"),
        ("2024-01-01T00:00:00Z,buy,BTC,0,2,0,,", "quantity '0': a number above 0 and below 10^20, with at most 18 decimals"),
        ("2024-01-01T00:00:00Z,buy,BTC,-1,2,0,,", "quantity '-1': a number above 0"),
        ("2024-01-01T00:00:00Z,buy,BTC,NaN,2,0,,", "quantity 'NaN'"),
        ("2024-01-01T00:00:00Z,buy,BTC,1e20,2,0,,", "quantity '1e20'"),
        ("2024-01-01T00:00:00Z,buy,BTC,1e99999,2,0,,", "quantity '1e99999'"),
        ("2024-01-01T00:00:00Z,buy,BTC,0.0000000000000000001,2,0,,", "quantity '0.0000000000000000001'"),
        ("2024-01-01T00:00:00Z,buy,BTC,1,,0,,", "price '': a number of 0 or more"),
        ("2024-01-01T00:00:00Z,buy,BTC,1,Infinity,0,,", "price 'Infinity'"),
        ("2024-01-01T00:00:00Z,buy,BTC,1,-2,0,,", "price '-2'"),
        ("2024-01-01T00:00:00Z,buy,BTC,1e10,1e10,0,,", "price '10000000000': quantity × price must be below 10^20"),
        ("2024-01-01T00:00:00Z,buy,BTC,1,2,-1,,", "fee_aud '-1'"),
        ("2024-01-01T00:00:00Z,buy,BTC,1,2,0," + "x" * 81 + ",", "at most 80 printable characters"),
        ("2024-01-01T00:00:00Z,buy,BTC,1,2,0,a\x00b,", "at most 80 printable characters"),
        ("2024-01-01T00:00:00Z,buy,AUD,1,2,0,,deposit", "price '2': empty or 1 for AUD"),
        ("2024-01-01T00:00:00Z,buy,AUD,1.123456789,,0,,deposit", "quantity '1.123456789': at most 8 decimals for AUD"),
        ("2024-01-01T00:00:00Z,buy,AUD,1,,2,,deposit", "fee_aud '2': none for a deposit"),
        ("2024-01-01T00:00:00Z,buy,BTC,1,40,000,0,,", "it has 9 cells and the header 8: a comma in a number needs quotes"),
    ],
)  # fmt: skip
def test_bad_row_is_named_by_line_column_and_what_is_accepted(row: str, message: str) -> None:
    history = rows("2024-01-01T00:00:00Z,buy,BTC,1,2,0,,", "", row)
    (error,) = history.errors
    assert error.line == 4
    assert message in error.message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        ("tÿme".encode("latin-1"), "byte 1 is not UTF-8"),
        (PLAIN.encode("utf-16"), "byte 0 is not UTF-8"),
        (PLAIN.replace(",", ";").encode(), "separated by semicolons or tabs: save it with commas"),
        (b"time,side,coin,quantity,price,fee_aud,price", "its header names a column twice: price"),
        (b"time,side,coin,quantity,price", "The closest is plain, which also has: fee_aud"),
        (b"time,side,coin,quantity,price,fee_aud,kinds", "unknown columns in the header: kinds; accepted are time, side"),
        (b"a,b", "the header is of no format that is read"),
        (ORDERS.replace("Market,", "").encode(), "The closest is CoinSpot's order history, which also has: market"),
        (PLAIN.encode() + b'\n"2024', "from line 2 on it is not CSV"),
        (b"x" * (table.MOST_BYTES + 1), "the file has more than 10,000,000 bytes: split it"),
        (b"a\n" + b"x\n" * (table.MOST_ROWS + 1), "the file has more than 200,000 rows: split it"),
    ],
)  # fmt: skip
def test_file_that_cannot_be_read_says_why(data: bytes, message: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(data)
    assert message in str(caught.value)


def test_header_alone_holds_nothing() -> None:
    assert read(PLAIN) == History((), 0)


def test_rows_that_say_the_same_are_told_apart_and_known_again_in_any_order_and_spelling() -> None:
    one, two = "2024-01-01T00:00:00Z,buy,BTC,1,2,0,,", "2024-01-02T00:00:00Z,buy,BTC,1,2,0,,"
    respelled = "2024-01-01T11:00:00+11:00,BUY,btc,1.0,2.00,,,trade"
    before = [entry.ref for entry in rows(one, one, two).entries]
    after = [entry.ref for entry in rows(two, respelled, one, one).entries]
    assert len(set(before)) == 3
    assert after[:3] == [before[2], before[0], before[1]]
    assert after[3] not in before


def test_given_id_is_kept_and_a_second_row_of_it_must_say_the_same() -> None:
    row, other = "2024-01-01T00:00:00Z,buy,BTC,1,2,0,x1,", "2024-01-01T00:00:00Z,buy,BTC,1,3,0,x1,"
    history = rows(row, row)
    assert ([entry.ref for entry in history.entries], history.repeated) == (["x1"], 1)
    (error,) = rows(row, other).errors
    assert (error.line, error.message) == (
        3, "venue_fill_id 'x1': is another fill: line 2's; an id for this one, or none",
    )  # fmt: skip
