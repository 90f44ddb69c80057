"""Append order books to the Exchange ledger, and keep the newest of each market at hand."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from apps.ledgers.models import CollectionRun, Depth, LatestDepth
from apps.ledgers.records import DepthRecord, Level
from ohmycoins.core.money import plain


def store_depths(records: Sequence[DepthRecord], *, run: CollectionRun, observed_at: datetime) -> int:
    """Append the order books that changed, mark the others as seen again; return how many changed.

    A market that already has one in that minute, or in a later one, keeps it. Runs in the caller's
    transaction, under the source's advisory lock.
    """
    coins = {record.coin_type for record in records}
    known = {
        (latest.coin_type, latest.market): latest
        for latest in LatestDepth.objects.filter(coin_type__in=coins).select_related("depth")
    }
    new: dict[tuple[str, str], Depth] = {}
    seen = []
    for record in records:
        market = (record.coin_type, record.market)
        entry, latest = _entry(record, run, observed_at), known.get(market)
        if latest and (latest.depth.bids, latest.depth.asks) == (entry.bids, entry.asks):
            seen.append(latest.pk)
        elif latest is None or latest.depth.occurred_at < record.occurred_at:
            new.setdefault(market, entry)
    LatestDepth.objects.filter(pk__in=seen).update(seen_at=observed_at)
    LatestDepth.objects.bulk_create(
        [
            LatestDepth(coin_type=depth.coin_type, market=depth.market, depth=depth, seen_at=observed_at)
            for depth in Depth.objects.bulk_create(new.values())
        ],
        update_conflicts=True, unique_fields=["coin_type", "market"], update_fields=["depth", "seen_at"],
    )  # fmt: skip
    return len(new)


def _entry(record: DepthRecord, run: CollectionRun, observed_at: datetime) -> Depth:
    bids, asks = record.bids, record.asks
    return Depth(
        coin_type=record.coin_type, market=record.market, bids=_written(bids), asks=_written(asks),
        crossed=bool(bids and asks and bids[0].price > asks[0].price), occurred_at=record.occurred_at,
        observed_at=observed_at, run=run,
    )  # fmt: skip


def _written(levels: Iterable[Level]) -> list[list[str]]:
    return [[plain(level.price), plain(level.quantity)] for level in levels]
