"""Read when collectors run from the beat schedule's rows."""

from datetime import datetime, timedelta

from django_celery_beat.models import PeriodicTask

PREFIX = "ledgers.collect:"
GRACE = timedelta(minutes=5)  # beat and the queue take a moment
LONG_AGO = timedelta(days=366)


def collector_schedules() -> dict[str, str]:
    """Give each collector's schedule in words, as operators may have changed it, in one query."""
    rows = PeriodicTask.objects.filter(name__startswith=PREFIX).select_related("interval", "crontab")
    return {row.name.removeprefix(PREFIX): _words(row) for row in rows}


def missed(last_runs: dict[str, datetime | None], *, now: datetime) -> list[str]:
    """Name the collectors whose hour of the day passed without a run.

    Beat loads only those crontab rows whose hour is near, so a machine that was off at that hour would
    wait for the next day. `last_runs` says when each collector last began.
    """
    rows = PeriodicTask.objects.filter(name__startswith=PREFIX, enabled=True).exclude(crontab=None)
    names = []
    for row in rows.select_related("crontab"):
        name = row.name.removeprefix(PREFIX)
        last = last_runs.get(name) or now - LONG_AGO
        if name in last_runs and row.crontab.schedule.remaining_estimate(last) < -GRACE:
            names.append(name)
    return names


def _words(row: PeriodicTask) -> str:
    if not row.enabled:
        return "paused"
    if row.interval:
        return f"interval:{row.interval.every}:{row.interval.period}"
    cron = row.crontab
    return f"cron:{cron.minute} {cron.hour} {cron.day_of_month} {cron.month_of_year} {cron.day_of_week}"
