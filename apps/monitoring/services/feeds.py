"""Read what each source has given its ledger lately: one probe of an index a source, one pass over a window."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Max, OuterRef, Q, Subquery, Value
from django.db.models.functions import Greatest

from apps.ledgers.models import (
    CatalystEvent,
    CollectionRun,
    Depth,
    Fundamental,
    LatestDepth,
    LatestPrice,
    News,
    OnChainMetric,
    Price,
    SocialPost,
    Source,
)
from apps.ledgers.models.entry import Entry, Item
from apps.ledgers.services.control import off_because
from apps.monitoring.models import QualityCheck
from apps.monitoring.quality import BOUNDS, Feed, Row
from apps.monitoring.services.still import figures_still_since, prices_still_since

PRICES, DEPTH = "coinspot_prices", "coinspot_depth"
"""Whose entries are those that name no run."""
ITEMS: tuple[type[Item], ...] = (News, SocialPost, CatalystEvent, Fundamental, OnChainMetric)
OPPOSED = Q(sentiment_score__lt=-1) | Q(sentiment_score__gt=1)
BROKEN: dict[type[Entry], tuple[str, Q]] = {
    Price: ("exchange", Q(crossed=True) | Q(last__lte=0)),
    Depth: ("exchange", Q(crossed=True)),
    News: ("human", OPPOSED),
    SocialPost: ("human", OPPOSED),
    CatalystEvent: ("catalyst", Q(impact_score__lt=1) | Q(impact_score__gt=10) | Q(title__regex=r"^\s*$")),
    Fundamental: ("glass", Q(tvl_usd__lt=0)),
    OnChainMetric: ("glass", Q(metric_name="chain_tvl_usd", metric_value__lt=0)),
}
"""Which ledger a table is of, and the entries that break its rules. The tables' own constraints refuse most of them."""


@dataclass(slots=True)
class Past:
    """A source's figures while they are gathered."""

    newest_at: datetime | None = None
    has_entries: bool = False
    series: int = 0
    unmoved_since: datetime | None = None
    entries: int = 0
    broken: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources as they feed their ledgers, and the last run of each that counts."""

    feeds: tuple[Feed, ...]
    last_runs: tuple[CollectionRun, ...]

    def of(self, ledger: str) -> list[Feed]:
        return [feed for feed in self.feeds if feed.ledger == ledger]


def read_sources(now: datetime) -> Sources:
    """Read every source's figures as of `now`; those without a row of their own are of hand-made entries."""
    past: dict[str, Past] = {}
    sources = list(_sources())
    for source in sources:
        past[source.pk] = Past(newest_at=source.newest_at, has_entries=source.any_entry is not None)
    _read_markets(past, now)
    for name, unmoved_since, series in figures_still_since(now):
        past[name].unmoved_since, past[name].series = unmoved_since, series
    _look_further_back(past, now)
    ledger_of = {PRICES: "exchange", DEPTH: "exchange"} | {source.pk: source.ledger for source in sources}
    _judge_entries(past, now)
    known: dict[str, Any] = {source.pk: source for source in sources}
    feeds = tuple(
        Feed(
            source=name, ledger=ledger_of[name], has_run=name in known and known[name].last_run_id is not None,
            off_because=(off_because(known[name]) or "") if name in known else "", newest_at=each.newest_at,
            has_entries=each.has_entries, entries=each.entries, broken=each.broken, series=each.series,
            unmoved_since=each.unmoved_since,
        )
        for name, each in sorted(past.items())
    )  # fmt: skip
    runs = CollectionRun.objects.defer("sample").in_bulk([source.last_run_id for source in sources])
    return Sources(feeds, tuple(runs[pk] for pk in sorted(runs)))


def _sources() -> Any:
    """Give the sources with the newest of their items, any of them, and their last run that counts.

    In the order of an index, so that the planner does not look through a table for an entry that is not there.
    """
    runs = CollectionRun.objects.filter(source=OuterRef("pk")).counted()
    entries = [model.objects.filter(collector=OuterRef("pk")) for model in ITEMS]
    newest = [Subquery(rows.live().order_by("-observed_at").values("observed_at")[:1]) for rows in entries]
    return Source.objects.annotate(
        newest_at=Greatest(*newest),
        any_entry=Greatest(*[Subquery(rows.order_by("item", "-id").values("pk")[:1]) for rows in entries]),
        last_run_id=Subquery(runs.order_by("-started_at", "-id").values("pk")[:1]),
    )


def _read_markets(past: dict[str, Past], now: datetime) -> None:
    """Add what the Exchange ledger's latest rows say; they are a thousand where its entries are millions."""
    prices = LatestPrice.objects.order_by().values_list("price__run__source")
    for name, newest_at, markets in prices.annotate(Max("observed_at"), Count("pk")):
        _add(past, name or PRICES, newest_at, markets)
    if not past.get(PRICES) or not past[PRICES].has_entries:  # stored by hand, without a latest row
        newest = Price.objects.live().order_by("-occurred_at", "-id").values_list("observed_at", flat=True)
        for observed_at in newest[:1]:
            _add(past, PRICES, observed_at, 0)
    if PRICES in past and past[PRICES].has_entries:
        past[PRICES].unmoved_since = prices_still_since(now)
    books = LatestDepth.objects.order_by().values_list("depth__run__source")
    for name, seen_at, changed_at, markets in books.annotate(
        Max("seen_at"), Max("depth__observed_at"), Count("pk")
    ):
        _add(past, name or DEPTH, seen_at, markets, unmoved_since=changed_at)


def _add(
    past: dict[str, Past], name: str, newest_at: datetime, series: int, *, unmoved_since: datetime | None = None
) -> None:  # fmt: skip
    each = past.setdefault(name, Past())
    each.newest_at = max(filter(None, (each.newest_at, newest_at)))
    each.has_entries, each.series, each.unmoved_since = True, each.series + series, unmoved_since


def _look_further_back(past: dict[str, Past], now: datetime) -> None:
    """Take the word of the last check for since when a source stood still that has not moved after it either."""
    last = QualityCheck.objects.between(None, now).first()
    if last is None:
        return
    for ledger in last.ledgers.values():
        for name, source in ledger["sources"].items():
            since = datetime.fromisoformat(source["frozen_since"] or now.isoformat())
            found = past[name].unmoved_since if name in past else None
            if found and found < last.checked_at:
                past[name].unmoved_since = min(found, since)


def _judge_entries(past: dict[str, Past], now: datetime) -> None:
    """Count each source's entries of its ledger's window, and those that break its rules."""
    known = list(past)
    for model, (ledger, rule) in BROKEN.items():
        since = now - BOUNDS[ledger].stale
        counted = (
            _of_items(model, since, rule, known)
            if issubclass(model, Item)
            else _of_markets(model, since, rule)
        )
        for name, entries, broken in counted:
            each = past.setdefault(name, Past(has_entries=True))
            each.entries += entries
            rows = [(model._meta.model_name or "", pk) for pk in sorted(broken, reverse=True)]
            each.broken = (*each.broken, *rows)


def _of_items(
    model: type[Item], since: datetime, rule: Q, sources: list[str]
) -> Iterator[tuple[str, int, list[int]]]:
    rows: Any = model.objects.live().filter(collector__in=sources, observed_at__gte=since)
    yield from rows.order_by().values_list("collector").annotate(**_figures(rule))


def _of_markets(model: type[Entry], since: datetime, rule: Q) -> Iterator[tuple[str, int, list[int]]]:
    rows: Any = model._default_manager.filter(occurred_at__gte=since)
    found = list(rows.live().order_by().values_list("run").annotate(**_figures(rule)))
    runs = CollectionRun.objects.filter(pk__in=[run for run, *_ in found if run])
    sources = dict(runs.values_list("pk", "source"))
    for run, entries, broken in found:
        yield sources.get(run, PRICES if model is Price else DEPTH), entries, broken


def _figures(rule: Q) -> dict[str, Any]:
    return {"entries": Count("pk"), "broken": ArrayAgg("pk", filter=rule, default=Value([]))}
