"""What trading and the book know to be wrong is found, said whose it is, and gone when it is over."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from apps.ledgers.tests.factories import make_price
from apps.monitoring.services import conditions
from apps.pnl.models import BookingFailure
from apps.trading.models import Deployment, Discrepancy, Order
from apps.trading.services import control
from apps.trading.services.status import reduce_only
from apps.trading.tests.deployed import make_deployment
from apps.trading.tests.factories import make_account, place
from ohmycoins.core.clock import now

pytestmark = pytest.mark.django_db


def test_open_discrepancy_is_found_until_it_is_resolved(clock: Any) -> None:
    account = make_account()
    row = Discrepancy.objects.create(
        account=account, coin_type="BTC", ours=D("1"), theirs=D("1.5"), value_aud=D("50000"), found_at=now()
    )
    (finding,) = conditions.discrepancies(now())
    assert (finding.severity, finding.account_id, finding.user_id) == ("high", account.pk, account.user_id)
    assert finding.message == f"The venue has 1.5 BTC of account {account}, we have 1: A$50000 apart."
    row.resolved_at = now()
    row.save()
    assert conditions.discrepancies(now()) == []


def test_what_stands_is_not_said_to_be_over_because_there_is_more_than_is_told(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "MOST", 1)
    account = make_account()
    for coin in ("BTC", "ETH"):
        Discrepancy.objects.create(account=account, coin_type=coin, ours=D(1), theirs=D(2), found_at=now())
        BookingFailure.objects.create(
            account=account, coin_type=coin, since=now(), error="why", next_at=now(), failed_at=now()
        )
    assert [" BTC " in found.message for found in conditions.discrepancies(now())] == [True]
    assert [found.key for found in conditions.bookings(now())] == [f"booking:{account.pk}:BTC"]


@pytest.mark.parametrize(("minutes", "severity"), [(10, "medium"), (11, "high")])
def test_book_that_stays_behind_becomes_severe(clock: Any, minutes: int, severity: str) -> None:
    account = make_account()
    failed_at = now() - timedelta(minutes=minutes)
    BookingFailure.objects.create(
        account=account, coin_type="BTC", since=failed_at, error="why", next_at=now(), failed_at=failed_at
    )
    (finding,) = conditions.bookings(now())
    assert (finding.key, finding.severity) == (f"booking:{account.pk}:BTC", severity)


@pytest.mark.parametrize(("seconds", "found"), [(120, 0), (121, 1)])
def test_order_that_no_worker_takes_up_is_found_after_two_minutes(
    clock: Any, seconds: int, found: int
) -> None:
    make_price()
    order = place(make_account(), quantity="0.1")
    clock.shift(seconds)
    findings = conditions.orders(now())
    assert [finding.key for finding in findings] == [f"order:{order.pk}"] * found


def test_orders_behind_an_unresolved_one_wait_as_they_should(clock: Any) -> None:
    make_price()
    account = make_account()
    unresolved, _ = place(account, quantity="0.1"), place(account, quantity="0.1")
    Order.objects.filter(pk=unresolved.pk).update(status="submitting")
    Order.objects.filter(pk=unresolved.pk).update(status="unknown")
    clock.shift(119)
    assert conditions.orders(now()) == []
    clock.shift(2)  # the venue may take 60 s to show it, and as long again may pass
    (finding,) = conditions.orders(now())
    assert (finding.key, finding.severity) == (f"order:{unresolved.pk}", "high")
    assert "may or may not be at the venue" in finding.message


def test_order_under_review_is_found_at_once(clock: Any) -> None:
    make_price()
    order = place(make_account(), quantity="0.1")
    for status in ("submitting", "unknown", "needs_review"):
        Order.objects.filter(pk=order.pk).update(status=status)
    (finding,) = conditions.orders(now())
    assert finding.message.endswith("needs a person to say what became of it.")


def test_deployment_that_its_failures_paused_is_found_and_one_that_a_person_paused_is_not(clock: Any) -> None:
    deployment = make_deployment(make_account(), status="paused", status_reason="5 failures in a row: boom")
    assert conditions.deployments(now()) == []
    Deployment.objects.update(failures_in_row=5)
    (finding,) = conditions.deployments(now())
    assert finding.user_id == deployment.user_id
    assert finding.message.endswith("was paused: 5 failures in a row: boom")


@pytest.mark.parametrize(("minutes", "found"), [(5, 0), (6, 1)])
def test_deployment_whose_time_passes_is_found(clock: Any, minutes: int, found: int) -> None:
    make_deployment(make_account(), next_run_at=now() - timedelta(minutes=minutes))
    assert len(conditions.deployments(now())) == found


def test_what_holds_trading_back_is_found_and_gone_when_it_is_let_go(clock: Any, user: Any) -> None:
    account = make_account(user)
    assert list(conditions.held(now())) == []
    reduce_only(account, at=now(), actor="tests", reason="a try")
    control.trip(scope=f"user:{user.pk}", state="halted", reason="a pause", actor=None)
    assert [(found.key.split(":")[0], found.severity) for found in conditions.held(now())] == [
        ("account", "medium"), ("stop", "high"),
    ]  # fmt: skip
    control.clear(scope=f"user:{user.pk}", reason="over", actor=None)
    assert [found.key for found in conditions.held(now())] == [f"account:{account.pk}"]
