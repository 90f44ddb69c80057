"""Let Celery run collectors."""

from celery import shared_task

from apps.ledgers.services.collect import collect as run_collector


@shared_task(name="ledgers.collect")
def collect(name: str) -> None:
    """Run one collector; the run row says what came of it."""
    run_collector(name)
