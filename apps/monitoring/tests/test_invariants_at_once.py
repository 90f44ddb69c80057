"""Two rounds at once take a slice each: nothing is added up twice, and nothing honest is an incident."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from apps.ledgers.tests.factories import make_price
from apps.monitoring.models import Incident, Summing, Tally, Walk
from apps.monitoring.services import summing, walking
from apps.monitoring.services.invariants import look
from apps.trading.models import Account, Fill
from apps.trading.tests.factories import make_account, trade
from ohmycoins.core import clock as system_clock


def together(*works: Callable[[], object]) -> list[BaseException]:
    failed: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # given back to the test
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return failed


@pytest.fixture
def account(transactional_db: None, clock: Any) -> Account:
    make_price(bid=100, ask=100)
    account = make_account()
    for _ in range(3):
        trade(account, quantity="1")
    return account


def test_two_rounds_at_once_add_nothing_up_twice(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, way in walking.WAYS.items():
        monkeypatch.setitem(walking.WAYS, name, walking.Way(1, way.start, way.keys))  # type: ignore[arg-type]
    now = system_clock.now()
    for _ in range(3):
        assert together(lambda: look(now), lambda: look(now)) == []
    assert not Incident.objects.exists()
    assert Summing.objects.get().through_id == Fill.objects.latest("id").pk
    tally = Tally.objects.get(generation=Summing.objects.get().generation)
    assert tally.quantity == 3
    assert Walk.objects.exclude(name="match").filter(completed_at=None).count() == 0


def test_fill_that_is_being_written_is_waited_for(account: Account) -> None:
    summing.settle()
    settled, go, done = Summing.objects.get().settled_id, threading.Event(), threading.Event()

    def write() -> None:
        """Take a fill's id and leave it unwritten until told, as a slow transaction does."""
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT id FROM trading_account WHERE id = %s FOR NO KEY UPDATE", [account.pk])
            cursor.execute("SELECT nextval('trading_fill_id_seq')")
            go.set()
            done.wait(30)
            cursor.execute("COMMIT")

    writer = threading.Thread(target=lambda: (write(), connections.close_all()))
    writer.start()
    assert go.wait(30)
    other = make_account()
    trade(other, quantity="1")
    summing.settle()
    assert Summing.objects.get().settled_id == settled, "an earlier id may still appear"
    done.set()
    writer.join(30)
    summing.settle()
    assert Summing.objects.get().settled_id == Fill.objects.latest("id").pk
