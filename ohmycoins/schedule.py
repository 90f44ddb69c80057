"""Say what beat runs and when, and create the rows that are missing.

The rows are the operators': one that exists is never changed here, and an edit survives every
restart. To go back to the default, delete the row and run `manage.py prepare`.
"""

import json
from dataclasses import dataclass, field
from datetime import timedelta

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from ohmycoins.core import clock, seams
from ohmycoins.core.frequency import CRON_FIELDS, parse
from ohmycoins.core.queues import queues

LONG_AGO = timedelta(days=366)  # a row that never ran is due at once, whatever its period

UNIT_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


@dataclass(frozen=True, slots=True)
class Entry:
    """A task that beat publishes: `schedule` is `interval:N:unit` or `cron:` + five fields (UTC)."""

    name: str
    task: str
    schedule: str
    args: list[str] = field(default_factory=list)
    queue: str | None = None
    expires: int | None = None
    """After how many seconds a message is stale; without it, after its period."""


FIXED = (
    Entry(name="trading.poll", task="trading.poll", schedule="interval:2:seconds"),
    Entry(name="trading.run_due", task="trading.run_due", schedule="interval:1:seconds"),
    Entry(name="trading.begin_days", task="trading.begin_days", schedule="interval:1:minutes"),
    Entry(name="trading.forget_holds", task="trading.forget_holds", schedule="cron:50 3 * * *"),
    Entry(name="ledgers.tidy", task="ledgers.tidy", schedule="interval:1:minutes"),
    Entry(name="ledgers.retain", task="ledgers.retain", schedule="cron:30 3 * * *"),
    Entry(name="pnl.book_overdue", task="pnl.book_overdue", schedule="interval:5:seconds"),
    Entry(name="pnl.run_backtests", task="pnl.run_backtests", schedule="interval:5:seconds"),
    Entry(name="pnl.take_snapshots", task="pnl.take_snapshots", schedule="interval:1:minutes"),
    Entry(name="monitoring.forget_checks", task="monitoring.forget_checks", schedule="cron:40 3 * * *"),
    Entry(name="monitoring.guard", task="monitoring.guard", schedule="interval:5:seconds"),
    Entry(
        name="monitoring.check_invariants", task="monitoring.check_invariants", schedule="interval:1:minutes"
    ),
    Entry(name="monitoring.watch", task="monitoring.watch", schedule="interval:5:minutes"),
    Entry(name="monitoring.deliver", task="monitoring.deliver", schedule="interval:10:seconds"),
)


def entries() -> list[Entry]:
    """Give every entry: the fixed ones, one for each collector, and one for each queue."""
    collectors = [
        Entry(f"ledgers.collect:{slug}", "ledgers.collect", collector.schedule, [slug])
        for slug, collector in seams.load("COLLECTORS").items()
    ]
    pulses = [
        # As long as its queue is not down for it: one that waits says how old the queue is.
        Entry(f"monitoring.pulse:{name}", "monitoring.pulse", "interval:10:seconds", [name], name, expires=60)
        for name in queues()
    ]
    return [*FIXED, *collectors, *pulses]


def sync_schedules() -> list[str]:
    """Create the rows that are missing; return their names."""
    known = set(PeriodicTask.objects.values_list("name", flat=True))
    missing = [entry for entry in entries() if entry.name not in known]
    for entry in missing:
        when, seconds = _when(entry.schedule)
        # A message that waits longer than its period would only pile up behind the next one.
        PeriodicTask.objects.create(
            name=entry.name, task=entry.task, args=json.dumps(entry.args), queue=entry.queue,
            expire_seconds=entry.expires or seconds, last_run_at=clock.now() - LONG_AGO, **when,
        )  # fmt: skip
    return [entry.name for entry in missing]


def _when(schedule: str) -> tuple[dict[str, IntervalSchedule | CrontabSchedule], int]:
    """Give the schedule's row, and after how many seconds a message of it is stale. Raises Invalid."""
    frequency = parse(schedule)
    if frequency.every:
        seconds = int(frequency.every.total_seconds())
        unit, length = next(
            (unit, length) for unit, length in reversed(UNIT_SECONDS.items()) if seconds % length == 0
        )
        interval, _ = IntervalSchedule.objects.get_or_create(every=seconds // length, period=unit)
        return {"interval": interval}, max(seconds, 5)
    fields = dict(zip(CRON_FIELDS, frequency.cron.split(), strict=True))
    crontab, _ = CrontabSchedule.objects.get_or_create(**fields, timezone="UTC")
    return {"crontab": crontab}, 3600
