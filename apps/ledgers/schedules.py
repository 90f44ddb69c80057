"""Read when collectors run from the beat schedule's rows."""

from django_celery_beat.models import PeriodicTask

PREFIX = "ledgers.collect:"


def collector_schedules() -> dict[str, str]:
    """Give each collector's schedule in words, as operators may have changed it, in one query."""
    rows = PeriodicTask.objects.filter(name__startswith=PREFIX).select_related("interval", "crontab")
    return {row.name.removeprefix(PREFIX): _words(row) for row in rows}


def _words(row: PeriodicTask) -> str:
    if not row.enabled:
        return "paused"
    if row.interval:
        return f"interval:{row.interval.every}:{row.interval.period}"
    cron = row.crontab
    return f"cron:{cron.minute} {cron.hour} {cron.day_of_month} {cron.month_of_year} {cron.day_of_week}"
