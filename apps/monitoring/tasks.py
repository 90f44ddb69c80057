"""Let Celery look whether all is as it must be."""

from typing import Any

from celery import shared_task

from apps.monitoring.metrics import tasks as counted  # noqa: F401 - it listens to what workers do
from apps.monitoring.services import pulse as pulses
from apps.monitoring.services.watch import watch as watch_all


@shared_task(name="monitoring.watch", soft_time_limit=240, time_limit=270)
def watch() -> None:
    """Do one round of watching."""
    watch_all()


@shared_task(name=pulses.TASK, bind=True)
def pulse(self: Any, queue: str) -> None:
    """Note that this came through the queue, and when it was put in."""
    pulses.note(queue, holder=str(self.request.hostname), sent_at=self.request.get(pulses.SENT_AT))
