"""Let Celery execute orders; the messages carry ids and may be lost, late or doubled."""

from celery import shared_task
from django.conf import settings

from apps.trading.services import days, decisions, dispatch, forgetting, stopping
from apps.trading.services import execute as executor
from ohmycoins.core import clock


@shared_task(name="trading.execute")
def execute(account_id: int) -> None:
    """Do what is due for one account: the nudge that follows an accepted order."""
    executor.execute(account_id)


@shared_task(name="trading.poll")
def poll() -> None:
    """Drain every account with work waiting: what makes a lost nudge harmless."""
    executor.poll()


@shared_task(name="trading.begin_days")
def begin_days() -> None:
    """Store what accounts are worth at their midnight."""
    days.begin_days()


@shared_task(name="trading.sweep_stop")
def sweep_stop(stop_id: int) -> None:
    """Cancel what an emergency stop covers and whoever set it did not get to."""
    stopping.sweep_stop(stop_id, seconds=20)


@shared_task(name="trading.run_due")
def run_due() -> None:
    """Make the slots of deployments that are due, and have them decided."""
    dispatch.run_due()


@shared_task(name="trading.decide")
def decide(*decision_ids: int) -> None:
    """Decide slots: the nudge that follows their making."""
    decisions.run_decisions(decision_ids)


@shared_task(name="trading.forget_holds", soft_time_limit=600, time_limit=660)
def forget_holds() -> None:
    """Delete decisions to hold that are older than they are kept."""
    forgetting.forget_holds(days=settings.OMC_KEEP_HOLDS_DAYS, now=clock.now())
