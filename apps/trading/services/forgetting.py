"""Delete decisions to hold that nobody needs any more: what is traded is kept, with all that it rests on."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pgtrigger
import structlog
from django.conf import settings
from django.db import connection, transaction

from apps.trading.models import Decision, Deployment

log = structlog.get_logger(__name__)

BATCH = 2_000
NEWEST_KEPT = 100
"""Of each deployment, however old: what one promotes and looks at."""
GUARDS = ("trading.Decision:never_deleted", "trading.Evidence:append_only")


def forget_holds(*, days: int, now: datetime) -> int:
    """Delete decisions to hold of slots more than `days` ago, with their evidence; return how many. 0 keeps all.

    Kept are the days that a promotion looks at, and each deployment's newest decisions. A batch is a
    transaction: one that is cut short goes on the next time.
    """
    if not days:
        return 0
    before = now - timedelta(days=max(days, settings.OMC_PAPER_DAYS + 1))
    deleted = 0
    for deployment_id in Deployment.objects.order_by("pk").values_list("pk", flat=True):
        for batch in _old_holds(deployment_id, before):
            _delete(batch)
            deleted += len(batch)
    log.info("decisions.forgotten", before=before.isoformat(), deleted=deleted)
    return deleted


def _old_holds(deployment_id: int, before: datetime) -> Iterator[Sequence[int]]:
    """Give them from the oldest on, in batches, by the index of slots."""
    own = Decision.objects.filter(deployment=deployment_id)
    newest = own.order_by("-slot").values_list("slot", flat=True)
    since = newest[NEWEST_KEPT - 1 : NEWEST_KEPT].first()
    if since is None:
        return
    holds = own.decided().filter(action=Decision.Action.HOLD, slot__lt=min(before, since)).order_by("slot")
    while batch := list(holds.values_list("pk", "slot")[:BATCH]):
        yield [pk for pk, _ in batch]
        holds = holds.filter(slot__gt=batch[-1][1])


@transaction.atomic
def _delete(decision_ids: Sequence[int]) -> None:
    with pgtrigger.ignore(*GUARDS), connection.cursor() as cursor:
        for table, column in (("trading_evidence", "decision_id"), ("trading_decision", "id")):
            cursor.execute(f"DELETE FROM {table} WHERE {column} = ANY(%s)", [list(decision_ids)])  # noqa: S608 - our own
