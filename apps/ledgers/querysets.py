"""Read the ledgers in their own language; every read may be asked as of a moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Avg, Case, DurationField, Exists, F, OuterRef, Q, QuerySet, Subquery, When

if TYPE_CHECKING:
    from apps.ledgers.models import CollectionRun, LatestDepth, LatestPrice, Source  # noqa: F401

RECENT_RUNS = 20
AHEAD = timedelta(minutes=5)  # clocks differ by that much; an entry dated later is not believed


class EntryQuerySet(QuerySet[Any]):
    """Entries of any ledger."""

    def as_of(self, instant: datetime) -> Self:
        """Keep what was known at `instant`; by `occurred_at` too, so that its index finds it."""
        return self.filter(observed_at__lte=instant, occurred_at__lte=instant + AHEAD)

    def between(self, since: datetime | None, until: datetime | None) -> Self:
        """Keep what occurred in [since, until)."""
        kept = self if since is None else self.filter(occurred_at__gte=since)
        return kept if until is None else kept.filter(occurred_at__lt=until)

    def live(self) -> Self:
        """Leave out what was backfilled: it says nothing of whether its source works today."""
        return self.exclude(origin="backfill")


class ItemQuerySet(EntryQuerySet):
    """Entries about items that their sources restate."""

    def current(self, instant: datetime | None = None) -> Self:
        """Keep each item's newest version: as of `instant`, or of now."""
        known = self if instant is None else self.as_of(instant)
        later = self.model.objects.filter(
            collector=OuterRef("collector"), item=OuterRef("item"), id__gt=OuterRef("id")
        )
        if instant is not None:
            later = later.as_of(instant)
        return known.filter(~Exists(later))

    def newest_of(self, collector: str, items: list[str]) -> Self:
        """Keep the newest version of each of `items`."""
        of_them = self.filter(collector=collector, item__in=items)
        return of_them.order_by("item", "-id").distinct("item")


class LatestPriceQuerySet(QuerySet["LatestPrice"]):
    """The newest price of each market."""

    def in_aud(self) -> Self:
        return self.filter(market="AUD")

    def observed_since(self, instant: datetime) -> Self:
        return self.filter(observed_at__gte=instant)

    def price_ids_as_of(self, instant: datetime) -> QuerySet[LatestPrice, int | None]:
        """Give for each market the id of the price that was its newest at `instant`, if any."""
        from apps.ledgers.models import Price

        newest = (
            Price.objects.as_of(instant)
            .filter(coin_type=OuterRef("coin_type"), market=OuterRef("market"))
            .order_by("-occurred_at", "-id")
        )
        return self.annotate(known_id=Subquery(newest.values("id")[:1])).values_list("known_id", flat=True)


class LatestDepthQuerySet(QuerySet["LatestDepth"]):
    """The newest depth of each market."""

    def in_aud(self) -> Self:
        return self.filter(market="AUD")

    def seen_since(self, instant: datetime) -> Self:
        """Keep markets whose order book was read at `instant` or later, changed or not."""
        return self.filter(seen_at__gte=instant)


class CollectionRunQuerySet(QuerySet["CollectionRun"]):
    """Runs of collectors."""

    def running(self) -> Self:
        return self.filter(status="running")

    def overdue(self, now: datetime) -> Self:
        """Keep running rows whose worker must be dead."""
        return self.running().filter(lease_until__lt=now)

    def counted(self) -> Self:
        """Keep the runs that say something about the source: finished, and not skipped."""
        return self.filter(status__in=("success", "partial", "failed"))


class SourceQuerySet(QuerySet["Source"]):
    """Collectors with what their runs say of them."""

    def with_health(self) -> Self:
        """Add figures over each source's last counted runs, in one query.

        success_rate (0 to 1), avg_latency (timedelta), last_run, last_success, last_failure and last_error; null where no run says.
        """
        from apps.ledgers.models import CollectionRun

        runs = CollectionRun.objects.filter(source=OuterRef("pk"))
        counted = runs.counted()
        newest = CollectionRun.objects.filter(source=OuterRef(OuterRef("pk"))).counted()
        recent = Q(pk__in=newest.order_by("-started_at", "-id").values("pk")[:RECENT_RUNS])
        rows = runs.order_by().values("source")
        succeeded = Case(When(status__in=("success", "partial"), then=1.0), default=0.0)
        return self.annotate(
            success_rate=Subquery(rows.filter(recent).annotate(figure=Avg(succeeded)).values("figure")),
            avg_latency=Subquery(
                rows.filter(recent)
                .annotate(figure=Avg(F("finished_at") - F("started_at"), output_field=DurationField()))
                .values("figure")
            ),
            last_run=Subquery(runs.order_by("-started_at", "-id").values("started_at")[:1]),
            last_success=Subquery(
                counted.exclude(status="failed").order_by("-started_at", "-id").values("finished_at")[:1]
            ),
            last_failure=Subquery(
                counted.filter(status="failed").order_by("-started_at", "-id").values("finished_at")[:1]
            ),
            last_error=Subquery(counted.exclude(error="").order_by("-started_at", "-id").values("error")[:1]),
        )
