"""Read P&L rows in their own language: sums over indexed rows, never a replay."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db.models import Count, DecimalField, F, Max, Min, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from apps.pnl.metrics import Results
from apps.pnl.periods import Days
from apps.trading.models import Account

if TYPE_CHECKING:
    from apps.pnl.models import Closing, DailyResult, DailyTotal, Lot, Match  # noqa: F401

Rows = TypeVar("Rows", bound=QuerySet[Any])

_ZERO = Value(0, output_field=DecimalField())


def _total(expression: Any, **filters: Any) -> Coalesce:
    return Coalesce(Sum(expression, **filters), _ZERO)


class LotQuerySet(QuerySet["Lot"]):
    """Lots."""

    def open(self) -> Self:
        return self.filter(remaining_quantity__gt=0)

    def oldest_first(self) -> Self:
        """Order as FIFO takes them: by time, then in the order they came."""
        return self.order_by("acquired_at", "id")


def _within(rows: Rows, account: Account, days: Days) -> Rows:
    """Keep an account's rows of the days from the first to the last, both included."""
    kept = rows.filter(account=account)
    kept = kept if days.first is None else kept.filter(day__gte=days.first)
    return kept if days.last is None else kept.filter(day__lte=days.last)


class DailyTotalQuerySet(QuerySet["DailyTotal"]):
    """Days of accounts."""

    def within(self, account: Account, days: Days) -> Self:
        return _within(self, account, days)

    def totals(self) -> Results:
        """Add the days up, in one query."""
        names = ("realized_pnl", "profit", "loss", "buy_volume", "sell_volume", "fees")
        counts = ("sales", "winning_sales", "losing_sales", "buys", "sells")
        sums = self.aggregate(
            **{name: _total(name) for name in names},
            **{name: Coalesce(Sum(name), 0) for name in counts},
            largest_win=Coalesce(Max("largest_win"), _ZERO),
            largest_loss=Coalesce(Min("largest_loss"), _ZERO),
        )
        return Results(**sums)


class DailyResultQuerySet(QuerySet["DailyResult"]):
    """Days of coins and books."""

    def within(self, account: Account, days: Days) -> Self:
        return _within(self, account, days)

    def realized_pnl(self) -> Decimal:
        return Decimal(self.aggregate(sum=_total("realized_pnl"))["sum"])


class MatchQuerySet(QuerySet["Match"]):
    """Matches."""

    def between(self, account: Account, start: datetime, end: datetime) -> Self:
        """Keep what was disposed of in [start, end)."""
        return self.filter(account=account, disposed_at__gte=start, disposed_at__lt=end)

    def realized_pnl(self) -> Decimal:
        return Decimal(self.aggregate(sum=_total("realized_pnl"))["sum"])


class ClosingQuerySet(QuerySet["Closing"]):
    """Closing sales."""

    def unmatched(self) -> Self:
        return self.filter(unmatched_quantity__gt=0)

    def between(self, account: Account, start: datetime | None, end: datetime | None) -> Self:
        """Keep sales of [start, end)."""
        kept = self.filter(account=account)
        kept = kept if start is None else kept.filter(closed_at__gte=start)
        return kept if end is None else kept.filter(closed_at__lt=end)

    def totals(self) -> Results:
        """Add sales up as a day's row holds them; what all fills come to is left at zero."""
        won, lost = Q(realized_pnl__gt=0), Q(realized_pnl__lt=0)
        matched = Q(unmatched_quantity__lt=F("quantity"), fill__isnull=False)
        sums = self.aggregate(
            sales=Count("pk", filter=matched),
            winning_sales=Count("pk", filter=won),
            losing_sales=Count("pk", filter=lost),
            profit=_total("realized_pnl", filter=won),
            loss=_total("realized_pnl", filter=lost),
            largest_win=Coalesce(Max("realized_pnl", filter=won), _ZERO),
            largest_loss=Coalesce(Min("realized_pnl", filter=lost), _ZERO),
            realized_pnl=_total("realized_pnl"),  # last: from here on the name means this sum
        )
        return Results(**sums)
