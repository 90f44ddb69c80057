"""What it costs to have 1,000 due deployments decided, beside django-celery-beat with 1,000 due entries.

Both publish a message each to a queue that nobody reads; ours also stores the slots.
"""

from datetime import timedelta
from typing import Any

from celery import current_app
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from apps.accounts.models import User
from apps.trading.models import Algorithm, Decision, Deployment
from apps.trading.services import dispatch
from apps.trading.services.accounts import open_account
from benchmarks.measure import Row, cpu_once
from ohmycoins.core import clock

DUE = 1_000
PATIENCE_TICKS = 20 * DUE


def rows() -> list[Row]:
    """Measure one dispatch each, after everything was loaded once."""
    _deployments()
    PeriodicTask.objects.update(enabled=False)
    peer = _beat()
    ours = cpu_once(dispatch.run_due)
    if Decision.objects.count() != DUE:
        raise RuntimeError(f"{Decision.objects.count()} slots were made of {DUE}")
    _forget()
    theirs = cpu_once(lambda: _tick(peer))
    _forget()
    return [Row.at_most(f"dispatch of {DUE:,} due deployments / django-celery-beat", ours, theirs, 0.1)]


def _deployments() -> None:
    user = User.objects.create_user("dispatch@example.com", None)
    account = open_account(user=user, name="dispatch", venue="paper")
    algorithms = Algorithm.objects.bulk_create(
        Algorithm(user=user, slug="dollar_cost_averaging", name=f"bench {number}", status="paper")
        for number in range(DUE)
    )
    Deployment.objects.bulk_create(
        Deployment(
            user=user, account=account, algorithm=algorithm, frequency="interval:5:minutes", next_run_at=clock.now()
        )
        for algorithm in algorithms
    )  # fmt: skip


def _beat() -> DatabaseScheduler:
    """Give a scheduler with as many entries that are due, loaded."""
    every, _ = IntervalSchedule.objects.get_or_create(every=5, period="minutes")
    PeriodicTask.objects.bulk_create(
        PeriodicTask(
            name=f"bench {number}", task="trading.decide", args=f"[{number}]", interval=every,
            last_run_at=clock.now() - timedelta(days=1), start_time=None,
        )
        for number in range(DUE)
    )  # fmt: skip
    scheduler = DatabaseScheduler(current_app, lazy=True)
    scheduler.setup_schedule()
    return scheduler


def _tick(scheduler: DatabaseScheduler) -> None:
    """Let beat run all that is due, and store that it did."""
    for _ in range(PATIENCE_TICKS):
        if scheduler.tick() > 1:
            break
    scheduler.sync()
    ran = PeriodicTask.objects.filter(name__startswith="bench ", total_run_count=1).count()
    if ran != DUE:
        raise RuntimeError(f"beat ran {ran} of {DUE}")


def _forget() -> None:
    """Drop the messages: no worker is to act on them."""
    with current_app.connection_for_write() as broker:
        channel: Any = broker.default_channel
        channel.queue_purge("decisions")
