"""Delete old entries, and remember that they are gone."""

from datetime import datetime, timedelta

import pgtrigger
import structlog
from django.db import connection, transaction
from django.db.models import Max

from apps.ledgers.models import (
    Candle,
    CatalystEvent,
    Cut,
    Depth,
    Fundamental,
    News,
    OnChainMetric,
    Price,
    SocialPost,
)
from apps.ledgers.models.entry import Entry

log = structlog.get_logger(__name__)

LEDGERS: dict[str, type[Entry]] = {
    model._meta.db_table: model
    for model in (Price, Depth, Candle, Fundamental, OnChainMetric, News, SocialPost, CatalystEvent)
}
NEWEST = {
    "ledgers_price": "SELECT price_id FROM ledgers_latestprice",
    "ledgers_depth": "SELECT depth_id FROM ledgers_latestdepth",
}  # what stays, however old


def purge(*, before: datetime, reason: str) -> int:
    """Delete every ledger's entries that occurred before `before`; return how many.

    The one way past the append-only triggers, for retention and for demo data; the application has no
    other caller of `pgtrigger.ignore`. Each ledger's cut is recorded with it, and from then on an
    `as_of` before the cut is refused. The newest price and depth of each market
    stay.
    """
    deleted = 0
    for table, model in LEDGERS.items():
        with transaction.atomic(), pgtrigger.ignore(f"{model._meta.label}:append_only"):
            count = _delete(table, before)
            if count:
                Cut.objects.create(table=table, before=before, deleted=count, reason=reason)
        deleted += count
    log.info("ledgers.purged", before=before.isoformat(), deleted=deleted, reason=reason)
    return deleted


def _delete(table: str, before: datetime) -> int:
    kept = f"AND id NOT IN ({NEWEST[table]})" if table in NEWEST else ""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # a first cut may take minutes
        cursor.execute(f"DELETE FROM {table} WHERE occurred_at < %s {kept}", [before])  # noqa: S608 - our own
        return int(cursor.rowcount)


def retain(*, days: int, now: datetime) -> int:
    """Purge what is older than `days`; 0 keeps everything."""
    return purge(before=now - timedelta(days=days), reason=f"retention of {days} days") if days else 0


def cut_of(model: type[Entry]) -> datetime | None:
    """Give the moment before which this ledger's past was deleted, if any was."""
    cut: datetime | None = Cut.objects.filter(table=model._meta.db_table).aggregate(at=Max("before"))["at"]
    return cut
