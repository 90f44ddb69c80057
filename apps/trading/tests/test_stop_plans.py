"""What a stop does to orders in slices: they end with it, and clearing it brings none back."""

from typing import Any

import pytest

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Event, Twap
from apps.trading.services import stopping
from apps.trading.services.control import clear, trip
from apps.trading.services.execute import drain_account, poll
from apps.trading.services.stopping import Swept, stop_trading, sweep_stops
from apps.trading.services.twaps import cancel_twap, run_due_twaps, start_twap
from apps.trading.tests.deployed import make_decision, make_deployment
from apps.trading.tests.factories import make_account, ticket, trade
from ohmycoins.core import clock as clock_of

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "it looks wrong"


@pytest.fixture
def account(clock: Any) -> Account:
    make_price(bid=100, ask=100)
    make_price("ETH", bid=100, ask=100)
    return make_account()


def start(account: Account, side: str = "buy", coin: str = "BTC", **more: Any) -> Twap:
    """Start an order in four slices, and execute the first."""
    twap = start_twap(
        user=account.user, account=account, ticket=ticket(side, coin, quantity="1"), slices=4, slice_seconds=60,
        **more,
    )  # fmt: skip
    drain_account(account.pk)
    return twap


def stop(scope: str = "global", state: str = "halted", **more: Any) -> stopping.Stopped:
    return stop_trading(scope=scope, state=state, reason=WHY, actor=None, **more)


def state_of(twap: Twap) -> str:
    twap.refresh_from_db()
    return twap.status


@pytest.mark.parametrize(("state", "side", "expected"), [
    ("halted", "buy", "cancelled"), ("halted", "sell", "cancelled"), ("reduce_only", "buy", "cancelled"),
    ("reduce_only", "sell", "active"),
])  # fmt: skip
def test_what_a_stop_ended_stays_ended_when_it_is_cleared_before_the_next_slice(
    account: Account, clock: Any, state: str, side: str, expected: str
) -> None:
    trade(account, quantity="4")
    twap = start(account, side)
    done = stop(state=state)
    clear(scope="global", reason="all is well", actor=None)
    assert (state_of(twap), done.swept.plans) == (expected, int(expected == "cancelled"))
    clock.shift(60)
    make_price(bid=100, ask=100)
    assert run_due_twaps(clock_of.now()) == (expected == "active")
    if expected == "cancelled":
        assert (twap.placed, twap.reason, twap.next_at) == (1, f"global is {state}: {WHY}", None)
        event = Event.objects.get(type="twap.moved")
        assert (event.actor, event.reason) == ("emergency stop", twap.reason)


@pytest.mark.parametrize("scope", ["user", "account", "coin", "algorithm"])
def test_stop_ends_the_plans_that_it_covers_and_no_others(account: Account, scope: str) -> None:
    deployment = make_deployment(account)
    book = start(account, decision=make_decision(deployment), algorithm_id=deployment.algorithm_id)
    ether, other = start(account, coin="ETH"), start(make_account())
    book_id = deployment.algorithm_id
    target = {"account": account.pk, "user": account.user_id, "coin": "ETH", "algorithm": book_id}[scope]
    stop(f"{scope}:{target}")
    ended = {twap.pk for twap in (book, ether, other) if state_of(twap) == "cancelled"}
    assert ended == {"coin": {ether.pk}, "algorithm": {book.pk}}.get(scope, {book.pk, ether.pk})


def test_user_s_own_coin_stop_leaves_others_plans(account: Account) -> None:
    own, other = start(account), start(make_account())
    stop_trading(scope="coin:BTC", state="halted", reason=WHY, actor=account.user)
    assert (state_of(own), state_of(other)) == ("cancelled", "active")


def test_workers_end_what_a_stop_that_died_did_not_get_to_once(account: Account) -> None:
    twap = start(account)
    assert stop(seconds=0).swept == Swept(0, 1)
    assert state_of(twap) == "active"
    poll()
    assert state_of(twap) == "cancelled"
    assert sweep_stops() == 0
    trip(scope="global", state="halted", reason="again", actor=None)
    assert stop().swept == Swept(0, 0)
    assert Event.objects.filter(type="twap.moved").count() == 1


def test_plan_that_cannot_be_ended_holds_up_no_other(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = start(account), start(account)

    def cancel(twap_id: int, **more: Any) -> Twap:
        if twap_id == first.pk:
            raise RuntimeError("a bug")
        return cancel_twap(twap_id, **more)

    monkeypatch.setattr(stopping, "cancel_twap", cancel)
    assert stop().swept == Swept(0, 1, 1)
    assert (state_of(first), state_of(second)) == ("active", "cancelled")
