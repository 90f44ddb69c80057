"""Let Celery look whether all is as it must be."""

from celery import shared_task

from apps.monitoring.services import invariants


@shared_task(name="monitoring.check_invariants", soft_time_limit=240, time_limit=270)
def check_invariants() -> None:
    """Check the invariants of all accounts."""
    invariants.check_all()
