"""Answer with figures: each is a sum over rows that booking keeps, and the latest prices."""

from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Sum

from apps.pnl.metrics import Results, percent
from apps.pnl.models import Closing, DailyResult, DailyTotal, Match
from apps.pnl.periods import Span, cut, instants
from apps.pnl.records import Position, Valuation, value_positions
from apps.trading.models import Account, Fill, Movement
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


# The mark is the last price held within bid and ask, as `Quote.mark` has it.
POSITIONS = """
    SELECT held.coin_type, held.quantity, held.cost,
           least(greatest(price.last, least(price.bid, price.ask)), greatest(price.bid, price.ask)), price.observed_at
    FROM (SELECT coin_type, sum(quantity) AS quantity, sum(cost) AS cost FROM pnl_position
          WHERE account_id = %(account)s AND quantity > 0 AND coin_type = coalesce(%(coin)s, coin_type)
          GROUP BY coin_type) AS held
    LEFT JOIN ledgers_latestprice AS price ON price.coin_type = held.coin_type AND price.market = 'AUD'
    ORDER BY held.coin_type
"""


def positions(account: Account, coin_type: str | None = None) -> list[Position]:
    """Give the open positions, by coin, marked at the latest prices; one query.

    Written in SQL since a thousand positions are common and the ORM takes three times as long.
    """
    with connection.cursor() as cursor:
        cursor.execute(POSITIONS, {"account": account.pk, "coin": coin_type})
        return [Position(*row) for row in cursor.fetchall()]


def portfolio(account: Account) -> Portfolio:
    """Add up cash, positions, and what was realised and paid in."""
    paid_in = Movement.objects.filter(account=account).aggregate(sum=Sum("amount_aud"))["sum"]
    return Portfolio(
        cash_aud=account.cash_aud,
        valuation=value_positions(positions(account)),
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
    traded = fills.aggregate(volume=Sum("value_aud"), fees=Sum("fee_aud"))
    sums = Closing.objects.between(account, edge.start, edge.end).totals()
    return replace(sums, volume=traded["volume"] or ZERO, fees=traded["fees"] or ZERO)


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
