"""Answer with figures: each is a sum over rows that booking keeps, and the latest prices."""

from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Count, Q, Sum

from apps.pnl.metrics import Results, percent
from apps.pnl.models import Closing, DailyResult, DailyTotal, Match
from apps.pnl.periods import Span, cut, instants
from apps.pnl.records import Position, Valuation
from apps.trading.models import Account, Fill, Movement
from apps.trading.services.standing import MARK
from ohmycoins.core.money import ZERO

Bound = date | datetime | None


@dataclass(frozen=True, slots=True)
class Portfolio:
    """An account at a glance; AUD. Coins never priced are left out and named."""

    cash_aud: Decimal
    valuation: Valuation
    realized_pnl: Decimal
    contributed: Decimal

    @property
    def equity(self) -> Decimal:
        return self.cash_aud + self.valuation.value

    @property
    def return_percent(self) -> Decimal | None:
        """Give the gain on what was paid in, in per cent; None when nothing was."""
        return percent(self.equity - self.contributed, self.contributed)


# One definition for every figure that values holdings. The mark is the last price held within bid and
# ask, as `Quote.mark` has it; the value is rounded half to even, as `money.round_aud` does (PostgreSQL's
# own round() takes halves away from zero). A coin without a price has neither.
POSITIONS = f"""
    SELECT coin_type, quantity, cost, mark, observed_at, CASE
        WHEN units - trunc(units) = 0.5 AND trunc(units) %% 2 = 0 THEN trunc(units) ELSE round(units)
    END * 0.00000001 AS value
    FROM (
        SELECT *, quantity * mark * 100000000 AS units
        FROM (SELECT coin_type, sum(quantity) AS quantity, sum(cost) AS cost FROM pnl_position
              WHERE account_id = %(account)s AND quantity > 0
                AND (%(coin)s::text IS NULL OR coin_type = %(coin)s::text)
              GROUP BY coin_type) AS held
        LEFT JOIN (SELECT coin_type, observed_at, {MARK} AS mark
                   FROM ledgers_latestprice p WHERE market = 'AUD') AS price USING (coin_type)
    ) AS marked
"""  # noqa: S608 - constants only
VALUATION = f"""
    SELECT coalesce(sum(cost) FILTER (WHERE value IS NOT NULL), 0), coalesce(sum(value), 0),
           coalesce(array_agg(coin_type ORDER BY coin_type) FILTER (WHERE value IS NULL), '{{}}')
    FROM ({POSITIONS}) AS positions
"""  # noqa: S608 - constants only


def positions(account: Account, coin_type: str | None = None) -> list[Position]:
    """Give the open positions, by coin, marked at the latest prices; one query."""
    with connection.cursor() as cursor:
        cursor.execute(f"{POSITIONS} ORDER BY coin_type", {"account": account.pk, "coin": coin_type})
        return [Position(*row) for row in cursor.fetchall()]


def value_positions(account: Account, coin_type: str | None = None) -> Valuation:
    """Add up the open positions at the latest prices; one query, one row."""
    with connection.cursor() as cursor:
        cursor.execute(VALUATION, {"account": account.pk, "coin": coin_type})
        cost, value, unpriced = cursor.fetchone()
    return Valuation(cost=cost, value=value, unpriced=tuple(unpriced))


def portfolio(account: Account) -> Portfolio:
    """Add up cash, positions, and what was realised and paid in."""
    paid_in = Movement.objects.filter(account=account).aggregate(sum=Sum("amount_aud"))["sum"]
    return Portfolio(
        cash_aud=account.cash_aud,
        valuation=value_positions(account),
        realized_pnl=results(account, None, None).realized_pnl,
        contributed=paid_in or ZERO,
    )


def results(account: Account, start: Bound, end: Bound) -> Results:
    """Add up an account's closing sales and fills from `start` to `end` (see `periods.cut`)."""
    period = cut(start, end, account.timezone)
    parts = [_edge_results(account, edge) for edge in period.edges]
    if period.days:
        parts.append(DailyTotal.objects.within(account, period.days).totals())
    return replace(_add(parts), unmatched_quantity=_unmatched(account, start, end))


def realized(
    account: Account, start: Bound, end: Bound, *, coin_type: str | None, algorithm_id: int | None
) -> Decimal:
    """Give the realised P&L of a period, of one coin or of the lots one algorithm opened if named."""
    named = {"coin_type": coin_type, "algorithm_id": algorithm_id}
    filters = {name: value for name, value in named.items() if value is not None}
    period = cut(start, end, account.timezone)
    total = ZERO
    if period.days:
        total += DailyResult.objects.within(account, period.days).filter(**filters).realized_pnl()
    for edge in period.edges:
        total += Match.objects.between(account, edge.start, edge.end).filter(**filters).realized_pnl()
    return total


def _edge_results(account: Account, edge: Span) -> Results:
    fills = Fill.objects.filter(account=account, executed_at__gte=edge.start, executed_at__lt=edge.end)
    buying, selling = Q(side=Fill.Side.BUY), Q(side=Fill.Side.SELL)
    traded = fills.aggregate(
        buys=Count("pk", filter=buying), sells=Count("pk", filter=selling),
        buy_volume=Sum("value_aud", filter=buying, default=ZERO),
        sell_volume=Sum("value_aud", filter=selling, default=ZERO), fees=Sum("fee_aud", default=ZERO),
    )  # fmt: skip
    return replace(Closing.objects.between(account, edge.start, edge.end).totals(), **traded)


def _unmatched(account: Account, start: Bound, end: Bound) -> Decimal:
    rows = Closing.objects.between(account, *instants(start, end, account.timezone)).unmatched()
    return rows.aggregate(sum=Sum("unmatched_quantity"))["sum"] or ZERO


def _add(parts: list[Results]) -> Results:
    """Add results: largest and smallest are picked, all else is summed."""
    if not parts:
        return Results()
    sums = {field.name: sum(getattr(part, field.name) for part in parts) for field in fields(Results)}
    sums["largest_win"] = max(part.largest_win for part in parts)
    sums["largest_loss"] = min(part.largest_loss for part in parts)
    return Results(**sums)
