"""Let Celery look whether all is as it must be, and tell who wants to hear of it."""

from typing import Any

from celery import shared_task
from django.conf import settings

from apps.monitoring.metrics import tasks as counted  # noqa: F401 - it listens to what workers do
from apps.monitoring.services import protections
from apps.monitoring.services import pulse as pulses
from apps.monitoring.services.deliveries import deliver_due
from apps.monitoring.services.forgetting import forget_checks
from apps.monitoring.services.watch import check_invariants as check_all_invariants
from apps.monitoring.services.watch import tell_of_brakes
from apps.monitoring.services.watch import watch as watch_all
from ohmycoins.core import clock


@shared_task(name="monitoring.guard", soft_time_limit=25, time_limit=40)
def guard() -> None:
    """Brake what follows from sales booked since the last look, and tell of it at once."""
    if protections.guard(clock.now()):
        tell_of_brakes()


@shared_task(name="monitoring.watch", soft_time_limit=240, time_limit=270)
def watch() -> None:
    """Do one round of watching."""
    watch_all()


@shared_task(name="monitoring.check_invariants", soft_time_limit=50, time_limit=60)
def check_invariants() -> None:
    """Go on with the invariants between rounds."""
    check_all_invariants()


@shared_task(name="monitoring.forget_checks", soft_time_limit=240, time_limit=270)
def forget() -> None:
    """Delete old looks at the data."""
    forget_checks(days=settings.OMC_KEEP_CHECKS_DAYS, now=clock.now())


@shared_task(name="monitoring.deliver", soft_time_limit=60, time_limit=75)
def deliver() -> None:
    """Send the messages about alerts that are due."""
    deliver_due()


@shared_task(name=pulses.TASK, bind=True)
def pulse(self: Any, queue: str) -> None:
    """Note that this came through the queue, and when it was put in."""
    pulses.note(queue, holder=str(self.request.hostname), sent_at=self.request.get(pulses.SENT_AT))
