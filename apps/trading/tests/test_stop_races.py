"""The gate: once a stop is committed nothing is accepted or claimed, and claims do not keep it waiting."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Event, Stop
from apps.trading.services import control
from apps.trading.services.control import hold_gate, trip
from apps.trading.services.execute import drain_account
from apps.trading.services.stopping import sweep_stops
from apps.trading.tests.factories import make_account, place
from apps.trading.tests.races import in_threads
from ohmycoins.core.errors import Unavailable
from ohmycoins.core.locks import advisory_lock

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "it looks wrong"


@pytest.fixture
def account() -> Account:
    make_price()
    return make_account()


@contextmanager
def gate_held(seconds: float, *, account: Account | None = None) -> Iterator[None]:
    """Let another connection hold the gate, as a claim does, for a while."""
    held = threading.Event()

    def claim() -> None:
        with transaction.atomic():
            if account:
                Account.objects.locked().get(pk=account.pk)
            hold_gate()
            held.set()
            time.sleep(seconds)
        connection.close()

    thread = threading.Thread(target=claim)
    thread.start()
    held.wait(5)
    yield
    thread.join()


def give_up_after(milliseconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {milliseconds}")


@pytest.fixture(autouse=True)
def usual_timeouts() -> Iterator[None]:
    yield
    connection.close()


@pytest.mark.parametrize("scope", ["global", "user"])
def test_nothing_is_accepted_or_claimed_after_a_stop(account: Account, scope: str) -> None:
    accounts = [account, make_account(account.user, cash="100000"), make_account(account.user, cash="90000")]
    began, over = threading.Barrier(5), threading.Event()

    def trade(number: int) -> float:
        began.wait()
        if number == 4:
            time.sleep(0.3)
            start = time.monotonic()
            target = scope if scope == "global" else f"user:{account.user_id}"
            trip(scope=target, state="halted", reason=WHY, actor=None)
            took = time.monotonic() - start
            time.sleep(0.2)
            over.set()
            return took
        while not over.is_set():
            own = accounts[number % 3]
            place(own, quantity="0.0001")
            drain_account(own.pk)
        return 0.0

    took = in_threads(5, trade)[4]
    stopped = Event.objects.get(type="stop.halted")
    after = Event.objects.filter(id__gt=stopped.pk)
    assert Event.objects.filter(id__lt=stopped.pk, to_status="filled").exists(), "they did trade before"
    assert after.filter(to_status="denied").exists(), "and went on trying"
    assert not after.filter(to_status__in=["pending", "submitting", "open", "filled"]).exists()
    assert took < 2, "and it did not have to wait for a pause"


def test_stop_outwaits_a_claim_that_is_longer_than_the_lock_timeout(account: Account) -> None:
    give_up_after(50)
    with gate_held(0.4):
        row = trip(scope="global", state="halted", reason=WHY, actor=None)
    assert (row.state, row.fence) == ("halted", 1)


def test_stop_of_an_account_outwaits_whoever_holds_it(account: Account) -> None:
    give_up_after(50)
    with gate_held(0.4, account=account):
        row = trip(scope=f"account:{account.pk}", state="halted", reason=WHY, actor=None)
    assert row.state == "halted"


def test_stop_that_cannot_be_set_says_so_and_changes_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_after(50)
    monkeypatch.setattr(control, "PATIENCE_SECONDS", 0.2)
    with gate_held(1.0), pytest.raises(Unavailable, match="NOT changed"):
        trip(scope="global", state="halted", reason=WHY, actor=None)
    assert Stop.objects.get().state == "active"
    assert not Event.objects.exists()


def test_claim_waits_while_a_stop_is_being_set(account: Account) -> None:
    give_up_after(50)
    entered = threading.Event()

    def change() -> None:
        with transaction.atomic():
            advisory_lock(control.GATE)
            entered.set()
            time.sleep(0.4)
        connection.close()

    thread = threading.Thread(target=change)
    thread.start()
    entered.wait(5)
    with pytest.raises(OperationalError, match="lock timeout"):
        place(account, quantity="0.1")
    thread.join()


def test_claims_do_not_wait_for_each_other(account: Account) -> None:
    give_up_after(50)
    with gate_held(0.3):
        assert place(account, quantity="0.1").status == "pending"


def test_stops_of_one_scope_at_once_are_one_change(account: Account) -> None:
    def halt(_: int) -> int:
        return trip(scope="coin:BTC", state="halted", reason=WHY, actor=None).pk

    assert len(set(in_threads(6, halt))) == 1
    assert Stop.objects.get(scope="coin").fence == 1
    assert Event.objects.filter(type="stop.halted").count() == 1


def test_sweeps_at_once_cancel_each_order_once(account: Account) -> None:
    orders = [place(account, quantity="0.001") for _ in range(6)]
    trip(scope="global", state="halted", reason=WHY, actor=None)
    in_threads(3, lambda _: sweep_stops())
    moves: Any = Event.objects.filter(order__in=orders, to_status="cancelled")
    assert moves.count() == 6
