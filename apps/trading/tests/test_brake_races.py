"""Brakes and orders at once: a purchase saw the brake, or was claimed before it; a cause is engaged once."""

import threading
import time

import pytest

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Brake, Event
from apps.trading.services.brakes import engage, release
from apps.trading.services.execute import drain_account
from apps.trading.tests.factories import make_account, place
from apps.trading.tests.races import in_threads
from apps.trading.tests.test_stop_races import gate_held, give_up_after, usual_timeouts
from ohmycoins.core.clock import now
from ohmycoins.core.errors import Conflict

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["usual_timeouts"]


@pytest.fixture
def account() -> Account:
    make_price()
    return make_account()


def brake(account: Account) -> Brake | None:
    return engage(
        kind="drawdown", cause="1", reason="too deep", actor="monitoring", now=now(), account_id=account.pk
    )


def test_nothing_is_bought_after_a_brake_is_committed(account: Account) -> None:
    began, over = threading.Barrier(4), threading.Event()

    def work(number: int) -> None:
        began.wait()
        if number == 3:
            time.sleep(0.3)
            brake(account)
            time.sleep(0.2)
            over.set()
        while not over.is_set():
            place(account, quantity="0.0001")
            drain_account(account.pk)

    in_threads(4, work)
    engaged = Event.objects.get(type="brake.engaged")
    after = Event.objects.filter(id__gt=engaged.pk)
    assert Event.objects.filter(id__lt=engaged.pk, to_status="filled").exists(), "they did buy before"
    assert after.filter(to_status="denied").exists(), "and went on trying"
    assert not after.filter(to_status__in=["pending", "submitting", "open", "filled"]).exists()


def test_brake_outwaits_a_claim_that_is_longer_than_the_lock_timeout(account: Account) -> None:
    give_up_after(50)
    with gate_held(0.4, account=account):
        engaged = brake(account)
    assert engaged is not None
    assert Brake.objects.get() == engaged


def test_one_cause_engaged_at_once_is_one_brake(account: Account) -> None:
    engaged = in_threads(6, lambda _: brake(account))
    assert len([one for one in engaged if one]) == 1
    assert Brake.objects.count() == 1
    assert Event.objects.filter(type="brake.engaged").count() == 1


def test_one_brake_released_at_once_is_released_once(account: Account) -> None:
    engaged = brake(account)
    assert engaged is not None

    def let_go(number: int) -> bool:
        try:
            release(engaged.pk, actor=f"user:{number}", reason="seen", now=now())
        except Conflict:
            return False
        return True

    assert in_threads(6, let_go).count(True) == 1
    assert Event.objects.filter(type="brake.released").count() == 1
