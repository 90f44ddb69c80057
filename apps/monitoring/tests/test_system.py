"""Queues without a sign of life are found, and pulses are what signs of life are made of."""

from datetime import timedelta
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask

from apps.monitoring.models import Heartbeat
from apps.monitoring.services import heartbeat, pulse, system
from apps.monitoring.tasks import pulse as pulse_task
from ohmycoins.core.clock import now
from ohmycoins.core.queues import queues
from ohmycoins.schedule import sync_schedules

pytestmark = pytest.mark.django_db


def live(**ages: float) -> None:
    """Let beat have run for long, and a pulse sent so many seconds ago have come through each queue (0)."""
    heartbeat.hold("beat", holder="x", now=now())
    Heartbeat.objects.filter(name="beat").update(since=now() - timedelta(hours=1))
    for queue in queues():
        sent_at = (now() - timedelta(seconds=ages.get(queue, 0))).isoformat()
        pulse.note(queue, holder="w@x", sent_at=sent_at)


def found() -> dict[str, str]:
    return {finding.key: finding.severity for finding in system.look(now())}


def test_every_queue_that_tasks_go_to_has_a_pulse_of_ten_seconds() -> None:
    assert queues() == ("collect", "decisions", "default", "orders", "lab")
    sync_schedules()
    rows = PeriodicTask.objects.filter(task="monitoring.pulse").select_related("interval")
    made = {
        row.queue: (row.args, row.interval.every, row.interval.period, row.expire_seconds) for row in rows
    }
    assert made == {queue: (f'["{queue}"]', 10, "seconds", 60) for queue in queues()}


def test_queue_is_found_from_a_minute_on_and_gone_when_a_pulse_comes_through(clock: Any) -> None:
    live(orders=59.9)
    assert found() == {}
    clock.shift(0.1)
    assert found() == {"queue:orders": "high"}
    pulse.note("orders", holder="w@x", sent_at=now().isoformat())
    assert found() == {}


def test_lab_matters_less(clock: Any) -> None:
    live(lab=61)
    assert found() == {"queue:lab": "medium"}


def test_queue_that_never_lived_is_found(clock: Any) -> None:
    live()
    Heartbeat.objects.filter(name="queue:collect").delete()
    (finding,) = system.look(now())
    assert (finding.key, finding.evidence) == ("queue:collect", {"queue": "collect", "age_seconds": None})
    assert finding.message.startswith("Nothing has come out of the queue collect ever:")


def test_queues_are_not_blamed_until_beat_has_run_for_a_minute(clock: Any) -> None:
    live(orders=3_600)
    assert found() == {"queue:orders": "high"}
    heartbeat.release("beat", holder="x")
    assert found() == {}
    heartbeat.hold("beat", holder="y", now=now())
    for _ in range(3):
        clock.shift(19)
        heartbeat.hold("beat", holder="y", now=now())
    assert found() == {}
    clock.shift(3)
    assert found()["queue:orders"] == "high"


def test_beat_that_was_away_longer_than_its_lease_begins_anew_under_the_same_name(clock: Any) -> None:
    heartbeat.hold("beat", holder="x", now=now())
    clock.shift(20)
    heartbeat.hold("beat", holder="x", now=now())
    assert heartbeat.held_for("beat", now=now()) == timedelta(seconds=20)
    clock.shift(31)
    assert heartbeat.held_for("beat", now=now()) == timedelta(0), "dead by now"
    heartbeat.hold("beat", holder="x", now=now())
    assert heartbeat.held_for("beat", now=now()) == timedelta(0)
    clock.shift(5)
    assert heartbeat.held_for("beat", now=now()) == timedelta(seconds=5)


def test_pulse_that_was_overtaken_or_comes_twice_changes_nothing(clock: Any) -> None:
    sent = [(now() - timedelta(seconds=ago)).isoformat() for ago in (20, 10)]
    for stamp in (sent[1], sent[0], sent[1]):
        pulse.note("orders", holder="w@x", sent_at=stamp)
    assert heartbeat.queue_ages(now=now()) == {"orders": timedelta(seconds=10)}


def test_pulse_without_a_stamp_counts_as_sent_now(clock: Any) -> None:
    pulse_task.apply(args=["orders"]).get()
    assert heartbeat.queue_ages(now=now()) == {"orders": timedelta(0)}


def test_stamp_is_written_once(clock: Any) -> None:
    fresh: dict[str, Any] = {}
    pulse.stamp(headers=fresh)
    assert fresh == {"sent_at": "2026-03-02T12:00:00+00:00"}
    clock.shift(5)
    pulse.stamp(headers=fresh)
    assert fresh == {"sent_at": "2026-03-02T12:00:00+00:00"}
