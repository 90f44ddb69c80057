"""Telling our orders and trades from others, as tables and properties."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.trading.matching import Unsearchable, Wanted, attribute, candidates
from apps.trading.records import VenueOrder, VenueTrade

ANY = mock.ANY
SENT = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def wanted(quantity: str = "1", price: str = "100", **columns: Any) -> Wanted:
    return Wanted(**({"id": 1, "side": "buy", "coin_type": "BTC", "quantity": D(quantity), "limit_price": D(price),
                      "since": SENT, "until": SENT + MINUTE} | columns))  # type: ignore[arg-type]  # fmt: skip


def listed(remaining: str = "1", **columns: Any) -> VenueOrder:
    return VenueOrder(**({"id": "a", "side": "buy", "coin_type": "BTC", "remaining": D(remaining), "rate": D(100),
                          "created_at": SENT} | columns))  # type: ignore[arg-type]  # fmt: skip


def traded(quantity: str, key: str = "", **columns: Any) -> VenueTrade:
    return VenueTrade(**({"key": key or quantity, "side": "buy", "coin_type": "BTC", "quantity": D(quantity),
                          "price": D(99), "value_aud": D(quantity) * 99, "fee_aud": D(0), "at": SENT,
                          "order_id": None} | columns))  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(
    ("orders", "trades", "names"),
    [
        ([], [], []),
        ([listed()], [], ["a"]),
        ([listed(), listed(id="b")], [], ["a", "b"]),
        ([listed("0.99999999")], [], []),
        ([listed("1.00000001")], [], []),
        ([listed(side="sell")], [], []),
        ([listed(coin_type="ETH")], [], []),
        ([listed(rate=D("100.00000001"))], [], []),
        ([listed(created_at=SENT - MINUTE)], [], ["a"]),
        ([listed(created_at=SENT - MINUTE - timedelta(seconds=1))], [], []),
        ([listed(created_at=SENT + 2 * MINUTE)], [], ["a"]),
        ([listed(created_at=SENT + 2 * MINUTE + timedelta(seconds=1))], [], []),
        # Partly filled: what is left and what was traded come to the amount.
        ([listed("0.4")], [traded("0.6")], ["a"]),
        ([listed("0.4")], [traded("0.25"), traded("0.35")], ["a"]),
        ([listed("0.4")], [traded("0.5")], []),
        ([listed("0.4")], [traded("0.6", order_id="a")], ["a"]),
        ([listed("0.4")], [traded("0.6", order_id="b")], []),
        # Filled: only trades are left of it, at our price or better.
        ([], [traded("1")], ["1"]),
        ([], [traded("1", price=D("100.1"))], []),
        ([], [traded("1", at=SENT - 2 * MINUTE)], []),
        ([], [traded("0.6"), traded("0.4"), traded("0.3")], ["0.6+0.4"]),
        ([], [traded("0.5", "x"), traded("0.5", "y"), traded("0.5", "z")], ["x+y", "x+z", "y+z"]),
        ([], [traded("1", "manual"), traded("0.6"), traded("0.4")], ["manual", "0.6+0.4"]),
        ([], [traded("0.1", f"{n}") for n in range(15)], ["0+1+2+3+4+5+6+7+8+9"] + [ANY] * 9),
        ([], [traded("1", order_id="v")], ["v"]),
        ([], [traded("0.4", "x", order_id="v"), traded("0.6", "y", order_id="v")], ["v"]),
        ([], [traded("0.4", order_id="v"), traded("0.6", order_id="w")], []),
        # Oldest first; an order on the book and one that was filled at once may both be it.
        ([listed(created_at=SENT + MINUTE)], [traded("1", order_id="v")], ["v", "a"]),
    ],
)
def test_lost_order_may_be_what_comes_to_its_exact_amount(orders: Any, trades: Any, names: list[str]) -> None:
    found = candidates(wanted(), orders, trades)
    assert [one.venue_order_id or "+".join(trade.key for trade in one.trades) for one in found] == names


def test_order_filled_in_many_pieces_is_found() -> None:
    (found,) = candidates(wanted("4"), [], [traded("0.1", f"{n}") for n in range(40)])
    assert len(found.trades) == 40


def test_search_among_too_many_trades_says_so() -> None:
    with pytest.raises(Unsearchable):
        candidates(wanted("5.0505"), [], [traded(f"0.1{n:02}", f"{n}") for n in range(99)])


def test_order_on_the_book_takes_no_trades_where_there_are_two_ways_to() -> None:
    (found,) = candidates(wanted(), [listed("0.6")], [traded("0.4", "x"), traded("0.4", "y")])
    assert (found.venue_order_id, found.remaining, found.trades) == ("a", D("0.6"), ())


def test_sale_takes_no_trade_below_its_limit() -> None:
    sale = wanted(side="sell")
    assert candidates(sale, [], [traded("1", side="sell", price=D("99.9"))]) == []
    assert len(candidates(sale, [], [traded("1", side="sell", price=D(101))])) == 1


def known(number: int, quantity: str, **columns: Any) -> Wanted:
    return wanted(quantity, id=number, venue_order_id=f"v{number}", until=None, **columns)


def deal(orders: list[Wanted], book: list[VenueOrder], trades: list[VenueTrade]) -> Any:
    """Give, by order: the keys of its trades, of the loose ones, and whether it is doubtful; and the foreign."""
    findings, foreign = attribute(orders, book, trades)
    return {
        number: (
            sorted(trade.key for trade in found.trades),
            [trade.key for trade in found.loose],
            found.doubtful,
        )
        for number, found in findings.items()
    }, [trade.key for trade in foreign]


@pytest.mark.parametrize(
    ("orders", "book", "trades", "expected", "foreign"),
    [
        # On the book, untouched; a trade of the same coin is somebody else's.
        ([known(1, "1")], [listed("1", id="v1")], [traded("0.3")], {1: ([], [], False)}, ["0.3"]),
        # What left the book was traded.
        ([known(1, "1")], [listed("0.7", id="v1")], [traded("0.3")], {1: (["0.3"], [], False)}, []),
        ([known(1, "1", filled=D("0.2"))], [listed("0.7", id="v1")], [traded("0.1")], {1: (["0.1"], [], False)}, []),
        # The list of trades lags behind the book: wait.
        ([known(1, "1")], [listed("0.7", id="v1")], [], {1: ([], [], False)}, []),
        ([known(1, "1")], [listed("0.7", id="v1")], [traded("0.2")], {1: ([], ["0.2"], True)}, []),
        # Gone with everything traded, or with a part: filled, or perhaps cancelled.
        ([known(1, "1")], [], [traded("0.3"), traded("0.7")], {1: (["0.3", "0.7"], [], False)}, []),
        ([known(1, "1")], [], [traded("0.3")], {1: ([], ["0.3"], False)}, []),
        # Two orders, and only one way to deal the trades out.
        ([known(1, "1"), known(2, "0.9")], [], [traded("1"), traded("0.9")],
         {1: (["1"], [], False), 2: (["0.9"], [], False)}, []),
        ([known(1, "1"), known(2, "0.9")], [listed("0.7", id="v1"), listed("0.5", id="v2")],
         [traded("0.3"), traded("0.4")], {1: (["0.3"], [], False), 2: (["0.4"], [], False)}, []),
        # Two ways: neither is chosen.
        ([known(1, "1"), known(2, "2")], [listed("0.7", id="v1"), listed("1.7", id="v2")],
         [traded("0.3", "x"), traded("0.3", "y", value_aud=D(29))],
         {1: ([], ["x", "y"], True), 2: ([], ["x", "y"], True)}, []),
        # Trades that are alike may stand for each other: one each; one that is listed twice is somebody else's.
        ([known(1, "1"), known(2, "2")], [listed("0.7", id="v1"), listed("1.7", id="v2")],
         [traded("0.3", "x"), traded("0.3", "y")], {1: (["x"], [], False), 2: (["y"], [], False)}, []),
        ([known(1, "1")], [listed("0.7", id="v1")], [traded("0.3", "x"), traded("0.3", "x2")],
         {1: (["x"], [], False)}, ["x2"]),
        # Trades that name their order.
        ([known(1, "1"), known(2, "1")], [], [traded("1", "x", order_id="v2"), traded("1", "y", order_id="zz")],
         {1: ([], [], False), 2: (["x"], [], False)}, ["y"]),
        ([known(1, "1")], [], [traded("0.6", "x", order_id="v1"), traded("0.6", "y", order_id="v1")],
         {1: ([], ["x", "y"], True)}, []),
        # An order that was cancelled may still be completed, and takes no part of it; nor does it hold up others.
        ([known(1, "1", ended=True)], [], [traded("1")], {1: (["1"], [], False)}, []),
        ([known(1, "1", ended=True)], [], [traded("0.3")], {1: ([], [], False)}, ["0.3"]),
        ([known(1, "1", ended=True), known(2, "2")], [], [traded("2")], {1: ([], [], False), 2: (["2"], [], False)}, []),
        ([known(1, "1", limit_price=D(50), ended=True), known(2, "2")], [], [traded("2")],
         {1: ([], [], False), 2: (["2"], [], False)}, []),
        # Two orders gone from the book, one filled: the other was cancelled, or its trades lag.
        ([known(1, "1"), known(2, "2")], [], [traded("2")], {1: ([], [], False), 2: (["2"], [], False)}, []),
        # What ended takes nothing that an order at the venue misses, and nothing made after it ended.
        ([known(1, "0.1", ended=True), known(2, "0.2")], [], [traded("0.1", "x"), traded("0.1", "y")],
         {1: ([], [], False), 2: (["x", "y"], [], False)}, []),
        ([wanted("1", id=1, venue_order_id="v1", ended=True)], [], [traded("1", at=SENT + 3 * MINUTE)],
         {1: ([], [], False)}, ["1"]),
        # In review: only what names it.
        ([known(1, "1", in_review=True)], [], [traded("1")], {1: ([], [], False)}, ["1"]),
        ([known(1, "1", in_review=True)], [], [traded("1", order_id="v1")], {1: (["1"], [], False)}, []),
        # A trade beyond the limit, or before the order, is not its own.
        ([known(1, "1")], [], [traded("1", price=D(101))], {1: ([], [], False)}, ["1"]),
        ([known(1, "1")], [], [traded("1", at=SENT - 2 * MINUTE)], {1: ([], [], False)}, ["1"]),
    ],
)  # fmt: skip
def test_trades_are_dealt_out_where_the_amounts_come_out_and_left_alone_otherwise(
    orders: Any, book: Any, trades: Any, expected: Any, foreign: list[str]
) -> None:
    assert deal(orders, book, trades) == (expected, foreign)


AMOUNTS = st.lists(st.integers(1, 10**6), min_size=1, max_size=4, unique=True)


@given(
    amounts=AMOUNTS, cuts=st.lists(st.floats(0.1, 0.9), max_size=3), order=st.randoms(use_true_random=False)
)
def test_no_trade_is_dealt_twice_and_no_order_gets_more_than_it_asked_for(
    amounts: list[int], cuts: list[float], order: Any
) -> None:
    orders = [known(number, str(amount)) for number, amount in enumerate(amounts)]
    trades = []
    for number, amount in enumerate(amounts):
        left = amount
        for place, cut in enumerate(cuts):
            part = max(1, int(left * cut))
            if part < left:
                trades.append(traded(str(part), f"{number}-{place}"))
                left -= part
        trades.append(traded(str(left), f"{number}-last"))
    order.shuffle(trades)
    findings, foreign = attribute(orders, [], trades)
    dealt = [trade.key for found in findings.values() for trade in found.trades]
    assert len(dealt) == len(set(dealt))
    for known_order in orders:
        found = findings[known_order.id]
        assert sum(trade.quantity for trade in found.trades) in (0, known_order.quantity)
    assert not {trade.key for trade in foreign} & set(dealt)


def test_dealing_equal_trades_to_many_orders_is_given_up_in_a_moment() -> None:
    orders = [known(number, "3") for number in range(6)]
    began = time.monotonic()
    findings, foreign = attribute(orders, [], [traded("1", f"{n}") for n in range(14)])
    assert time.monotonic() - began < 10
    assert all(found.doubtful and not found.trades for found in findings.values())
    assert foreign == []
