"""Start the runs that did not happen, or came to nothing, when the next one is far away."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import OuterRef, Subquery

from apps.ledgers.models import CollectionRun, Source
from apps.ledgers.schedules import missed
from apps.ledgers.services.control import off_because
from ohmycoins.core import outbox

log = structlog.get_logger(__name__)

TRY_AGAIN_AFTER = timedelta(hours=1)


def catch_up(*, now: datetime) -> list[str]:
    """Ask a worker for every collector whose hour passed without a run, or whose last run failed an hour ago.

    Returns their names. Asking twice does no harm: a run that finds another one running is skipped.
    """
    runs = CollectionRun.objects.filter(source=OuterRef("pk")).order_by("-started_at", "-id")
    sources: Any = Source.objects.annotate(
        began_at=Subquery(runs.values("started_at")[:1]),
        came_to=Subquery(runs.counted().values("status")[:1]),
    )
    began: dict[str, datetime | None] = {}
    failed: set[str] = set()
    for source in sources:
        if off_because(source) is None:
            began[source.pk] = source.began_at
            if source.came_to == CollectionRun.Status.FAILED and source.began_at < now - TRY_AGAIN_AFTER:
                failed.add(source.pk)
    names = sorted(failed.union(missed(began, now=now)))
    for name in names:
        outbox.nudge("ledgers.collect", name)
        log.info("collector.caught_up", collector=name)
    return names
