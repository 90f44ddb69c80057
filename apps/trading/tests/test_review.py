"""Orders that only a person can decide about, and the page on which that is done."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.test import Client

from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Account, Discrepancy, Event, Fill, Order
from apps.trading.services import live
from apps.trading.services.review import decide_review, resolve_discrepancy
from apps.trading.tests.factories import place
from apps.trading.tests.live import KEY, state_of, truth
from ohmycoins.core import clock as system
from ohmycoins.core.errors import Conflict, Invalid
from ohmycoins.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def doubtful(account: Account, server: Sandbox, clock: Any) -> Order:
    """Give an order whose answer was lost, and for which there are two of the same at the venue."""
    server.venue.script(KEY, ["manual_twin_dropped"], ends="/my/buy")
    order = place(account, quantity="0.1", price="90000")
    for _ in range(8):
        live.work(account.pk)
        clock.shift(31)
    assert state_of(order) == "needs_review"
    return order


def test_two_orders_that_fit_are_for_a_person_and_neither_is_taken(doubtful: Order, server: Sandbox) -> None:
    there = {order.id for order in truth(server).orders}
    assert {candidate["venue_order_id"] for candidate in doubtful.candidates} == there
    assert len(there) == 2
    assert doubtful.venue_order_id is None
    assert doubtful.reserved_aud > 0
    assert not Order.objects.exclude(pk=doubtful.pk).exists(), "nor is the other one imported yet"


def test_chosen_candidate_is_linked_and_the_other_is_imported(
    doubtful: Order, account: Account, server: Sandbox, clock: Any
) -> None:
    mine = next(order for order in truth(server).orders if order.origin == "api")
    decided = decide_review(doubtful.pk, verdict=mine.id, actor="user:1", reason="seen in the app")
    assert (decided.status, decided.venue_order_id) == ("open", mine.id)
    event = Event.objects.filter(order=doubtful, to_status="open").get()
    assert (event.actor, event.reason) == ("user:1", "seen in the app")
    live.work(account.pk)
    other = Order.objects.exclude(pk=doubtful.pk).get()
    assert (other.origin, other.status, other.quantity) == ("external", "open", D("0.1"))


def test_candidate_that_became_another_order_s_is_refused(
    doubtful: Order, account: Account, server: Sandbox
) -> None:
    first, second = (candidate["name"] for candidate in doubtful.candidates)
    other = place(account, coin_type="BTC", side="sell", quantity="0.1", price="300000")
    Order.objects.filter(pk=other.pk).update(venue_order_id=first)
    with pytest.raises(Conflict):
        decide_review(doubtful.pk, verdict=first, actor="user:1", reason="x")
    assert state_of(doubtful) == "needs_review"
    assert decide_review(doubtful.pk, verdict=second, actor="user:1", reason="x").status == "open"


def test_order_said_not_to_be_placed_frees_its_reserve_and_is_swept_up_if_it_shows(
    doubtful: Order, account: Account, clock: Any
) -> None:
    decided = decide_review(doubtful.pk, verdict="not_placed", actor="user:1", reason="not in the app")
    assert (decided.status, decided.reserved_aud) == ("not_placed", 0)


@pytest.mark.parametrize(
    ("verdict", "reason", "error"),
    [("perhaps", "x", Invalid), ("not_placed", " ", Invalid), ("open", "x", Conflict)],
)
def test_decision_that_makes_no_sense_changes_nothing(
    doubtful: Order, verdict: str, reason: str, error: type[Exception]
) -> None:
    before = Event.objects.count()
    with pytest.raises(error):
        decide_review(doubtful.pk, verdict=verdict, actor="user:1", reason=reason)
    assert (state_of(doubtful), Event.objects.count()) == ("needs_review", before)


def test_order_that_is_not_in_review_is_not_reviewed(account: Account) -> None:
    order = place(account, quantity="0.1")
    with pytest.raises(Conflict):
        decide_review(order.pk, verdict="cancelled", actor="user:1", reason="x")


def test_more_filled_than_ordered_goes_to_review_with_the_trades(
    account: Account, server: Sandbox, clock: Any
) -> None:
    server.venue.set_options(completed_ids="order")
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    Order.objects.filter(pk=order.pk).update(quantity=D("0.04"))  # as if the venue had misread it
    server.venue.set_prices({"BTC": {"bid": 80_000, "ask": 80_100}})
    for _ in range(6):
        clock.shift(31)
        live.work(account.pk)
    assert state_of(order) == "needs_review"
    assert not Fill.objects.exists()
    (candidate,) = order.candidates
    assert [trade["quantity"] for trade in candidate["trades"]] == ["0.1"]
    decided = decide_review(order.pk, verdict="trades", actor="user:1", reason="it did fill")
    assert (decided.status, decided.quantity, decided.filled_quantity) == ("filled", D("0.1"), D("0.1"))
    account.refresh_from_db()
    assert account.cash_aud == truth(server).balances["AUD"]


def test_page_shows_the_candidates_side_by_side_and_records_the_decision(
    doubtful: Order, admin_client: Client, admin_user: Any
) -> None:
    change = admin_client.get(f"/admin/trading/order/{doubtful.pk}/change/").content.decode()
    assert "Say what became of it" in change
    url = f"/admin/trading/order/{doubtful.pk}/review/"
    page = admin_client.get(url).content.decode()
    for candidate in doubtful.candidates:
        assert f'value="{candidate["name"]}"' in page
    refused = admin_client.post(url, {"verdict": "not_placed", "reason": ""})
    assert "say why" in refused.content.decode()
    done = admin_client.post(url, {"verdict": "not_placed", "reason": "looked"}, follow=True).content.decode()
    assert f"Order {doubtful.pk} is not_placed." in done
    assert Event.objects.filter(order=doubtful).latest("id").actor == f"user:{admin_user.pk}"
    assert "Say what became of it" not in done


def test_page_is_closed_to_those_without_the_right(doubtful: Order, client: Client) -> None:
    client.force_login(UserFactory(is_staff=True))
    for answer in (
        client.get(f"/admin/trading/order/{doubtful.pk}/review/"),
        client.post(f"/admin/trading/order/{doubtful.pk}/review/", {"verdict": "not_placed", "reason": "x"}),
    ):
        assert answer.status_code in (302, 403)
    assert state_of(doubtful) == "needs_review"


def test_balance_that_differs_is_stored_and_never_taken_over(account: Account, clock: Any) -> None:
    Account.objects.filter(pk=account.pk).update(cash_aud=D("100100"))
    for _ in range(3):
        clock.shift(301)
        live.work(account.pk)
    row = Discrepancy.objects.get()
    assert (row.coin_type, row.ours, row.theirs, row.value_aud) == ("AUD", 100_100, 100_000, 100)
    account.refresh_from_db()
    assert (account.cash_aud, account.status) == (100_100, "reduce_only")
    with pytest.raises(Invalid):
        resolve_discrepancy(row.pk, actor="user:1", reason="")
    assert resolve_discrepancy(row.pk, actor="user:1", reason="a fee by hand").resolved_by == "user:1"
    with pytest.raises(Conflict):
        resolve_discrepancy(row.pk, actor="user:1", reason="again")


@pytest.mark.parametrize(
    ("off", "status"), [("4.99", "active"), ("5.01", "reduce_only"), ("0.009", "active")]
)
def test_small_difference_is_stored_and_a_large_one_lets_the_account_only_sell(
    account: Account, clock: Any, off: str, status: str
) -> None:
    Account.objects.filter(pk=account.pk).update(cash_aud=D(100_000) + D(off))
    clock.shift(301)
    live.work(account.pk)
    account.refresh_from_db()
    assert account.status == status
    assert Discrepancy.objects.count() == (off != "0.009")
    Account.objects.filter(pk=account.pk).update(cash_aud=100_000)
    clock.shift(301)
    live.work(account.pk)
    assert not Discrepancy.objects.filter(resolved_at=None).exists()
    account.refresh_from_db()
    assert account.status == status, "a person lets it buy again"


def test_order_given_up_as_not_placed_that_shows_up_is_taken_back(
    account: Account, server: Sandbox, clock: Any
) -> None:
    server.venue.script(KEY, ["drop_before"], ends="/my/buy")
    order = place(account, quantity="0.1", price="90000")
    for _ in range(8):
        live.work(account.pk)
        clock.shift(31)
    assert state_of(order) == "not_placed"
    # The venue took it after all, and was longer about it than it may be: created within the window.
    created = order.submitted_at + timedelta(seconds=20)  # type: ignore[operator]
    assert created < system.now()
    server.venue.place(KEY, side="buy", coin="BTC", amount=D("0.1"), rate=D("90000"))
    clock.shift(301)
    live.work(account.pk)
    # Too late to be it: it is somebody's own.
    assert {(row.origin, row.status) for row in Order.objects.all()} == {
        ("ours", "not_placed"),
        ("external", "open"),
    }
