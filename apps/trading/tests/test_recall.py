"""What a deployment has under way when it is paused or stopped is taken back, and not traded after all."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Deployment, Order
from apps.trading.services import live
from apps.trading.services.deployments import pause, stop
from apps.trading.services.execute import drain_account, poll
from apps.trading.services.recall import recall_orders
from apps.trading.tests.deployed import make_decision, make_deployment, order_of, traded_by
from apps.trading.tests.factories import make_account, place, trade
from apps.trading.tests.live import KEY, live_account, state_of, truth
from ohmycoins.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
End = Callable[..., Deployment]
ends = pytest.mark.parametrize(("end", "done"), [(pause, "paused"), (stop, "stopped")])


@pytest.fixture
def account() -> Account:
    make_price(bid=100, ask=100)
    return make_account()


def order(deployment: Deployment, side: str = "buy", **amounts: Any) -> Order:
    return order_of(make_decision(deployment), side, **amounts)


@ends
def test_queued_and_resting_purchases_are_cancelled_and_never_executed(
    account: Account, end: End, done: str
) -> None:
    deployment = make_deployment(account)
    rests = traded_by(make_decision(deployment), quantity="2", price="90")
    waits = order(deployment, quantity="1")
    assert (rests.status, waits.status) == ("open", "pending")
    end(deployment.pk, actor="user:7", reason="enough")
    make_price(bid=80, ask=80)
    poll()
    assert (state_of(rests), state_of(waits)) == ("cancelled", "cancelled")
    assert (rests.reserved_aud, waits.reserved_aud, rests.fills.count()) == (0, 0, 0)
    for cancelled in (rests, waits):
        event = cancelled.events.filter(actor="user:7").latest("id")
        assert event.reason in (f"its deployment was {done}", "nothing rests outside on paper")
    assert recall_orders(deployment, actor="user:7", reason="once more") == 0


@ends
def test_sales_and_what_others_ordered_go_on(account: Account, end: End, done: str) -> None:
    deployment, other = make_deployment(account), make_deployment(account)
    traded_by(make_decision(deployment), quantity="2")
    trade(account, quantity="1")
    resting_sale = traded_by(make_decision(deployment), "sell", quantity="1", price="900")
    going_on = [
        order(deployment, "sell", quantity="1"),
        order(other, quantity="1"),
        place(account, quantity="1"),
    ]
    end(deployment.pk, actor="user:7", reason="enough")
    drain_account(account.pk)
    assert [state_of(each) for each in going_on] == ["filled"] * 3
    assert state_of(resting_sale) == "open"


@pytest.mark.parametrize("status", ["paused", "stopped"])
def test_purchase_that_was_missed_is_denied_at_its_claim_and_a_sale_passes(
    account: Account, status: str
) -> None:
    deployment = make_deployment(account)
    traded_by(make_decision(deployment), quantity="2")
    purchase, sale = order(deployment, quantity="1"), order(deployment, "sell", quantity="1")
    Deployment.objects.filter(pk=deployment.pk).update(status=status, next_run_at=None)
    drain_account(account.pk)
    assert (state_of(purchase), state_of(sale)) == ("denied", "filled")
    (denial,) = purchase.denials
    assert (denial["code"], purchase.reserved_aud) == ("DEPLOYMENT_NOT_ACTIVE", 0)
    assert denial["message"] == f"The algorithm's deployment is {status}: it only sells."


@ends
def test_live_purchase_is_taken_off_its_venue(server: Sandbox, clock: Any, end: End, done: str) -> None:
    account = live_account()
    deployment = make_deployment(account)
    rests = order(deployment, quantity="0.1", price="90000")
    live.work(account.pk)
    end(deployment.pk, actor="user:7", reason="enough")
    assert state_of(rests) == "cancelling"
    for _ in range(4):
        clock.shift(31)
        live.work(account.pk)
    assert (state_of(rests), truth(server).orders[0].state) == ("cancelled", "cancelled")


def test_live_purchase_in_doubt_is_cancelled_as_soon_as_it_is_found(server: Sandbox, clock: Any) -> None:
    account = live_account()
    deployment = make_deployment(account)
    server.venue.script(KEY, ["accept_drop"], ends="/my/buy")
    lost = order(deployment, quantity="0.1", price="90000")
    live.work(account.pk)
    pause(deployment.pk, actor="user:7", reason="enough")
    assert (state_of(lost), lost.cancel_requested_at is None) == ("unknown", False)
    for _ in range(8):
        clock.shift(31)
        live.work(account.pk)
    assert (state_of(lost), truth(server).orders[0].state) == ("cancelled", "cancelled")


def test_what_the_venue_filled_meanwhile_is_bought(server: Sandbox, clock: Any) -> None:
    account = live_account()
    deployment = make_deployment(account)
    rests = order(deployment, quantity="0.1", price="90000")
    live.work(account.pk)
    server.venue.set_prices({"BTC": {"bid": 89_000, "ask": 89_100}})
    pause(deployment.pk, actor="user:7", reason="enough")
    for _ in range(4):
        clock.shift(31)
        live.work(account.pk)
    assert (state_of(rests), rests.filled_quantity) == ("filled", rests.quantity)
