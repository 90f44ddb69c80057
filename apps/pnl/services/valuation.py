"""Mark what is held at the latest prices; nothing of it is stored on a tick."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.pnl.records import Position, Valuation
from apps.trading.models import Account
from apps.trading.services.standing import MARK, ROUNDED
from ohmycoins.core.money import ZERO

# One definition for every figure that values holdings: each book's holding of a coin at the mark, which is the
# last price held within bid and ask as `Quote.mark` has it, rounded once. So every way to group them adds up
# to the same. A coin without a price has neither mark nor value, unless nothing is left of it.
VALUED = f"""
    SELECT *, CASE WHEN quantity = 0 THEN 0 ELSE {ROUNDED} END AS value
    FROM (
        SELECT coin_type, algorithm_id, ledger, quantity, cost, realized_pnl, in_kind_aud, fees, sales, mark, observed_at,
               quantity * mark * 100000000 AS units
        FROM pnl_position
        LEFT JOIN (SELECT coin_type, observed_at, {MARK} AS mark
                   FROM ledgers_latestprice p WHERE market = 'AUD') AS price USING (coin_type)
        WHERE account_id = %(account)s AND (%(coin)s::text IS NULL OR coin_type = %(coin)s::text)
    ) AS marked
"""  # noqa: S608 - constants only
POSITIONS = f"""
    SELECT coin_type, sum(quantity), sum(cost), min(mark), min(observed_at), sum(value)
    FROM ({VALUED}) AS valued WHERE quantity > 0 GROUP BY coin_type ORDER BY coin_type
"""  # noqa: S608 - constants only
# What is left out of the value is left out of what was paid in, too: leaving it out is no loss.
VALUATION = f"""
    SELECT coalesce(sum(cost) FILTER (WHERE value IS NOT NULL), 0), coalesce(sum(value), 0),
           coalesce(array_agg(DISTINCT coin_type) FILTER (WHERE value IS NULL), '{{}}'),
           coalesce(sum(in_kind_aud), 0) - coalesce(sum(cost) FILTER (WHERE value IS NULL), 0) + (
               SELECT coalesce(sum(amount_aud), 0) FROM trading_movement WHERE account_id = %(account)s),
           (SELECT cash_aud FROM trading_account WHERE id = %(account)s)
    FROM ({VALUED}) AS valued
"""  # noqa: S608 - constants only
GROUPED = f"""
    SELECT {{group}}, CASE WHEN bool_or(quantity > 0) THEN sum(value - cost) FILTER (WHERE quantity > 0) ELSE 0 END,
           coalesce(array_agg(DISTINCT coin_type) FILTER (WHERE value IS NULL), '{{{{}}}}'),
           sum(realized_pnl), sum(fees), sum(sales)
    FROM ({VALUED}) AS valued GROUP BY {{group}} ORDER BY {{group}} NULLS FIRST
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Group:
    """What one coin, book or ledger holds and did since its beginning; AUD."""

    key: Any
    unrealized_pnl: Decimal | None
    """None if nothing of it has a price."""
    unpriced: tuple[str, ...]
    realized_pnl: Decimal
    fees: Decimal
    trades: int
    """Closing sales."""

    @property
    def total_pnl(self) -> Decimal:
        return self.realized_pnl + (self.unrealized_pnl or ZERO)

    @property
    def ledger_name(self) -> str:
        """Give the key of a group by ledger in words."""
        return self.key or "unattributed"


def positions(account: Account, coin_type: str | None = None) -> list[Position]:
    """Give the open positions, by coin, marked at the latest prices; one query."""
    with connection.cursor() as cursor:
        cursor.execute(POSITIONS, {"account": account.pk, "coin": coin_type})
        return [Position(*row) for row in cursor.fetchall()]


def value_positions(account: Account, coin_type: str | None = None) -> Valuation:
    """Add up cash, the open positions at the latest prices, and what was paid in, as of one moment: one query.

    Of one coin, what was paid in has no meaning.
    """
    with connection.cursor() as cursor:
        cursor.execute(VALUATION, {"account": account.pk, "coin": coin_type})
        cost, value, unpriced, paid_in, cash = cursor.fetchone()
    return Valuation(cost=cost, value=value, unpriced=tuple(sorted(unpriced)), paid_in=paid_in, cash=cash)


def value_by(account: Account, group: str) -> list[Group]:
    """Give what each coin, algorithm or ledger holds and did so far, in one query; null first."""
    with connection.cursor() as cursor:
        cursor.execute(GROUPED.format(group=group), {"account": account.pk, "coin": None})
        return [
            Group(key, unrealized, tuple(unpriced), realized, fees, int(sales))
            for key, unrealized, unpriced, realized, fees, sales in cursor.fetchall()
        ]
