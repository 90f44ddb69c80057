"""Append parsed records to their ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import CharField, TextField

from apps.ledgers.models import (
    CatalystEvent,
    CollectionRun,
    Fundamental,
    News,
    OnChainMetric,
    SocialPost,
)
from apps.ledgers.models.entry import Entry, Item
from apps.ledgers.querysets import AHEAD
from apps.ledgers.records import (
    DepthRecord,
    EventRecord,
    FundamentalRecord,
    ItemRecord,
    MetricRecord,
    NewsRecord,
    PostRecord,
    PriceRecord,
    Record,
)
from apps.ledgers.services.depth import store_depths

MODELS: dict[type[ItemRecord], type[Item]] = {
    FundamentalRecord: Fundamental,
    MetricRecord: OnChainMetric,
    NewsRecord: News,
    PostRecord: SocialPost,
    EventRecord: CatalystEvent,
}
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
MOVED = 0.1  # an engagement count that moves by less of itself is no change
BATCH = 1000

# One statement for a whole tick. The latest price only moves forward: an entry of an earlier minute
# never replaces a later one.
STORE_PRICES = """
    WITH stored AS (
        INSERT INTO ledgers_price (coin_type, market, bid, ask, last, crossed, occurred_at,
                                   observed_at, run_id, origin, available_at)
        SELECT coin_type, market, bid, ask, last, bid > ask, occurred_at, %(observed_at)s, %(run)s, %(origin)s,
               CASE WHEN %(origin)s <> 'observed' THEN occurred_at END
        FROM unnest(%(coin_types)s::text[], %(markets)s::text[], %(bids)s::text[]::numeric[], %(asks)s::text[]::numeric[],
                    %(lasts)s::text[]::numeric[], %(times)s::timestamptz[])
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


@dataclass(frozen=True, slots=True)
class Past:
    """Where entries come from that nobody observed, and how long after they occurred they would have been known."""

    origin: Entry.Origin
    known_after: timedelta


def misfit(record: Record, *, read_at: datetime) -> str | None:
    """Say why the database would refuse a record, or nobody believe its date; None when it fits."""
    if record.occurred_at > read_at + AHEAD:
        return f"is dated in the future, {record.occurred_at.isoformat()}"
    if record.occurred_at < EARLIEST:
        return f"is dated {record.occurred_at.isoformat()}"
    if not isinstance(record, ItemRecord):
        return None  # its texts are symbols
    kind: Any = type(record)
    for name, limit in _texts(kind):
        value = getattr(record, name)
        for text in value if isinstance(value, tuple) else (value,):
            if storable(text) != text:
                return f"{name} holds characters that are no text"
            if limit and len(text) > limit:
                return f"{name} is longer than {limit} characters"
    return None


def storable(text: str) -> str:
    """Give the text without what no database keeps: NUL, and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


@cache
def _texts(kind: Any) -> tuple[tuple[str, int | None], ...]:
    """Give the text fields of a kind of record, each with the longest its column takes."""
    columns = {field.name: field for field in MODELS[kind]._meta.concrete_fields}
    texts = []
    for name in (field.name for field in fields(kind)):
        column: Any = columns.get(name)
        column = getattr(column, "base_field", column)  # of an array
        if isinstance(column, CharField | TextField):
            texts.append((name, column.max_length))
    return tuple(texts)


def store(records: Sequence[Record], *, run: CollectionRun, observed_at: datetime) -> int:
    """Append records of any ledger; return how many were new.

    Runs in the caller's transaction, under the source's advisory lock.
    """
    prices = [record for record in records if isinstance(record, PriceRecord)]
    depths = [record for record in records if isinstance(record, DepthRecord)]
    items = [record for record in records if isinstance(record, ItemRecord)]
    stored = store_prices(prices, run=run, observed_at=observed_at) if prices else 0
    stored += store_depths(depths, run=run, observed_at=observed_at) if depths else 0
    return stored + store_items(items, source_id=run.source_id, run=run, observed_at=observed_at)


def store_prices(
    records: Sequence[PriceRecord], *, run: CollectionRun | None, observed_at: datetime,
    origin: Entry.Origin = Entry.Origin.OBSERVED,
) -> int:  # fmt: skip
    """Append prices and move the latest ones; return how many were new.

    A market that already has a price in that minute keeps it. Prices that nobody observed would have
    been known at once. Runs in the caller's transaction, under the source's advisory lock.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            STORE_PRICES,
            {
                "run": run.pk if run else None,
                "observed_at": observed_at,
                "origin": origin.value,
                "coin_types": [record.coin_type for record in records],
                "markets": [record.market for record in records],
                # As texts: the driver writes a list of them three times as fast as one of Decimals.
                "bids": [str(record.bid) for record in records],
                "asks": [str(record.ask) for record in records],
                "lasts": [str(record.last) for record in records],
                "times": [record.occurred_at for record in records],
            },
        )
        return int(cursor.fetchone()[0])


def store_items(
    records: Sequence[ItemRecord], *, source_id: str, run: CollectionRun | None, observed_at: datetime,
    past: Past | None = None,
) -> int:  # fmt: skip
    """Append the versions that differ from their item's newest one; return how many there were.

    Of several versions of an item in one call the first counts. Entries of the `past` say when they would
    have been known, and never restate what is there.
    """
    stored = 0
    for kind, model in MODELS.items():
        alike = {record.item: record for record in reversed(records) if type(record) is kind}
        known = {entry.item: entry for entry in model.objects.newest_of(source_id, list(alike))}
        about = {"collector_id": source_id, "run": run, "observed_at": observed_at}
        new = [
            model(**about, **_said(model, record), **_then(record, past))
            for record in reversed(alike.values())
            if record.item not in known or (past is None and _differs(known[record.item], record))
        ]
        model.objects.bulk_create(new, batch_size=BATCH)
        stored += len(new)
    return stored


def _said(model: type[Item], record: ItemRecord) -> dict[str, Any]:
    said = {f.name: getattr(record, f.name) for f in fields(record) if hasattr(model, f.name)}
    return said | {name: list(value) for name, value in said.items() if isinstance(value, tuple)}


def _then(record: ItemRecord, past: Past | None) -> dict[str, Any]:
    if past is None:
        return {}
    return {"origin": past.origin, "available_at": record.occurred_at + past.known_after}


def _differs(known: Item, record: ItemRecord) -> bool:
    if record.only_new:
        return False
    if known.digest != record.digest:
        return True
    return _moved(getattr(known, "engagement", {}), record.engagement)


def _moved(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Tell whether any count moved by a tenth of itself or more; one that is hidden now did not move."""
    return any(
        abs(count - before.get(name, 0)) >= MOVED * max(abs(before.get(name, 0)), 1)
        for name, count in after.items()
    )
