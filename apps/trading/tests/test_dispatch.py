"""Every slot once: however often beat fires, and whatever becomes of the workers."""

import os
import signal
import subprocess
import sys
import time as real_time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest
from django.conf import settings as configured
from django.db import connection, transaction

from apps.ledgers.tests.factories import make_news, make_price, store_now
from apps.trading.models import Decision, Deployment, Order
from apps.trading.services import decisions, dispatch
from apps.trading.services.execute import drain_account
from apps.trading.services.invariants import check_invariants
from apps.trading.tests.factories import make_account
from apps.trading.tests.races import in_threads
from apps.trading.tests.rules import make_deployment
from ohmycoins.core import clock as time
from ohmycoins.core import outbox

pytestmark = pytest.mark.django_db
FIVE = timedelta(minutes=5)


@pytest.fixture
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the decisions that workers were nudged for."""
    found: list[int] = []
    monkeypatch.setattr(outbox, "nudge", lambda task, *args, **_: found.extend(args))
    return found


def test_slot_is_made_once_and_the_next_one_is_kept_in_phase(
    clock: Any, told: Any, nudged: list[int]
) -> None:
    deployment = make_deployment()
    assert [dispatch.run_due() for _ in range(3)] == [1, 0, 0]
    decision = Decision.objects.get()
    assert (decision.slot, decision.status, nudged) == (time.now(), "due", [decision.pk])
    deployment.refresh_from_db()
    assert deployment.next_run_at == time.now() + FIVE


@pytest.mark.parametrize(("late", "following"), [(0, 5), (1, 5), (299, 5), (300, 10), (3601, 65)])
def test_slots_that_passed_are_not_made_up_for(clock: Any, told: Any, late: int, following: int) -> None:
    begun = time.now()
    deployment = make_deployment()
    clock.shift(timedelta(seconds=late))
    dispatch.run_due()
    deployment.refresh_from_db()
    assert Decision.objects.get().slot == begun
    assert deployment.next_run_at == begun + timedelta(minutes=following)


def test_cron_is_utc(clock: Any, told: Any) -> None:
    deployment = make_deployment(frequency="cron:30 9 * * 1-5")
    dispatch.run_due()
    deployment.refresh_from_db()
    assert deployment.next_run_at == datetime(2026, 3, 3, 9, 30, tzinfo=UTC)


def test_paused_and_future_ones_are_left_alone(clock: Any, told: Any) -> None:
    make_deployment(status="paused")
    make_deployment(next_run_at=time.now() + timedelta(seconds=1))
    assert dispatch.run_due() == 0


def test_piled_up_work_makes_no_second_slot(clock: Any, told: Any, nudged: list[int]) -> None:
    make_deployment()
    dispatch.run_due()
    clock.shift(FIVE)
    assert dispatch.run_due() == 1
    assert Decision.objects.count() == 1
    decisions.run_decision(nudged[0])
    clock.shift(FIVE)
    dispatch.run_due()
    assert Decision.objects.count() == 2


def test_lost_nudge_is_made_good_and_what_kills_workers_ends(
    clock: Any, told: Any, nudged: list[int]
) -> None:
    deployment = make_deployment(frequency="interval:1:days")
    dispatch.run_due()
    (first,) = nudged
    for attempt in range(1, decisions.MOST_ATTEMPTS + 1):
        clock.shift(29)
        dispatch.run_due()
        assert len(nudged) == attempt
        Decision.objects.update(attempts=attempt)  # a worker took it up, and died
        clock.shift(1)
        dispatch.run_due()
    assert nudged == [first] * decisions.MOST_ATTEMPTS
    decision = Decision.objects.get()
    assert (decision.status, decision.error[:28]) == ("failed", "RuntimeError: not decided in")
    deployment.refresh_from_db()
    assert deployment.failures == 1


@pytest.mark.django_db(transaction=True)
def test_beat_doubled_makes_each_slot_once(told: Any, nudged: list[int]) -> None:
    account = make_account()
    made = [make_deployment(account) for _ in range(60)]
    assert sum(in_threads(4, lambda _: dispatch.run_due())) == 60
    assert sorted(nudged) == sorted(Decision.objects.values_list("pk", flat=True))
    assert Decision.objects.count() == len(made)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_thousand_at_once_run_once_each_while_workers_are_killed(settings: Any, told: Any) -> None:
    """Two beats fire all along; every second or so a worker dies with its children."""
    make_price()
    store_now(make_news(currencies=("BTC",)))
    accounts = [make_account() for _ in range(20)]
    due = time.now()
    for number in range(1000):
        make_deployment(accounts[number % 20], frequency="interval:1:days", next_run_at=due)
    env = os.environ | {
        "DATABASE_URL": _test_database(), "REDIS_URL": configured.REDIS_URL, "LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "apps.trading.tests.dispatch_settings",
    }  # fmt: skip
    workers, killed = [_start(env, n) for n in range(2)], 0
    try:
        began, next_kill = real_time.monotonic(), real_time.monotonic() + 6
        while Decision.objects.waiting().exists() or not Decision.objects.exists():
            in_threads(2, lambda _: dispatch.run_due())
            # What a dead worker had is nudged for again; nobody waits half a minute for it here.
            Decision.objects.waiting().filter(attempts__gt=0).update(nudged_at=due - timedelta(minutes=1))
            if real_time.monotonic() > next_kill and killed < 8:
                _kill(workers[killed % 2])
                workers[killed % 2] = _start(env, killed + 2)
                killed, next_kill = killed + 1, real_time.monotonic() + 2
            assert real_time.monotonic() - began < 240, "they were never done"
            make_price(at=time.now())
            real_time.sleep(0.3)
    finally:
        for worker in workers:
            _kill(worker)
    assert killed >= 3
    assert Decision.objects.filter(status="done").count() == 1000
    assert set(Deployment.objects.values_list("runs", "failures")) == {(1, 0)}
    assert Order.objects.filter(decision__isnull=False).count() == 1000
    for account in accounts:
        drain_account(account.pk)
    assert check_invariants() == []


def _test_database() -> str:
    at = connection.settings_dict
    return f"postgresql://{at['USER']}:{at['PASSWORD']}@/{at['NAME']}?host={at['HOST']}&port={at['PORT']}"


def _start(env: dict[str, str], number: int) -> "subprocess.Popen[bytes]":
    command = [
        sys.executable, "-m", "celery", "--quiet", "-A", "ohmycoins", "worker", "-Q", "decisions", "-c", "2", "-l", "ERROR",
        "-n", f"dispatch{number}@%h", "--prefetch-multiplier", "1", "--without-gossip", "--without-mingle",
    ]  # fmt: skip
    return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, start_new_session=True)


def _kill(worker: "subprocess.Popen[bytes]") -> None:
    family = psutil.Process(worker.pid).children(recursive=True) if worker.poll() is None else []
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    psutil.wait_procs(family, timeout=5)


@pytest.mark.django_db(transaction=True)
def test_slot_that_a_worker_is_deciding_holds_up_neither_others_nor_slices(
    told: Any, nudged: list[int], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_deployment(frequency="interval:1:days")
    make_deployment(frequency="interval:1:days")
    dispatch.run_due()
    busy, lost = sorted(nudged)
    clock.shift(31)
    nudged.clear()
    twaps: list[datetime] = []
    monkeypatch.setattr(dispatch, "run_due_twaps", twaps.append)
    with transaction.atomic():
        Decision.objects.select_for_update().get(pk=busy)
        in_threads(1, lambda _: dispatch.run_due())
    assert (nudged, len(twaps)) == ([lost], 1)
