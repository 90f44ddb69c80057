"""Read files of trade history: what rows say, what is refused and with which words, and any bytes at all."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.trading.imports import coinspot, plain, table
from apps.trading.imports.reading import read_history
from apps.trading.imports.records import Entry, History, ImportedFill, ImportedMovement, Unreadable

SAMPLES = Path(__file__).parent / "samples"
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


def test_plain_file_reads_as_fills_and_movements() -> None:
    assert [bare(entry) for entry in read((SAMPLES / "plain.csv").read_bytes()).entries] == [
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
        (b"x" * (table.MOST_BYTES + 1), "the file has 10,000,001 bytes; at most 10,000,000 are read: split it"),
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


def test_order_history_moves_cash_by_its_total_and_swaps_leave_it() -> None:
    history = read((SAMPLES / "coinspot_orders.csv").read_bytes())
    assert [bare(entry) for entry in history.entries] == [
        fill("2021-06-05T08:54Z", "SOL", "sell", "2", "59.95", "119.9", "1.2"),
        fill("2021-06-05T08:54Z", "ALGO", "buy", "100.99", "1.175363897415585702", "118.7", "0"),
        fill("2021-06-05T08:54Z", "SOL", "buy", "2.5", "60", "150", "1.5"),
        fill("2020-05-20T23:05Z", "STEEM", "sell", "20", "0.5", "10", "0.1"),
        fill("2020-05-20T08:54Z", "STEEM", "buy", "63.3510153", "0.46886337", "29.7029703", "0.2970297"),
    ]
    cash = [
        entry.value_aud - entry.fee_aud if entry.side == "sell" else -entry.value_aud - entry.fee_aud
        for entry in history.entries
        if isinstance(entry, ImportedFill)
    ]
    assert cash == [Decimal(n) for n in ("118.7", "-118.7", "-151.5", "9.9", "-30")]


def test_newest_first_export_is_counted_from_its_end_and_a_sale_comes_before_its_purchase() -> None:
    history = read((SAMPLES / "coinspot_orders.csv").read_bytes())
    in_order = sorted(history.entries, key=lambda entry: (entry.at, entry.sequence))
    assert [(entry.coin_type, entry.line) for entry in in_order] == [
        ("STEEM", 5), ("STEEM", 4), ("SOL", 3), ("SOL", 2), ("ALGO", 2),
    ]  # fmt: skip


def order(date: str = "20/05/2020 06:54 PM", **cells: str) -> str:
    row = {
        "date": date, "type": "Buy", "market": "BTC/AUD", "amount": "2", "inc": "10100", "ex": "10000", "fee": "200 AUD",
        "fee_aud": "200", "gst": "18.18", "total_aud": "20200", "total": "20200.00 AUD",
    } | cells  # fmt: skip
    return ",".join(f'"{cell}"' for cell in row.values())


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("20/5/2020 18:54", "2020-05-20T08:54Z"),
        ("20/05/2020 06:54 PM", "2020-05-20T08:54Z"),
        ("20/05/2020 6:54 pm", "2020-05-20T08:54Z"),
        ("20/05/2020 18:54 PM", "2020-05-20T08:54Z"),
        ("20/05/2020 12:00 PM", "2020-05-20T02:00Z"),
        ("20/05/2020 12:30 AM", "2020-05-19T14:30Z"),
        ("20/05/2020 00:30 AM", "2020-05-19T14:30Z"),
        ("20/05/2020 18:54:07", "2020-05-20T08:54:07Z"),
        ("20/05/2020", "2020-05-19T14:00Z"),
        ("05/04/2020 02:30", "2020-04-04T15:30Z"),  # shown twice: the first
        ("01/12/2020 12:00 PM", "2020-12-01T01:00Z"),  # daylight saving
    ],
)
def test_order_history_has_the_account_s_local_times(date: str, at: str) -> None:
    assert only(rows(order(date), header=ORDERS)).at == datetime.fromisoformat(at)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (order("5/20/2020 18:54"), "transaction date '5/20/2020 18:54': a time such as 20/05/2020 06:54 PM"),
        (order("2020-05-20"), "transaction date '2020-05-20': a time such as"),
        (order("20/05/2020 13:00 AM"), "no morning has that hour"),
        (order("20/05/2020 24:00"), "a time such as"),
        (
            order("04/10/2020 02:30"),
            "no clock in Australia/Sydney, the account's time zone, showed that time",
        ),
        (order("03/03/2026 00:00"), "a time from 2000 until now"),
        (order(type="Stake"), "type 'Stake': one of: buy, sell"),
        (order(market="BTC"), "market 'BTC': two coins, such as BTC/AUD"),
        (order(market="BTC/BTC"), "market 'BTC/BTC': two coins"),
        (order(market="AUD/BTC"), "market 'AUD/BTC': a coin before the slash"),
        (order(market="B C/AUD"), "market 'B C': a coin's symbol"),
        (order(amount="0"), "amount '0': a number above 0"),
        (order(amount="-2"), "amount '-2': a number above 0"),
        (
            order(amount="1,23"),
            "amount '1,23': a number below 10^20 with at most 18 decimals, such as 1,234.50 AUD",
        ),
        (order(total_aud=""), "total aud '': what was paid or received, in AUD"),
        (order(total_aud="-1"), "total aud '-1': what was paid"),
        (order(total_aud="20000"), "amount × rate ex. fee is 20000, but total aud and the fee say 19800"),
        (
            order(total_aud="20200.03"),
            "amount × rate ex. fee is 20000, but total aud and the fee say 20000.03",
        ),
        (order(type="Sell"), "amount × rate ex. fee is 20000, but total aud and the fee say 20400"),
        (order(ex="-10000", total_aud="0"), "rate ex. fee '-10000'"),
        (order(market="BTC/ETH"), "total (inc gst) '20200 AUD': an amount of ETH"),
        (order(market="BTC/ETH", total="0.00 ETH", inc="1"), "total (inc gst) '0': a number above 0"),
        (
            order(market="BTC/ETH", total="30 ETH", total_aud="100"),
            "fee aud (inc gst) '200': at most total aud, 100",
        ),
    ],
)
def test_bad_row_of_the_order_history_says_what_does_not_agree(row: str, message: str) -> None:
    (error,) = rows(row, header=ORDERS).errors
    assert error.line == 2
    assert message in error.message


def test_sum_within_the_rounding_of_what_the_export_shows_is_taken() -> None:
    # Total and fee are off by half a cent each at most, the rate by half of its last digit for each coin.
    tiny = order(
        amount="1,000,000", ex="0.000018", fee="0.1797 AUD", fee_aud="0.18", total_aud="18.15", inc="0"
    )
    entry = only(rows(tiny, header=ORDERS))
    assert (entry.quantity, entry.value_aud + entry.fee_aud) == (Decimal(1_000_000), Decimal("18.15"))


@pytest.mark.parametrize(
    ("cells", "quantity"),
    [
        ({"inc": "0.01234567", "total": "0.02 ETH"}, "0.02469134"),  # the rate shows more
        ({"inc": "0.01", "total": "0.02469134 ETH"}, "0.02469134"),  # the total does
        ({"inc": "25000.5", "total": "30.5 ETH"}, "30.5"),  # the rate is of something else
        ({"inc": "0.01234567", "total": "0.02"}, "0.02469134"),
    ],
)
def test_second_coin_of_a_market_is_read_where_it_shows_most_digits(
    cells: dict[str, str], quantity: str
) -> None:
    sold, bought = rows(order(market="BTC/ETH", **cells), header=ORDERS).entries
    assert isinstance(sold, ImportedFill)
    assert isinstance(bought, ImportedFill)
    assert (sold.coin_type, sold.side, sold.quantity) == ("ETH", "sell", Decimal(quantity))
    assert (bought.coin_type, bought.side, bought.quantity) == ("BTC", "buy", 2)
    # The fee is the market's first coin's: it costs the total with it.
    assert (sold.value_aud, sold.fee_aud, bought.value_aud, bought.fee_aud) == (20200, 0, 20000, 200)


def test_fee_in_another_currency_or_that_disagrees_is_the_one_with_gst_in_it() -> None:
    without_gst = only(rows(order(fee="181.82 AUD"), header=ORDERS))
    assert (without_gst.fee_aud, without_gst.value_aud) == (200, 20000)


def test_transfers_are_movements_at_their_value_and_a_send_s_fee_is_coins_too() -> None:
    history = read((SAMPLES / "coinspot_transfers.csv").read_bytes())
    assert history.ignored == 1
    assert [bare(entry) for entry in history.entries] == [
        ImportedMovement(
            datetime(2021, 6, 1, 0, tzinfo=UTC),
            "receive",
            "BTC",
            quantity=Decimal("0.5"),
            unit_price=Decimal(50000),
        ),
        ImportedMovement(
            datetime(2021, 6, 2, 0, tzinfo=UTC),
            "send",
            "BTC",
            quantity=Decimal("-0.1"),
            unit_price=Decimal(50000),
        ),
        fill("2021-06-02T00:00Z", "BTC", "sell", "0.0005", "50000", "25", "0", "transfer_fee"),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("01/06/2021 10:00 AM,Swap,BTC,Complete,0,1,,,1", "type 'Swap': one of: send, receive"),
        ("01/06/2021 10:00 AM,Send,,Complete,0,1,,,1", "coin ''"),
        ("01/06/2021 10:00 AM,Send,BTC,Complete,1 AUD,1,,,1", "fee '1 AUD': coins, BTC"),
        ("01/06/2021 10:00 AM,Send,BTC,Complete,0,0,,,1", "amount '0'"),
        ("01/06/2021 10:00 AM,Send,BTC,Complete,0,1e-18,,,1000", "aud '1000': a price below 10^20"),
        (
            "01/06/2021 10:00 AM,Send,BTC,Complete,1e19,1,,,1e19",
            "fee '10000000000000000000': a value below 10^20",
        ),
    ],
)
def test_bad_row_of_the_transfers_is_refused(row: str, message: str) -> None:
    (error,) = rows(row, header=TRANSFERS).errors
    assert message in error.message


def test_export_may_have_columns_that_are_not_read() -> None:
    assert only(rows(order() + ",checked", header=ORDERS + ",Comment")).coin_type == "BTC"


CELL = st.one_of(
    st.sampled_from([
        "", "1", "0", "-1", "2,000", "1e-99999", "1e99999", "0e99999", "NaN", "1 AUD", "0.5 ETH", "buy", "sell", "Send",
        "BTC", "AUD", "BTC/AUD", "BTC/ETH", "Complete", "deposit", "gift", "2024-01-01T00:00:00Z", "20/05/2020 18:54",
        "31/02/2020", "0001-01-01T00:00:00+14:00", "9999-12-31", '"', "x" * 90,
    ]),
    st.text(max_size=12),
    st.decimals().map(str),
)  # fmt: skip
HEADER = st.sampled_from([PLAIN, ORDERS, TRANSFERS])


def checked(data: bytes) -> None:
    """Read bytes: rows or errors by line or a reason, never anything else; entries that the database takes."""
    try:
        history = read(data)
    except Unreadable as error:
        assert str(error)
        return
    assert all(error.line >= 1 and error.message for error in history.errors)
    assert len({entry.ref for entry in history.entries}) == len(history.entries)
    for entry in history.entries:
        assert 0 < len(entry.ref) <= 80
        assert 0 < abs(entry.quantity) < 10**20 or isinstance(entry, ImportedMovement)
        if isinstance(entry, ImportedFill):
            assert min(entry.price, entry.value_aud, entry.fee_aud) >= 0
            assert max(entry.price, entry.value_aud, entry.fee_aud) < 2 * 10**20


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    checked(data)


@given(HEADER, st.lists(st.lists(CELL, max_size=12), max_size=6))
def test_any_cells_are_read_or_refused(header: str, lines: list[list[str]]) -> None:
    checked("\n".join([header, *(",".join(line) for line in lines)]).encode("utf-8", "surrogatepass"))


POSITIVE = st.decimals(min_value="0.00000001", max_value="1000000", places=8)


@given(quantity=POSITIVE, rate=POSITIVE, side=st.sampled_from(["Buy", "Sell"]))
def test_order_as_the_venue_rounds_it_moves_cash_by_its_total(
    quantity: Decimal, rate: Decimal, side: str
) -> None:
    value = quantity * rate
    fee = value / 100
    total = (value + fee if side == "Buy" else value - fee).quantize(Decimal("0.01"))
    row = order(
        type=side, amount=str(quantity), ex=str(rate), inc="0", fee=f"{fee:.8f} AUD", fee_aud=f"{fee:.2f}",
        total_aud=f"{total:,}", total=f"{total} AUD",
    )  # fmt: skip
    entry = only(rows(row, header=ORDERS))
    assert entry.value_aud + (entry.fee_aud if side == "Buy" else -entry.fee_aud) == total


@given(total=POSITIVE, fee=POSITIVE, side=st.sampled_from(["Buy", "Sell"]))
def test_swap_leaves_cash_exactly_as_it_was(total: Decimal, fee: Decimal, side: str) -> None:
    row = order(
        type=side, market="BTC/ETH", total="3 ETH", total_aud=str(total + fee), fee_aud=str(fee), fee=""
    )
    sold, bought = rows(row, header=ORDERS).entries
    assert isinstance(sold, ImportedFill)
    assert isinstance(bought, ImportedFill)
    assert sold.value_aud - sold.fee_aud == bought.value_aud + bought.fee_aud == total + fee


def test_formats_name_the_columns_that_their_readers_read() -> None:
    assert set(coinspot.ORDERS) <= {name.lower() for name in ORDERS.split(",")}
    assert set(coinspot.TRANSFERS) <= {name.lower() for name in TRANSFERS.split(",")}
