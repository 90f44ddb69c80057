"""The emergency stop while a venue outside is being sent orders."""

import threading
import time
from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection

from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Account, Event, Order
from apps.trading.services import live
from apps.trading.services.control import trip
from apps.trading.services.stopping import in_flight, stop_trading, sweep_stops
from apps.trading.services.submit import claim, drain_live, submit
from apps.trading.tests.factories import place
from apps.trading.tests.live import BALANCES, KEY, KEYS, live_account, sandbox, state_of, truth
from ohmycoins.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
ACCOUNTS, ORDERS = 4, 25


@pytest.fixture
def server(settings: Any) -> Iterator[Sandbox]:
    settings.OMC_SETTLE_SECONDS = 0.2
    settings.OMC_RECONCILE_SECONDS = 0.1
    with sandbox(settings) as server:
        yield server


def own_account(server: Sandbox, number: int) -> Account:
    """Give a live account with keys of its own."""
    keys = {name: f"{value}-{number}" for name, value in KEYS.items()}
    server.venue.open_account(
        key=keys["api_key"], secret=keys["api_secret"], read_only_key=keys["read_only_key"],
        read_only_secret=keys["read_only_secret"], balances=BALANCES,
    )  # fmt: skip
    return live_account(keys=keys)


def test_stop_during_a_hundred_queued_orders_lets_nothing_more_be_claimed(server: Sandbox) -> None:
    accounts = [own_account(server, number) for number in range(ACCOUNTS)]
    for account in accounts:
        for _ in range(ORDERS):
            assert place(account, quantity="0.001", price="90000").status == "pending"
    stopped = threading.Event()

    def work(account: Account) -> None:
        try:
            while not stopped.is_set():
                drain_live(account.pk)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(account,)) for account in accounts]
    for worker in workers:
        worker.start()
    while Order.objects.filter(venue_order_id__isnull=False).count() < 10:
        time.sleep(0.01)
    trip(scope="global", state="halted", reason="enough", actor=None)
    time.sleep(1)
    stopped.set()
    for worker in workers:
        worker.join()
    trip_event = Event.objects.get(type="stop.halted")
    claimed = Event.objects.filter(to_status="submitting")
    assert 10 <= claimed.count() < ACCOUNTS * ORDERS
    assert not claimed.filter(pk__gt=trip_event.pk).exists()
    accepted = sum(len(server.venue.truth(f"{KEY}-{number}").orders) for number in range(ACCOUNTS))
    assert accepted == Order.objects.filter(venue_order_id__isnull=False).count() <= claimed.count()
    # Cancels pass, and go on until nothing is in flight.
    sweep_stops(seconds=20)
    assert not Order.objects.filter(status__in=("pending", "open")).exists()
    deadline = time.monotonic() + 30
    while in_flight().exists() and time.monotonic() < deadline:
        for account in accounts:
            live.work(account.pk)
    assert not in_flight().exists()
    states = {
        order.state for number in range(ACCOUNTS) for order in server.venue.truth(f"{KEY}-{number}").orders
    }
    assert states == {"cancelled"}


def test_order_claimed_before_the_stop_is_not_sent_after_it(server: Sandbox) -> None:
    account = live_account()
    order = place(account, quantity="0.1", price="90000")
    submission = claim(account.pk)
    assert submission is not None
    stop_trading(scope="global", state="halted", reason="now", actor=None)
    submit(submission)
    assert truth(server).orders == ()
    assert state_of(order) == "cancelled"
    assert order.reserved_aud == 0


def test_late_submit_is_not_accepted_after_the_fence(server: Sandbox, settings: Any) -> None:
    """A worker that hangs while it sends: the stop is set, its order fenced off, and then its bytes arrive."""
    settings.OMC_SUBMIT_DEADLINE_SECONDS = 0.3
    server.venue.set_options(delay_seconds=1.0)
    server.venue.script(KEY, ["late_arrival"], ends="/my/buy")
    account = live_account()
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    assert state_of(order) == "unknown"
    stop_trading(scope=f"account:{account.pk}", state="halted", reason="now", actor=None)
    deadline = time.monotonic() + 20
    while state_of(order) == "unknown" and time.monotonic() < deadline:
        live.work(account.pk)
        time.sleep(0.05)
    time.sleep(1.2)
    assert state_of(order) == "not_placed"
    assert truth(server).orders == ()


def test_liquidation_sells_what_is_held_at_the_venue(server: Sandbox) -> None:
    account = live_account(UserFactory())
    done = stop_trading(
        scope=f"account:{account.pk}", state="reduce_only", reason="out", actor=None, liquidate=True
    )
    assert [sale.status for sale in done.sales] == ["pending"]
    live.work(account.pk)
    deadline = time.monotonic() + 20
    while state_of(done.sales[0]) != "filled" and time.monotonic() < deadline:
        live.work(account.pk)
        time.sleep(0.05)
    assert state_of(done.sales[0]) == "filled"
    assert truth(server).balances.get("BTC", D(0)) == 0
    assert place(account, quantity="0.1").denials[0]["code"] == "EMERGENCY_STOP"
