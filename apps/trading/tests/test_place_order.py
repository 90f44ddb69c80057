"""Accepting and denying orders."""

from decimal import Decimal as D
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Event, Fill, Holding, Movement, Order
from apps.trading.services.accounts import default_account, open_account
from apps.trading.tests.factories import make_account, place, trade
from apps.trading.tests.races import in_threads
from ohmycoins.core.errors import Conflict

pytestmark = pytest.mark.django_db


def test_accepted_order_reserves_its_cost_and_nudges_a_worker_on_commit(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_price(ask=100_000)
    account = make_account()
    sent: list[Any] = []
    monkeypatch.setattr("ohmycoins.core.outbox.publish", lambda *args, **kwargs: sent.append(args))
    with django_capture_on_commit_callbacks(execute=True):
        order = place(account, quantity="0.1")
        assert sent == [], "nothing is sent before the commit"
    assert sent == [("trading.execute", account.pk)]
    order.refresh_from_db()
    assert (order.status, order.limit_price, order.reserved_aud) == ("pending", 105_000, D("10510.5"))
    assert [event.to_status for event in order.events.all()] == ["pending"]


def test_denied_order_is_stored_with_its_reasons_and_nothing_else_is(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    account = make_account()
    with django_capture_on_commit_callbacks() as callbacks:
        order = place(account, amount_aud="1000")
    assert callbacks == []
    order.refresh_from_db()
    assert (order.status, order.quantity, order.reserved_aud) == ("denied", None, 0)
    assert [denial["code"] for denial in order.denials] == ["UNKNOWN_COIN"]
    assert Event.objects.get().inputs == {"denials": order.denials}
    assert not Fill.objects.exists()
    assert not Holding.objects.exists()
    account.refresh_from_db()
    assert account.cash_aud == 100_000


def test_coin_with_a_usdt_market_only_has_no_order_book() -> None:
    make_price("XRP", market="USDT")
    assert place(make_account(), coin_type="XRP", quantity=1).denials[0]["code"] == "NO_ORDER_BOOK"


def test_amount_that_buys_more_coins_than_a_column_holds_is_denied() -> None:
    make_price("DUST", bid="0.000000000000000001", ask="0.000000000000000001")
    order = place(make_account(), coin_type="DUST", amount_aud="50000")
    assert (order.status, order.quantity, order.denials[0]["code"]) == ("denied", None, "QUANTITY_TOO_LARGE")


def test_cash_of_orders_in_flight_is_not_spent_twice() -> None:
    make_price(ask=100)
    account = make_account(cash="200")
    assert place(account, quantity="1").status == "pending"
    second = place(account, quantity="1")
    assert second.status == "denied"
    assert second.denials[0] | {"message": ""} == {
        "code": "INSUFFICIENT_CASH", "message": "", "limit": "94.895", "value": "105.105",
    }  # fmt: skip


def test_coins_of_orders_in_flight_are_not_sold_twice() -> None:
    make_price()
    account = make_account()
    trade(account, quantity="0.1")
    assert place(account, "sell", quantity="0.06").status == "pending"
    assert place(account, "sell", quantity="0.04").status == "pending"
    assert place(account, "sell", quantity="0.00000001").denials[0]["code"] == "INSUFFICIENT_HOLDINGS"


def test_same_key_and_body_answer_the_same_order_whatever_became_of_it() -> None:
    make_price()
    account = make_account()
    first = place(account, quantity="0.1", key="k")
    assert place(account, quantity="0.10", key="k").pk == first.pk
    denied = place(account, quantity="1000", key="d")
    assert place(account, quantity="1000", key="d").pk == denied.pk
    assert Order.objects.count() == 2


def test_same_key_with_another_body_or_account_is_a_conflict() -> None:
    make_price()
    account = make_account()
    place(account, quantity="0.1", key="k")
    with pytest.raises(Conflict):
        place(account, quantity="0.2", key="k")
    with pytest.raises(Conflict):
        place(make_account(account.user, cash="100000"), quantity="0.1", key="k")
    assert Order.objects.count() == 1


def test_keys_of_different_users_do_not_meet() -> None:
    make_price()
    assert (
        place(make_account(), quantity="0.1", key="k").pk != place(make_account(), quantity="0.1", key="k").pk
    )


def test_everyone_has_one_default_paper_account_with_its_opening_movement() -> None:
    user = UserFactory(timezone="Australia/Perth")
    account = default_account(user)
    assert default_account(user).pk == account.pk
    assert (account.venue, account.mode, account.cash_aud, account.timezone) == (
        "paper", "paper", 100_000, "Australia/Perth",
    )  # fmt: skip
    movement = Movement.objects.get()
    assert (movement.kind, movement.amount_aud) == ("opening", 100_000)


def test_database_allows_one_default_account_and_one_unresolved_order() -> None:
    account = make_account()
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.create(
            user=account.user, name="x", venue="paper", mode="paper", is_default=True, timezone="UTC"
        )
    make_price()
    orders = [place(account, quantity="0.1") for _ in range(2)]
    Order.objects.filter(pk=orders[0].pk).update(status="submitting")
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=orders[1].pk).update(status="submitting")


def test_second_account_of_the_same_name_is_a_conflict() -> None:
    user = UserFactory()
    open_account(user=user, name="A", venue="paper")
    with pytest.raises(Conflict):
        open_account(user=user, name="A", venue="paper")


@pytest.mark.django_db(transaction=True)
def test_two_orders_at_once_cannot_spend_the_same_cash() -> None:
    make_price(ask=100)
    account = make_account(cash="100")
    for _ in range(5):
        statuses = in_threads(2, lambda _: place(account, quantity="0.57").status)
        assert sorted(statuses) == ["denied", "pending"]
        Order.objects.filter(status="pending").update(status="cancelled", reserved_aud=0)


@pytest.mark.django_db(transaction=True)
def test_same_key_at_once_makes_one_order() -> None:
    make_price()
    account = make_account()
    ids = in_threads(8, lambda _: place(account, quantity="0.1", key="k").pk)
    assert len(set(ids)) == 1
    assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_first_use_at_once_opens_one_default_account() -> None:
    user = UserFactory()
    assert len(set(in_threads(6, lambda _: default_account(user).pk))) == 1
    assert Movement.objects.count() == 1
