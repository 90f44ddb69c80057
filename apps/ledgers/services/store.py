"""Append parsed records to their ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta

from django.db import connection

from apps.ledgers.models import (
    CatalystEvent,
    CollectionRun,
    Fundamental,
    News,
    OnChainMetric,
    SocialPost,
)
from apps.ledgers.models.entry import Entry, Item
from apps.ledgers.records import (
    EventRecord,
    FundamentalRecord,
    ItemRecord,
    MetricRecord,
    NewsRecord,
    PostRecord,
    PriceRecord,
)

MODELS: dict[type[ItemRecord], type[Item]] = {
    FundamentalRecord: Fundamental,
    MetricRecord: OnChainMetric,
    NewsRecord: News,
    PostRecord: SocialPost,
    EventRecord: CatalystEvent,
}
MOVED = 0.1  # an engagement count that moves by less of itself is no change
BATCH = 1000

# One statement for a whole tick. The latest price only moves forward: an entry of an earlier minute
# never replaces a later one.
STORE_PRICES = """
    WITH stored AS (
        INSERT INTO ledgers_price (coin_type, market, bid, ask, last, crossed, occurred_at,
                                   observed_at, run_id, origin)
        SELECT coin_type, market, bid, ask, last, bid > ask, occurred_at, %(observed_at)s, %(run)s, 'observed'
        FROM unnest(%(coin_types)s::text[], %(markets)s::text[], %(bids)s::numeric[], %(asks)s::numeric[],
                    %(lasts)s::numeric[], %(times)s::timestamptz[])
             AS tick (coin_type, market, bid, ask, last, occurred_at)
        ON CONFLICT (coin_type, market, occurred_at) DO NOTHING
        RETURNING id, coin_type, market, bid, ask, last, occurred_at, observed_at
    ), moved AS (
        INSERT INTO ledgers_latestprice AS known (price_id, coin_type, market, bid, ask, last,
                                                  occurred_at, observed_at)
        SELECT DISTINCT ON (coin_type, market) * FROM stored ORDER BY coin_type, market, occurred_at DESC
        ON CONFLICT (coin_type, market) DO UPDATE SET
            price_id = EXCLUDED.price_id, bid = EXCLUDED.bid, ask = EXCLUDED.ask, last = EXCLUDED.last,
            occurred_at = EXCLUDED.occurred_at, observed_at = EXCLUDED.observed_at
        WHERE known.occurred_at < EXCLUDED.occurred_at
    )
    SELECT count(*) FROM stored
"""


def store(records: Sequence[PriceRecord | ItemRecord], *, run: CollectionRun, observed_at: datetime) -> int:
    """Append records of any ledger; return how many were new.

    Runs in the caller's transaction, under the source's advisory lock.
    """
    prices = [record for record in records if isinstance(record, PriceRecord)]
    items = [record for record in records if isinstance(record, ItemRecord)]
    stored = store_prices(prices, run=run, observed_at=observed_at) if prices else 0
    return stored + store_items(items, run=run, observed_at=observed_at)


def store_prices(records: Sequence[PriceRecord], *, run: CollectionRun, observed_at: datetime) -> int:
    """Append prices and move the latest ones; return how many were new.

    A market that already has a price in that minute keeps it. Runs in the caller's transaction, under
    the source's advisory lock.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            STORE_PRICES,
            {
                "run": run.pk,
                "observed_at": observed_at,
                "coin_types": [record.coin_type for record in records],
                "markets": [record.market for record in records],
                "bids": [record.bid for record in records],
                "asks": [record.ask for record in records],
                "lasts": [record.last for record in records],
                "times": [record.occurred_at for record in records],
            },
        )
        return int(cursor.fetchone()[0])


def store_items(
    records: Sequence[ItemRecord],
    *,
    run: CollectionRun,
    observed_at: datetime,
    known_after: timedelta | None = None,
) -> int:
    """Append the versions that differ from their item's newest one; return how many there were.

    Of several versions of an item in one call the first counts. With `known_after` the entries are
    backfilled: they say when they would have been known.
    """
    stored = 0
    for kind, model in MODELS.items():
        alike = {record.item: record for record in reversed(records) if type(record) is kind}
        known = {entry.item: entry for entry in model.objects.newest_of(run.source_id, list(alike))}
        new = [
            _entry(model, record, run, observed_at, known_after)
            for record in reversed(alike.values())
            if record.item not in known or _differs(known[record.item], record)
        ]
        model.objects.bulk_create(new, batch_size=BATCH)
        stored += len(new)
    return stored


def _entry(
    model: type[Item],
    record: ItemRecord,
    run: CollectionRun,
    observed_at: datetime,
    known_after: timedelta | None,
) -> Item:
    said = {f.name: getattr(record, f.name) for f in fields(record) if hasattr(model, f.name)}
    said |= {name: list(value) for name, value in said.items() if isinstance(value, tuple)}
    past = {} if known_after is None else {
        "origin": Entry.Origin.BACKFILL, "available_at": record.occurred_at + known_after,
    }  # fmt: skip
    return model(run=run, collector_id=run.source_id, observed_at=observed_at, **said, **past)


def _differs(known: Item, record: ItemRecord) -> bool:
    if known.digest != record.digest:
        return True
    return _moved(getattr(known, "engagement", {}), record.engagement)


def _moved(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Tell whether any count moved by a tenth of itself or more; one that is hidden now did not move."""
    return any(
        abs(count - before.get(name, 0)) >= MOVED * max(abs(before.get(name, 0)), 1)
        for name, count in after.items()
    )
