"""Orders on paper against a recorded order book: level by level, once each, the rest at its own price."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.ledgers.models import LatestDepth
from apps.ledgers.tests.factories import make_depth, make_price
from apps.trading.models import Account, Fill, Holding, Order
from apps.trading.services import execute as executor
from apps.trading.services.cancel import cancel_order
from apps.trading.services.execute import drain_account, poll
from apps.trading.tests.factories import make_account, place, trade
from apps.trading.tests.races import in_threads
from ohmycoins.core import clock as system_clock

pytestmark = pytest.mark.django_db
ASKS = [("100", "1"), ("101", "2"), ("103", "3")]


def fills(order: Order) -> list[tuple[D, D, D, D]]:
    return list(order.fills.order_by("id").values_list("quantity", "price", "value_aud", "fee_aud"))


def as_it_stands(order: Order) -> Order:
    order.refresh_from_db()
    return order


def new_minute(
    clock: Any,
    *,
    bid: str | int = 99,
    ask: str | int = 100,
    bids: Sequence[tuple[str | int, str | int]] | None = None,
    asks: Sequence[tuple[str | int, str | int]] | None = None,
) -> None:
    """Let a minute pass, and record a price and, unless both sides are left out, a book."""
    clock.shift(60)
    make_price(bid=bid, ask=ask)
    if bids is not None or asks is not None:
        make_depth(bids=bids or (), asks=asks or ())


def test_market_buy_takes_level_after_level_and_pays_each_its_price_and_the_fee() -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=ASKS)
    account = make_account()
    order = trade(account, quantity="2.5")
    assert fills(order) == [
        (D(1), D(100), D(100), D("0.1")),
        (D("1.5"), D(101), D("151.5"), D("0.1515")),
    ]
    assert (order.status, order.filled_quantity, order.average_fill_price, order.fee_aud, order.reserved_aud) == (
        "filled", D("2.5"), D("100.6"), D("0.2515"), 0,
    )  # fmt: skip
    account.refresh_from_db()
    assert account.cash_aud == D(100_000) - D("251.5") - D("0.2515")
    assert Holding.objects.get().quantity == D("2.5")
    assert [event.to_status for event in order.events.all()] == [
        "pending", "submitting", "partially_filled", "filled",
    ]  # fmt: skip
    assert list(order.fills.order_by("id").values_list("venue_fill_id", flat=True)) == [
        f"paper-{order.pk}-1",
        f"paper-{order.pk}-2",
    ]


def test_market_sell_takes_the_bids_dearest_first() -> None:
    make_price(bid=99, ask=100)
    account = make_account()
    trade(account, quantity="3")
    make_depth(bids=[("99", "1"), ("98.5", "0.5"), ("97", "9")], asks=ASKS)
    order = trade(account, "sell", quantity="2")
    assert fills(order) == [
        (D(1), D(99), D(99), D("0.099")),
        (D("0.5"), D("98.5"), D("49.25"), D("0.04925")),
        (D("0.5"), D(97), D("48.5"), D("0.0485")),
    ]
    assert Holding.objects.get().quantity == 1


def test_value_and_fee_are_rounded_once_per_fill_and_half_to_even() -> None:
    make_price(bid="0.00000049", ask="0.0000005")
    make_depth(asks=[("0.0000005", "0.03"), ("0.00000051", "5")])
    order = trade(make_account(), quantity="1")
    assert fills(order) == [
        (D("0.03"), D("0.0000005"), D("0.00000002"), D(0)),  # 1.5e-8, half to even
        (D("0.97"), D("0.00000051"), D("0.00000049"), D(0)),
    ]


def test_limit_order_takes_what_is_within_its_limit_and_the_rest_waits_at_its_price(clock: Any) -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=ASKS)
    account = make_account()
    order = trade(account, quantity="5", price="101.5")
    assert (order.status, order.filled_quantity) == ("partially_filled", 3)
    assert order.reserved_aud == D("203.203"), "the two coins that are left, at the limit, and their fee"
    assert poll() == 0
    new_minute(clock, ask=102, asks=[("102", "9")])
    assert poll() == 0, "the market is beyond the limit now"
    new_minute(clock, ask=101, asks=[("101", "0.5"), ("101.5", "0.25"), ("102", "9")])
    assert poll() == 1
    assert fills(as_it_stands(order))[2:] == [(D("0.75"), D("101.5"), D("76.125"), D("0.076125"))]
    assert order.status == "partially_filled"
    new_minute(clock, ask=101, asks=[("101", "5")])
    assert poll() == 1
    assert fills(as_it_stands(order))[3:] == [(D("1.25"), D("101.5"), D("126.875"), D("0.126875"))]
    assert (order.status, order.filled_quantity, order.reserved_aud) == ("filled", 5, 0)
    account.refresh_from_db()
    spent = sum(value + fee for _, _, value, fee in fills(order))
    assert account.cash_aud == 100_000 - spent


def test_book_is_taken_once_by_an_order_however_often_it_is_looked_at(clock: Any) -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=[("100", "1")])
    order = trade(make_account(), quantity="5", price="100")
    for _ in range(100):
        clock.shift(2)
        assert poll() == 0
    make_depth(asks=[("100", "1.0")])  # seen again, and the same
    clock.shift(20)
    assert poll() == 0
    assert as_it_stands(order).filled_quantity == 1
    make_depth(asks=[("100", "1.5")])
    clock.shift(20)
    assert poll() == 1
    assert as_it_stands(order).filled_quantity == D("2.5")


def test_book_observed_while_an_order_is_executed_is_not_taken_again(clock: Any) -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=[("100", "1")], at=system_clock.now() + timedelta(milliseconds=50))
    order = trade(make_account(), quantity="5", price="100")
    assert order.fills.get().executed_at == LatestDepth.objects.get().depth.observed_at
    clock.shift(120)
    assert poll() == 0
    assert as_it_stands(order).filled_quantity == 1


def test_reached_order_whose_book_is_spent_costs_the_poller_next_to_nothing(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=[("100", "1")])
    order = trade(make_account(), quantity="5", price="100")
    looked: list[int] = []
    real = executor._execute_next

    def count(account_id: int, *, wait: bool) -> bool | None:
        looked.append(account_id)
        return real(account_id, wait=wait)

    monkeypatch.setattr(executor, "_execute_next", count)
    for _ in range(30):  # a minute of polls
        clock.shift(2)
        poll()
    assert len(looked) <= 2, "once when the next book is due, and once to find nothing else"
    looked.clear()
    for _ in range(30):
        clock.shift(2)
        poll()
    assert len(looked) <= 10
    assert as_it_stands(order).fills.count() == 1


def test_reached_order_that_the_book_does_not_reach_yet_waits_for_the_next(clock: Any) -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=ASKS)
    order = trade(make_account(), quantity="1", price="98")
    assert (order.status, order.next_at) == ("open", None)
    clock.shift(60)
    make_price(bid=97, ask=98)
    assert poll() == 0
    assert as_it_stands(order).next_at == system_clock.now() + timedelta(seconds=15)
    make_depth(asks=[("97.5", "4")])
    clock.shift(15)
    assert poll() == 1
    assert fills(as_it_stands(order)) == [(D(1), D(98), D(98), D("0.098"))]


def test_market_order_that_empties_the_book_within_its_collar_rests_at_the_collar(clock: Any) -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=[("100", "1"), ("105", "1"), ("105.01", "50")])
    order = trade(make_account(), quantity="3")
    assert (order.status, order.filled_quantity, order.limit_price) == ("partially_filled", 2, 105)
    new_minute(clock, ask=104, asks=[("104", "7")])
    assert poll() == 1
    assert fills(as_it_stands(order))[-1] == (D(1), D(105), D(105), D("0.105"))
    assert order.status == "filled"


@pytest.mark.parametrize("price", [None, "100"])
def test_empty_side_of_the_book_fills_nothing(price: str | None) -> None:
    make_price(bid=99, ask=100)
    make_depth(bids=[("99", "1")])
    order = trade(make_account(), quantity="1", **({"price": price} if price else {}))
    assert (order.status, order.filled_quantity) == ("open", 0)
    assert poll() == 0


def test_without_a_book_or_with_an_old_one_orders_fill_whole(clock: Any) -> None:
    make_price(bid=99, ask=100)
    make_depth("ETH", asks=[("1", "1")])
    make_depth(asks=[("100", "1")])
    account = make_account()
    clock.shift(601)
    make_price(bid=99, ask=100)
    order = trade(account, quantity="5")
    assert fills(order) == [(D(5), D(100), D(500), D("0.5"))]
    resting = trade(account, quantity="5", price="98")
    new_minute(clock, bid=96, ask=97)
    assert poll() == 1
    assert fills(as_it_stands(resting)) == [(D(5), D(98), D(490), D("0.49"))]


def test_book_that_is_seen_again_stays_fresh(clock: Any) -> None:
    make_price(bid=99, ask=100)
    for _ in range(3):
        make_depth(asks=[("100", "1")])
        clock.shift(300)
    make_price(bid=99, ask=100)
    assert trade(make_account(), quantity="5").filled_quantity == 1


def test_partly_filled_order_fills_whole_once_there_is_no_book_to_go_by(clock: Any) -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=[("100", "1")])
    order = trade(make_account(), quantity="5", price="100")
    clock.shift(601)
    assert poll() == 1
    assert (as_it_stands(order).status, fills(order)[-1]) == ("filled", (D(4), D(100), D(400), D("0.4")))


def test_partly_filled_order_is_cancelled_and_frees_what_is_left() -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=[("100", "1")])
    account = make_account()
    order = trade(account, quantity="5", price="100")
    cancelled = cancel_order(order.pk, actor="user:1")
    assert (cancelled.status, cancelled.filled_quantity, cancelled.reserved_aud) == ("cancelled", 1, 0)
    account.refresh_from_db()
    assert account.cash_aud == D("99899.9")


def test_orders_one_after_another_each_take_the_book_as_recorded() -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=[("100", "1")])
    accounts = [make_account(), make_account()]
    orders = [trade(account, quantity="1") for account in accounts]
    assert [order.average_fill_price for order in orders] == [100, 100]


def test_quantity_of_more_decimals_than_an_order_has_is_rounded_down() -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=[("100", "0.123456789"), ("101", "0.000000009"), ("102", "9")])
    order = trade(make_account(), quantity="1")
    assert [(quantity, price) for quantity, price, _, _ in fills(order)] == [
        (D("0.12345678"), D(100)),
        (D("0.87654322"), D(102)),
    ]


def test_worker_that_dies_between_two_levels_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=ASKS)
    account = make_account()
    order = place(account, quantity="3")
    real = executor.record_execution

    def die_at_the_second(order: Order, *args: Any, **said: Any) -> Fill:
        if order.filled_quantity:
            raise KeyboardInterrupt
        return real(order, *args, **said)

    with monkeypatch.context() as patch:
        patch.setattr(executor, "record_execution", die_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            drain_account(account.pk)
    assert (as_it_stands(order).status, order.filled_quantity, Fill.objects.count()) == ("pending", 0, 0)
    account.refresh_from_db()
    assert account.cash_aud == 100_000
    assert poll() == 1, "whoever comes next does it all"
    assert [(quantity, price) for quantity, price, _, _ in fills(as_it_stands(order))] == [
        (D(1), D(100)),
        (D(2), D(101)),
    ]


def test_order_of_one_level_costs_no_more_queries_than_one_without_a_book(clock: Any) -> None:
    make_price(bid=99, ask=100)
    account = make_account()

    def queries() -> int:
        place(account, quantity="1")
        with CaptureQueriesContext(connection) as caught:
            drain_account(account.pk)
        return len(caught)

    queries()  # the day begins
    without = queries()
    make_depth(asks=[("100", "9")])
    assert queries() == without


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_take_a_book_once() -> None:
    make_price(bid=99, ask=100)
    make_depth(asks=[("100", "1"), ("101", "1")])
    account = make_account()
    orders = [place(account, quantity="5", price="101") for _ in range(3)]
    in_threads(4, lambda number: poll() if number % 2 else drain_account(account.pk))
    drain_account(account.pk)
    for order in orders:
        assert [(quantity, price) for quantity, price, _, _ in fills(order)] == [
            (D(1), D(100)),
            (D(1), D(101)),
        ]
    make_depth(asks=[("100", "0.5")], at=system_clock.now() + timedelta(minutes=1))
    Order.objects.update(next_at=None)
    in_threads(4, lambda _: poll())
    drain_account(account.pk)
    assert {as_it_stands(order).filled_quantity for order in orders} == {D("2.5")}
    cash = Account.objects.get(pk=account.pk).cash_aud
    assert cash == 100_000 - sum(fill.value_aud + fill.fee_aud for fill in Fill.objects.all())
