"""Let Celery run collectors and look after what they stored."""

from celery import shared_task
from django.conf import settings

from apps.ledgers.services.candles import roll_candles
from apps.ledgers.services.catch_up import catch_up
from apps.ledgers.services.collect import close_overdue_runs
from apps.ledgers.services.collect import collect as run_collector
from apps.ledgers.services.purge import retain
from ohmycoins.core import clock


@shared_task(name="ledgers.collect", soft_time_limit=600, time_limit=660)
def collect(name: str, probe: bool = False) -> None:
    """Run one collector; the run row says what came of it."""
    run_collector(name, probe=probe)


@shared_task(name="ledgers.tidy")
def tidy() -> None:
    """Close the runs of dead workers, catch up on missed ones, and roll prices up into candles."""
    close_overdue_runs(now=clock.now())
    catch_up(now=clock.now())
    roll_candles(now=clock.now())


@shared_task(name="ledgers.retain", soft_time_limit=600, time_limit=660)
def retain_ledgers() -> None:
    """Delete what is older than the retention, if there is one."""
    retain(days=settings.LEDGER_RETENTION_DAYS, now=clock.now())
