"""Give every deployment its slots, once each, and have workers decide them.

A slot is a row, unique by deployment and instant, made in the transaction that moves `next_run_at` on: so
beat may fire twice, late or not at all. The message to a worker is a nudge; a slot that nobody decided is
nudged again. Slots that passed while nothing ran are not made up for: the newest state of the world is
decided on once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from apps.trading.models import Decision, Deployment
from apps.trading.services.decisions import MOST_ATTEMPTS, give_up
from apps.trading.services.twaps import run_due_twaps
from ohmycoins.core import clock, outbox
from ohmycoins.core.frequency import parse

log = structlog.get_logger(__name__)

BATCH = 1_000
FEW, PER_MESSAGE = 20, 25
RENUDGE_AFTER = timedelta(seconds=30)
"""When a worker that took a slot up is taken to be dead: beyond a task's time limit of 25 s."""
MOVE_ON = """
    UPDATE trading_deployment SET next_run_at = following.at
    FROM unnest(%(ids)s::bigint[], %(at)s::timestamptz[]) AS following (id, at)
    WHERE trading_deployment.id = following.id
"""


def run_due() -> int:
    """Make the slots that are due, nudge workers for them and for those left over; return how many deployments were due."""
    now = clock.now()
    moved = 0
    while batch := _claim(now):
        moved += batch
    run_due_twaps(now)
    _nudge_again(now)
    return moved


@transaction.atomic
def _claim(now: datetime) -> int:
    """Move due deployments on to their next slot and make the decisions of this one; return how many moved.

    One whose last slot still waits for a worker gets none: when work piles up, nothing is decided twice
    in a row on the same state of the world.
    """
    due = list(
        Deployment.objects.due(now)
        .select_for_update(no_key=True, skip_locked=True)
        .order_by("next_run_at", "id")
        .only("id", "user", "frequency", "next_run_at")[:BATCH]
    )
    if not due:
        return 0
    # Read after the lock: whoever held it may have made a slot meanwhile.
    waiting = set(
        Decision.objects.waiting().filter(deployment__in=due).values_list("deployment_id", flat=True)
    )
    made = Decision.objects.bulk_create(
        Decision(
            deployment=deployment,
            user_id=deployment.user_id,
            slot=deployment.next_run_at or now,
            created_at=now,
            nudged_at=now,
        )
        for deployment in due
        if deployment.pk not in waiting
    )
    with connection.cursor() as cursor:
        cursor.execute(
            MOVE_ON, {"ids": [each.pk for each in due], "at": [_next_slot(each, now) for each in due]}
        )
    _nudge([decision.pk for decision in made])
    return len(due)


def _next_slot(deployment: Deployment, now: datetime) -> datetime:
    slot = deployment.next_run_at or now
    return parse(deployment.frequency).next_after(max(now, slot), slot)


def _nudge_again(now: datetime) -> None:
    """Nudge for slots whose message or worker was lost, and give up those that nobody can decide.

    Those that a worker is deciding at this moment are locked, and left alone.
    """
    with transaction.atomic():
        late = Decision.objects.waiting().filter(nudged_at__lte=now - RENUDGE_AFTER).order_by("id")
        found = dict(
            late.select_for_update(skip_locked=True, no_key=True).values_list("pk", "attempts")[:BATCH]
        )
        if found:
            Decision.objects.filter(pk__in=found).update(nudged_at=now)
        _nudge([decision_id for decision_id, attempts in found.items() if attempts < MOST_ATTEMPTS])
    for decision_id in [each for each, attempts in found.items() if attempts >= MOST_ATTEMPTS]:
        try:
            give_up(decision_id)
        except (OperationalError, InterfaceError) as error:  # its account is busy: in half a minute
            log.warning("decision.not_given_up", decision_id=decision_id, error=str(error))


def _nudge(decision_ids: Sequence[int]) -> None:
    """Send them to workers: few one by one, so that they run side by side, many in batches, which cost less."""
    size = PER_MESSAGE if len(decision_ids) > FEW else 1
    for start in range(0, len(decision_ids), size):
        outbox.nudge("trading.decide", *decision_ids[start : start + size])
