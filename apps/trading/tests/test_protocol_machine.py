"""Any history of orders, faults, deaths and time leaves our rows true to themselves and to the venue.

Hypothesis draws what happens next: two workers may be anywhere in a submit at once, a process may die at any
statement or call, the venue fails in every way that it knows, people trade by hand beside us. After each
step our own rows must hold; at the end the venue answers again, and both must agree to the last digit.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.db.models import QuerySet
from django.test import override_settings
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Event, Fill, Order
from apps.trading.services import live
from apps.trading.services.cancel import cancel_order, send_cancels
from apps.trading.services.invariants import check_invariants
from apps.trading.services.reconcile import reconcile
from apps.trading.services.resolve import resolve
from apps.trading.services.submit import claim, reap, record, send
from apps.trading.states import IN_FLIGHT, QUEUED, RESTING, Status
from apps.trading.tests.chaos.oracle import is_drained, judge, judge_midway
from apps.trading.tests.factories import place
from apps.trading.tests.live import BALANCES, KEY, KEYS, live_account
from apps.trading.tests.wire import Died, Wire
from conftest import NOON
from ohmycoins.core import clock
from ohmycoins.sandbox.venue.account import Order as VenueOrder
from ohmycoins.sandbox.venue.account import Refusal, Truth
from ohmycoins.sandbox.venue.prices import MovableMarket
from ohmycoins.sandbox.venue.venue import Venue

ANYTIME = [
    "drop_before", "accept_drop", "accept_5xx", "late_arrival", "proxy_replay", "429_before", "429_after",
    "html_200_before", "html_200_after", "cut_json", "cut_body", "drip", "unsent", "die_before", "die_after",
]  # fmt: skip
ON_SUBMIT = [*ANYTIME, "late_commit", "partial_fill", "manual_twin_answered", "manual_twin_dropped"]
ON_CANCEL = [*ANYTIME, "late_commit", "fill_during_cancel"]
ON_READ = [*ANYTIME, "out_of_order", "duplicate_rows"]
OURS = ("unsent", "die_before", "die_after")
SETTLE = 60  # seconds, the default
LATEST_COMMIT = 30  # what the venue took it carries out before we look

SIDES = st.sampled_from(["buy", "sell"])
AMOUNTS = st.sampled_from(["0.01", "0.02", "0.05"])  # few: twins have to be told apart
# Percent away from the market, on the side where an order rests; negative crosses it.
DISTANCES = st.sampled_from([-2, 1, 3, 10])
SECONDS = st.sampled_from([0.1, 1, 5, 16, 31, 61, 301])
DEATHS = st.one_of(st.none(), st.integers(1, 40))
WHICH = st.integers(0, 7)
LATE = st.sampled_from([1, 30, 100, 500])
MOST_IN_FLIGHT = 5


def faults(kinds: list[str]) -> st.SearchStrategy[list[str | None]]:
    """Give what befalls the calls of a step: mostly one fault, somewhere among its first calls."""
    return st.tuples(st.integers(0, 3), st.sampled_from([None, *kinds])).map(
        lambda drawn: [*[None] * drawn[0], drawn[1]]
    )


class Protocol(RuleBasedStateMachine):
    """A live account, its venue, and workers that may stop anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.undo: list[Any] = []
        self.time = time_machine.travel(NOON, tick=False)
        self.clock = self.time.start()
        self.undo.append(self.time.stop)
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.undo.append(self.roll_back)
        changed = override_settings(TRADING_MODE="live", COINSPOT_URL="http://venue")
        changed.enable()
        self.undo.append(changed.disable)
        self.venue = Venue(MovableMarket(1))
        self.wire = Wire(self.venue)
        self.undo.append(self.wire.patched())
        self.mid, self.by_hand = D(100_000), 0
        self.venue.set_prices({"BTC": {"bid": 100_000, "ask": 100_200}})
        self.venue.open_account(
            key=KEY, secret=KEYS["api_secret"], read_only_key=KEYS["read_only_key"],
            read_only_secret=KEYS["read_only_secret"], balances=BALANCES,
        )  # fmt: skip
        self.account = live_account()
        self.flying: list[list[Any]] = []  # a submission, and its outcome once it was sent
        self.sound = True

    def roll_back(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    def teardown(self) -> None:
        try:
            if self.sound:
                self.settle()
        finally:
            for undo in reversed(self.undo):
                undo()

    @initialize(
        ids=st.sampled_from(["none", "order"]),
        lag=st.sampled_from([0, 3, 20]),
        depth=st.sampled_from(["1", "0.4"]),
    )
    def set_the_venue_up(self, ids: str, lag: int, depth: str) -> None:
        self.names_trades = ids == "order"
        self.venue.set_options(completed_ids=ids, listing_lag_seconds=lag, depth=depth)

    # What users do ------------------------------------------------------------------------------------

    @precondition(lambda self: self.count(IN_FLIGHT - {Status.NEEDS_REVIEW}) < MOST_IN_FLIGHT)
    @rule(side=SIDES, amount=AMOUNTS, distance=st.one_of(st.none(), DISTANCES))
    def place_order(self, side: str, amount: str, distance: int | None) -> None:
        price = {} if distance is None else {"price": str(self.price(side, distance))}
        place(self.account, side, quantity=amount, **price)

    @precondition(lambda self: self.cancellable().exists())
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        cancel_order(self.pick(self.cancellable(), which).pk, actor="user:1")

    @rule(side=SIDES, distance=DISTANCES)
    def place_by_hand(self, side: str, distance: int) -> None:
        self.by_hand += 1
        amount = D("0.03") + self.by_hand * D("0.00000011")
        self.swallow(
            lambda: self.venue.place(
                KEY, side=side, coin="BTC", amount=amount, rate=self.price(side, distance)
            )
        )

    @precondition(lambda self: self.open_there())
    @rule(which=WHICH)
    def cancel_by_hand(self, which: int) -> None:
        self.venue.cancel(KEY, self.pick(self.open_there(), which).id)

    @rule(kind=st.sampled_from(["deposit", "withdraw", "send", "receive"]))
    def transfer(self, kind: str) -> None:
        amount, coin = (D(100), "AUD") if kind in ("deposit", "withdraw") else (D("0.01"), "BTC")
        self.swallow(lambda: self.venue.transfer(KEY, kind, amount, coin))

    @rule(percent=st.sampled_from([-3, -1, 1, 3]))
    def move_the_market(self, percent: int) -> None:
        self.mid = (self.mid * (100 + percent) / 100).quantize(D(1))
        self.venue.set_prices({"BTC": {"bid": self.mid, "ask": self.mid + 200}})
        make_price(bid=str(self.mid), ask=str(self.mid + 200))

    @rule()
    def wait_until_something_is_due(self) -> None:
        rows = Order.objects.values_list("next_at", "lease_until")
        due = [at for row in rows for at in row if at and at > clock.now()]
        self.wait((min(due) - clock.now()).total_seconds() if due else 31)

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.clock.shift(seconds)
        make_price(bid=str(self.mid), ask=str(self.mid + 200))

    # What workers do: each step alone, as if between any two another worker had its turn ------------------

    @precondition(lambda self: self.count(QUEUED))
    @rule(fault=st.sampled_from([None, *ON_SUBMIT]), delay=LATE, deaths=st.tuples(DEATHS, DEATHS, DEATHS))
    def submit(self, fault: str | None, delay: int, deaths: tuple[int | None, ...]) -> None:
        """Claim, send and record, as a worker does that nothing keeps from it between."""
        flying = len(self.flying)
        self.claim(deaths[0])
        if len(self.flying) > flying:
            self.send(-1, fault, delay, deaths[1])
        if len(self.flying) > flying:
            self.record(-1, deaths[2])

    @precondition(lambda self: self.count(QUEUED))
    @rule(death=DEATHS)
    def claim(self, death: int | None) -> None:
        with self.mishaps([], death):
            if submission := claim(self.account.pk):
                self.flying.append([submission, None])

    @precondition(lambda self: any(outcome is None for _, outcome in self.flying))
    @rule(which=WHICH, fault=st.sampled_from([None, *ON_SUBMIT]), delay=LATE, death=DEATHS)
    def send(self, which: int, fault: str | None, delay: int, death: int | None) -> None:
        entry = self.pick([entry for entry in self.flying if entry[1] is None], which)
        with self.mishaps([fault], death, delay):
            entry[1] = send(entry[0])
        if entry[1] is None:  # its worker died
            self.flying.remove(entry)

    @precondition(lambda self: any(outcome is not None for _, outcome in self.flying))
    @rule(which=WHICH, death=DEATHS)
    def record(self, which: int, death: int | None) -> None:
        entry = self.pick([entry for entry in self.flying if entry[1] is not None], which)
        self.flying.remove(entry)
        with self.mishaps([], death):
            record(*entry)

    @precondition(lambda self: self.flying)
    @rule(which=WHICH)
    def die(self, which: int) -> None:
        self.flying.remove(self.pick(self.flying, which))

    @precondition(lambda self: self.count({Status.SUBMITTING}))
    @rule(death=DEATHS)
    def reap(self, death: int | None) -> None:
        with self.mishaps([], death):
            reap(self.account.pk)

    @precondition(lambda self: self.count({Status.UNKNOWN}))
    @rule(struck=faults(ON_READ), death=DEATHS)
    def resolve(self, struck: list[str | None], death: int | None) -> None:
        with self.mishaps(struck, death):
            resolve(self.account.pk)

    @rule(struck=faults(ON_READ), death=DEATHS)
    def reconcile(self, struck: list[str | None], death: int | None) -> None:
        with self.mishaps(struck, death):
            reconcile(self.account.pk)

    @precondition(lambda self: self.count({Status.CANCELLING}))
    @rule(struck=faults(ON_CANCEL), death=DEATHS, delay=LATE)
    def send_cancels(self, struck: list[str | None], death: int | None, delay: int) -> None:
        with self.mishaps(struck, death, delay):
            send_cancels(self.account.pk)

    @rule(struck=faults([*ON_READ, "manual_twin_dropped"]), seconds=SECONDS)
    def work(self, struck: list[str | None], seconds: float) -> None:
        self.wait(seconds)
        with self.mishaps(struck, None):
            live.work(self.account.pk)

    # What must hold ---------------------------------------------------------------------------------------

    @invariant()
    def rows_are_true_to_themselves(self) -> None:
        self.must_be_empty(check_invariants([self.account.pk], chains=False))

    @invariant()
    def no_order_is_doubled_and_no_fill_invented(self) -> None:
        self.must_be_empty(judge_midway(self.account.pk, lambda: self.truth))

    def must_be_empty(self, breaches: list[Any]) -> None:
        self.sound = not breaches
        assert breaches == []

    def settle(self) -> None:
        """End all faults, let all that is under way end, and compare with the truth."""
        self.flying.clear()
        before, same = None, 0
        while same < 3:
            self.wait(SETTLE + 1)
            Account.objects.filter(pk=self.account.pk).update(next_reconcile_at=clock.now())
            live.work(self.account.pk)
            now = (Event.objects.count(), Fill.objects.count(), is_drained(self.account.pk))
            same = same + 1 if now == before else 0
            before = now
        latest = timedelta(seconds=LATEST_COMMIT)
        found = judge(self.account.pk, self.truth, latest_commit=latest, names_trades=self.names_trades)
        assert found == []
        assert check_invariants([self.account.pk], now=clock.now()) == []

    # How ----------------------------------------------------------------------------------------------------

    def cancellable(self) -> QuerySet[Order]:
        waiting = [Status.PENDING, Status.SUBMITTING, Status.UNKNOWN, *RESTING]
        return Order.objects.filter(status__in=waiting, origin="ours").order_by("id")

    def open_there(self) -> list[VenueOrder]:
        return [order for order in self.truth.orders if order.state == "open"]

    @property
    def truth(self) -> Truth:
        return self.venue.truth(KEY)

    def count(self, statuses: Collection[Status]) -> int:
        return Order.objects.filter(status__in=statuses).count()

    def price(self, side: str, distance: int) -> D:
        away = -distance if side == "buy" else distance
        return (self.mid * (100 + away) / 100).quantize(D("0.01"))

    def pick(self, rows: Any, which: int) -> Any:
        rows = list(rows)
        return rows[which % len(rows)] if rows else None

    def swallow(self, act: Any) -> None:
        with suppress(Refusal):
            act()

    @contextmanager
    def mishaps(self, struck: list[str | None], death: int | None, delay: float = 1) -> Iterator[None]:
        """Let faults strike the calls in turn, and the process die at its statement number `death`."""
        if "late_commit" in struck:
            delay = min(delay, LATEST_COMMIT)
        self.venue.set_options(delay_seconds=delay)
        for key in (KEY, KEYS["read_only_key"]):
            self.venue.script(key, [None if fault in OURS else fault for fault in struck])
        self.wire.breaks = [fault if fault in OURS else None for fault in struck]
        count = 0

        def execute(run: Any, *args: Any) -> Any:
            nonlocal count
            count += 1
            if count == death:
                raise Died
            return run(*args)

        try:
            with connection.execute_wrapper(execute):
                yield
        except Died:
            pass
        finally:
            self.venue._fates.forget(KEY, KEYS["read_only_key"])
            self.wire.breaks = []


@pytest.mark.django_db
def test_any_history_leaves_our_rows_true_to_the_venue() -> None:
    run_state_machine_as_test(
        Protocol,
        settings=settings(
            max_examples=35, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck),
            derandomize=True, database=None,
        ),
    )  # fmt: skip
