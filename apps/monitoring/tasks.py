"""Let Celery look whether all is as it must be."""

from celery import shared_task

from apps.monitoring.services.watch import watch as watch_all


@shared_task(name="monitoring.watch", soft_time_limit=240, time_limit=270)
def watch() -> None:
    """Do one round of watching."""
    watch_all()
