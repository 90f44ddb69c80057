"""Read CoinSpot's exports: cash by their totals, swaps, local times, and what does not agree."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.trading.imports import coinspot
from apps.trading.imports.records import ImportedFill, ImportedMovement
from apps.trading.tests.histories import ORDERS, TRANSFERS, bare, fill, only, read, rows
from apps.trading.tests.imports import sample


def test_order_history_moves_cash_by_its_total_and_swaps_leave_it() -> None:
    history = read(sample("coinspot_orders.csv"))
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
    history = read(sample("coinspot_orders.csv"))
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


def test_dust_whose_fee_is_rounded_above_its_total_costs_the_total() -> None:
    dust = order(market="BTC/ETH", total="30 ETH", total_aud="0", fee_aud="0.01", fee="")
    sold, bought = rows(dust, header=ORDERS).entries
    assert isinstance(sold, ImportedFill)
    assert isinstance(bought, ImportedFill)
    assert (sold.value_aud, bought.value_aud, bought.fee_aud) == (0, 0, 0)


def test_fee_in_another_currency_or_that_disagrees_is_the_one_with_gst_in_it() -> None:
    without_gst = only(rows(order(fee="181.82 AUD"), header=ORDERS))
    assert (without_gst.fee_aud, without_gst.value_aud) == (200, 20000)


def test_transfers_are_movements_at_their_value_and_a_send_s_fee_is_coins_too() -> None:
    history = read(sample("coinspot_transfers.csv"))
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
