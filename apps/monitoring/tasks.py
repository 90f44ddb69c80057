"""Let Celery look whether all is as it must be, and tell who wants to hear of it."""

from celery import shared_task

from apps.monitoring.services.deliveries import deliver_due
from apps.monitoring.services.watch import watch as watch_all


@shared_task(name="monitoring.watch", soft_time_limit=240, time_limit=270)
def watch() -> None:
    """Do one round of watching."""
    watch_all()


@shared_task(name="monitoring.deliver", soft_time_limit=60, time_limit=75)
def deliver() -> None:
    """Send the messages about alerts that are due."""
    deliver_due()
