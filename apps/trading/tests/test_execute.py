"""Executing orders on paper: once each, whoever tries and however often."""

from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Fill, Holding, Order
from apps.trading.services.cancel import cancel_order
from apps.trading.services.control import trip
from apps.trading.services.execute import drain_account, poll
from apps.trading.signals import fill_recorded
from apps.trading.tests.factories import make_account, place, trade
from apps.trading.venues.paper import PaperVenue
from ohmycoins.core.errors import Conflict

pytestmark = pytest.mark.django_db


def test_market_buy_fills_at_the_ask_and_pays_the_fee() -> None:
    make_price(bid=99_900, ask=100_000)
    account = make_account()
    order = trade(account, quantity="0.1")
    assert (order.status, order.filled_quantity, order.average_fill_price, order.fee_aud) == (
        "filled",
        D("0.1"),
        100_000,
        10,
    )
    fill = Fill.objects.get()
    assert (fill.price, fill.value_aud, fill.fee_aud, fill.venue_fill_id) == (
        100_000,
        10_000,
        10,
        f"paper-{order.pk}-1",
    )
    account.refresh_from_db()
    assert account.cash_aud == D("89990")
    assert Holding.objects.get().quantity == D("0.1")
    assert [event.to_status for event in order.events.all()] == ["pending", "submitting", "filled"]


def test_market_sell_fills_at_the_bid_and_pays_the_fee() -> None:
    make_price(bid=99_900, ask=100_000)
    account = make_account()
    trade(account, quantity="0.1")
    order = trade(account, "sell", quantity="0.1")
    assert (order.status, order.average_fill_price, order.fee_aud) == ("filled", 99_900, D("9.99"))
    account.refresh_from_db()
    assert account.cash_aud == D("89990") + D("9990") - D("9.99")
    assert Holding.objects.get().quantity == 0


def test_limit_that_crosses_fills_at_the_market_not_at_its_limit() -> None:
    make_price(bid=99_900, ask=100_000)
    assert trade(make_account(), quantity="0.1", price="101000").average_fill_price == 100_000


def test_limit_below_the_market_rests_and_fills_at_its_price_when_reached(clock: Any) -> None:
    make_price(bid=99_900, ask=100_000)
    account = make_account()
    order = trade(account, quantity="0.1", price="99000")
    assert (order.status, order.filled_quantity) == ("open", 0)
    clock.shift(60)
    make_price(bid=99_000, ask=99_001)
    assert poll() == 0
    clock.shift(60)
    make_price(bid=98_000, ask=98_500)
    assert poll() == 1
    order.refresh_from_db()
    assert (order.status, order.average_fill_price, order.reserved_aud) == ("filled", 99_000, 0)


def test_limit_sell_above_the_market_rests_and_fills_when_the_bid_reaches_it(clock: Any) -> None:
    make_price(bid=99_900, ask=100_000)
    account = make_account()
    trade(account, quantity="0.1")
    order = trade(account, "sell", quantity="0.1", price="105000")
    assert order.status == "open"
    clock.shift(60)
    make_price(bid=106_000, ask=106_100)
    poll()
    order.refresh_from_db()
    assert (order.status, order.average_fill_price) == ("filled", 105_000)


def test_market_that_ran_past_the_collar_does_not_fill_the_order(clock: Any) -> None:
    make_price(bid=99_900, ask=100_000)
    account = make_account()
    order = place(account, quantity="0.1")
    clock.shift(60)
    make_price(bid=105_000, ask=105_001)
    drain_account(account.pk)
    order.refresh_from_db()
    assert order.status == "open"
    assert not Fill.objects.exists()


def test_price_that_went_stale_before_the_claim_denies_the_buy(clock: Any) -> None:
    make_price()
    account = make_account()
    order = place(account, quantity="0.1")
    clock.shift(601)
    drain_account(account.pk)
    order.refresh_from_db()
    assert (order.status, order.denials[0]["code"], order.reserved_aud) == ("denied", "STALE_PRICE", 0)


def test_orders_of_an_account_run_oldest_first() -> None:
    make_price()
    account = make_account()
    orders = [place(account, quantity="0.01") for _ in range(3)]
    assert drain_account(account.pk) == 3
    assert list(Fill.objects.order_by("id").values_list("order_id", flat=True)) == [
        order.pk for order in orders
    ]


def test_task_run_twice_fills_once() -> None:
    make_price()
    account = make_account()
    place(account, quantity="0.1")
    assert (drain_account(account.pk), drain_account(account.pk)) == (1, 0)
    assert Fill.objects.count() == 1


def test_poller_executes_what_no_nudge_announced() -> None:
    make_price()
    accounts = [make_account() for _ in range(3)]
    for account in accounts:
        place(account, quantity="0.1")
    assert poll() == 3
    assert set(Order.objects.values_list("status", flat=True)) == {"filled"}


def test_order_that_cannot_be_executed_is_put_off_and_holds_up_no_other(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_price()
    accounts = [make_account(), make_account()]
    broken = place(accounts[0], quantity="0.1")
    others = [place(accounts[0], quantity="0.01"), place(accounts[1], quantity="0.1")]
    arrive = PaperVenue.arrive

    def fail_for_the_first(self: PaperVenue, **terms: Any) -> Any:
        if terms["quantity"] == D("0.1") and Order.objects.filter(pk=broken.pk, status="submitting").exists():
            raise ZeroDivisionError("a bug")
        return arrive(self, **terms)

    with monkeypatch.context() as patch:
        patch.setattr(PaperVenue, "arrive", fail_for_the_first)
        assert poll() == 2
        broken.refresh_from_db()
        assert (broken.status, broken.attempts) == ("pending", 1)
        assert {Order.objects.get(pk=order.pk).status for order in others} == {"filled"}
        clock.shift(2)
        poll()
        assert poll() == 0, "put off again, for longer"
    clock.shift(3)
    assert poll() == 1
    broken.refresh_from_db()
    assert broken.status == "filled"


def test_unknown_account_drains_nothing() -> None:
    assert drain_account(10**9) == 0


def test_listener_sees_the_fill_inside_its_transaction() -> None:
    make_price()
    seen: list[Any] = []

    def listen(*, fill: Any, **_: Any) -> None:
        seen.append((connection.in_atomic_block, Fill.objects.filter(pk=fill.id).exists(), fill.value_aud))

    fill_recorded.connect(listen)
    try:
        trade(make_account(), quantity="0.1")
    finally:
        fill_recorded.disconnect(listen)
    assert seen == [(True, True, D(10_000))]


def test_pending_and_resting_orders_are_cancelled_and_free_their_reserve() -> None:
    make_price()
    account = make_account()
    pending = place(account, quantity="0.1")
    assert cancel_order(pending.pk, actor="user:1").status == "cancelled"
    resting = trade(account, quantity="0.1", price="90000")
    cancelled = cancel_order(resting.pk, actor="user:1")
    assert (cancelled.status, cancelled.reserved_aud) == ("cancelled", 0)
    assert cancel_order(resting.pk, actor="user:1").status == "cancelled", "again changes nothing"
    assert [event.to_status for event in resting.events.all()] == [
        "pending", "submitting", "open", "cancelling", "cancelled",
    ]  # fmt: skip
    assert poll() == 0


def test_filled_order_cannot_be_cancelled() -> None:
    make_price()
    order = trade(make_account(), quantity="0.1")
    with pytest.raises(Conflict):
        cancel_order(order.pk, actor="user:1")


def test_resting_order_is_not_filled_under_a_stop(clock: Any) -> None:
    make_price(bid=99_900, ask=100_000)
    account = make_account()
    order = trade(account, quantity="0.1", price="99000")
    trip(scope="global", state="halted", reason="now", actor=None)
    clock.shift(60)
    make_price(bid=98_000, ask=98_500)
    assert drain_account(account.pk) == 0
    order.refresh_from_db()
    assert order.status == "open"
    poll()
    order.refresh_from_db()
    assert order.status == "cancelled"
