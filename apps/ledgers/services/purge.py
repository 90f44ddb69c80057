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
from ohmycoins.core.locks import advisory_lock

log = structlog.get_logger(__name__)

LEDGERS: dict[str, type[Entry]] = {
    model._meta.db_table: model
    for model in (Price, Depth, Candle, Fundamental, OnChainMetric, News, SocialPost, CatalystEvent)
}
NEWEST = {
    "ledgers_price": "SELECT price_id FROM ledgers_latestprice",
    "ledgers_depth": "SELECT depth_id FROM ledgers_latestdepth",
}  # what stays, however old
PRICES_LOCK = "ledgers.coinspot_prices"
FORGET_LATEST = """
    DELETE FROM ledgers_latestprice AS latest WHERE NOT EXISTS (SELECT FROM ledgers_price WHERE id = latest.price_id)
"""
LOOK_BACK = """
    INSERT INTO ledgers_latestprice (price_id, coin_type, market, bid, ask, last, occurred_at, observed_at)
    SELECT DISTINCT ON (coin_type, market) id, coin_type, market, bid, ask, last, occurred_at, observed_at
    FROM ledgers_price ORDER BY coin_type, market, occurred_at DESC
    ON CONFLICT (coin_type, market) DO NOTHING
"""


def purge(*, before: datetime, reason: str) -> int:
    """Delete every ledger's entries that occurred before `before`; return how many.

    The ledgers' one way past their append-only triggers, with `purge_seeded`. Each ledger's cut is
    recorded with it, and from then on an `as_of` before the cut is refused. The newest price and depth of
    each market stay.
    """
    deleted = 0
    for table, model in LEDGERS.items():
        kept = f"AND id NOT IN ({NEWEST[table]})" if table in NEWEST else ""
        with transaction.atomic():
            deleted += _cut(model, f"occurred_at < %s {kept}", [before], before=before, reason=reason)
    log.info("ledgers.purged", before=before.isoformat(), deleted=deleted, reason=reason)
    return deleted


@transaction.atomic
def purge_seeded(*, now: datetime, reason: str) -> int:
    """Delete what was made up, all of it and nothing else; return how many entries.

    What was known until `now` is no longer whole, so that is where the cut is. The latest price of a
    market is the newest that is left, if any.
    """
    advisory_lock(PRICES_LOCK)
    deleted = sum(_cut(model, "origin = 'seed'", [], before=now, reason=reason) for model in LEDGERS.values())
    with connection.cursor() as cursor:
        cursor.execute(FORGET_LATEST)
        cursor.execute(LOOK_BACK)
    log.info("ledgers.purged_seeded", deleted=deleted, reason=reason)
    return deleted


def _cut(model: type[Entry], condition: str, values: list[datetime], *, before: datetime, reason: str) -> int:
    """Delete what meets a condition in our own words, in the caller's transaction, and record the cut."""
    table = model._meta.db_table
    with pgtrigger.ignore(f"{model._meta.label}:append_only"), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # a first cut may take minutes
        cursor.execute(f"DELETE FROM {table} WHERE {condition}", values)  # noqa: S608 - our own
        count = int(cursor.rowcount)
    if count:
        Cut.objects.create(table=table, before=before, deleted=count, reason=reason)
    return count


def retain(*, days: int, now: datetime) -> int:
    """Purge what is older than `days`; 0 keeps everything."""
    return purge(before=now - timedelta(days=days), reason=f"retention of {days} days") if days else 0


def cut_of(model: type[Entry]) -> datetime | None:
    """Give the moment before which this ledger's past was deleted, if any was."""
    cut: datetime | None = Cut.objects.filter(table=model._meta.db_table).aggregate(at=Max("before"))["at"]
    return cut
