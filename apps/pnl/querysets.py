"""Read P&L rows in their own language: sums over indexed rows, never a replay."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

from django.db.models import F, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from apps.trading.models import Account

if TYPE_CHECKING:
    from apps.pnl.models import Backtest, Closing, DailyTotal, Lot  # noqa: F401


class LotQuerySet(QuerySet["Lot"]):
    """Lots."""

    def open(self) -> Self:
        return self.filter(remaining_quantity__gt=0)

    def closed(self) -> Self:
        """Keep lots of which nothing is left."""
        return self.filter(remaining_quantity=0)


class DailyTotalQuerySet(QuerySet["DailyTotal"]):
    """Days of accounts."""

    def valued(self, account: Account, first: date | None, last: date) -> Self:
        """Keep the valued days from the first to the last, oldest first, and the one before them."""
        rows = self.filter(account=account, day__lte=last, equity_aud__isnull=False).order_by("day")
        if first is None:
            return rows
        before = rows.filter(day__lt=first).order_by("-day").values("day")[:1]
        return rows.filter(day__gte=Coalesce(Subquery(before), Value(first)))


class ClosingQuerySet(QuerySet["Closing"]):
    """Closing sales."""

    def unmatched(self) -> Self:
        return self.filter(unmatched_quantity__gt=0)

    def between(self, account: Account, start: datetime | None, end: datetime | None) -> Self:
        """Keep sales of [start, end)."""
        kept = self.filter(account=account)
        kept = kept if start is None else kept.filter(closed_at__gte=start)
        return kept if end is None else kept.filter(closed_at__lt=end)


class BacktestQuerySet(QuerySet["Backtest"]):
    """Backtests."""

    def of(self, user: Any) -> Self:
        return self.filter(user=user)

    def unfinished(self) -> Self:
        """Keep those that workers still have to do with."""
        return self.filter(status__in=("queued", "running"))

    def waiting(self, now: datetime) -> Self:
        """Keep those that a worker may take up, whoever waited longest first."""
        free = Q(lease_until=None) | Q(lease_until__lte=now)
        return self.unfinished().filter(free).order_by(F("worked_at").asc(nulls_first=True), "id")

    def worked_on(self, now: datetime) -> Self:
        """Keep those that a worker has."""
        return self.filter(status="running", lease_until__gt=now)

    def without_results(self) -> Self:
        """Leave out what is long: checkpoint and curve."""
        return self.defer("checkpoint", "equity_curve")
