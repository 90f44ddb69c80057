"""Answer with figures: each is a sum over rows that booking keeps, and the latest prices."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from apps.pnl.metrics import Results, percent
from apps.pnl.models import DailyTotal
from apps.pnl.performance import DayEnd, Performance, judge
from apps.pnl.periods import instants, local_day
from apps.pnl.records import Valuation
from apps.pnl.services.sums import Bound, Scope, sum_up, sum_up_by, unmatched_quantity
from apps.pnl.services.valuation import Group, value_by, value_positions
from apps.trading.models import Account
from ohmycoins.core.money import ZERO


@dataclass(frozen=True, slots=True)
class Portfolio:
    """An account at a glance; AUD. Coins never priced are left out and named."""

    valuation: Valuation
    realized_pnl: Decimal

    @property
    def equity(self) -> Decimal:
        return self.valuation.equity

    @property
    def return_percent(self) -> Decimal | None:
        """Give the gain on what was paid in, in per cent; None when nothing was."""
        return percent(self.equity - self.valuation.paid_in, self.valuation.paid_in)


@dataclass(frozen=True, slots=True)
class Summary:
    """A period's results and how its days did, with what is unrealised now."""

    results: Results
    valuation: Valuation
    performance: Performance
    as_of: datetime

    @property
    def total_pnl(self) -> Decimal:
        return self.results.realized_pnl + self.valuation.unrealized_pnl


def portfolio(account: Account) -> Portfolio:
    """Add up cash, positions, and what was realised and paid in."""
    valuation = value_positions(account)
    return Portfolio(
        valuation=valuation,
        realized_pnl=sum_up(account, None, None).realized_pnl,
    )


def summary(account: Account, start: Bound, end: Bound, now: datetime) -> Summary:
    """Add up a period from `start` to `end` (see `periods.cut`) and judge its days."""
    valuation = value_positions(account)
    today = DayEnd(local_day(now, account.timezone), valuation.equity, valuation.paid_in)
    before, days = day_ends(account, start, end, today, now)
    return Summary(
        results=replace(
            sum_up(account, start, end), unmatched_quantity=unmatched_quantity(account, start, end)
        ),
        valuation=valuation,
        performance=judge(before, days, risk_free_rate=settings.PNL_RISK_FREE_RATE),
        as_of=now,
    )


def day_ends(
    account: Account, start: Bound, end: Bound, today: DayEnd, now: datetime
) -> tuple[DayEnd | None, list[DayEnd]]:
    """Give the last valued day before the period, and its own days, today as it is now; one query.

    A day that the period cuts counts whole.
    """
    begins, ends = instants(start, end, account.timezone)
    first = local_day(begins, account.timezone) if begins else None
    last = local_day(ends - timedelta.resolution, account.timezone) if ends else today.day
    rows = DailyTotal.objects.valued(account, first, min(last, today.day))
    days = [
        DayEnd(day, equity or ZERO, paid_in or ZERO)  # neither is null where a day was valued
        for day, equity, paid_in in rows.values_list("day", "equity_aud", "paid_in_aud")
    ]
    if (first or today.day) <= today.day <= last:
        days = [day for day in days if day.day < today.day] + [today]
    before = days.pop(0) if first and days and days[0].day < first else None
    return before, days


def realized(account: Account, start: Bound, end: Bound, scope: Scope) -> Decimal:
    """Give the realised P&L of a period, of one coin or of the lots that one book opened if named."""
    return sum_up(account, start, end, scope).realized_pnl


def by(account: Account, start: Bound, end: Bound, group: str) -> list[Group]:
    """Give each coin's, algorithm's or ledger's share of a period's results, with what is unrealised now.

    The rows add up to the summary's figures exactly, coins never priced aside in both.
    """
    rows = value_by(account, group)
    if start is None and end is None:
        return rows
    sums = sum_up_by(account, start, end, group)
    nothing = Results()
    return [
        replace(row, realized_pnl=done.realized_pnl, fees=done.fees, trades=done.sales)
        for row in rows
        for done in [sums.get(row.key, nothing)]
    ]
