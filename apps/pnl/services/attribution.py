"""Share a period's results out among the ledger rows, or their sources, that trades rested on.

A lot knows its fill, the fill its order, the order its decision, and the decision the rows it rested on (its
evidence). What a decision earned is added up first, exactly; then each row gets an equal share of it, cut at 8
decimals, and the most important row (place 0) what is left. A source gets what its rows get. Whatever
has no decision, or one that rests on no row, is one row `unattributed`.

    realised     of the matches of the period, to the decision that opened the lot
    unrealised   of what is left of its lots now: their part of their position's value, less their cost
    fees, sales  of the period's fills, to the decision that traded; a sale counts for its place 0

So each kind of row adds up to the summary. One statement adds up and shares out, whatever the number of matches;
a second one reads the period's totals from daily sums, of which what is shared out is taken.

Declined: to share each match by itself (as exact, but the last digits of a hundred thousand shares would all be
the first row's), and to store shares when a fill is booked (rows that nobody may ever look at).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from apps.pnl.periods import instants
from apps.pnl.services.sums import Bound, sum_up
from apps.pnl.services.valuation import VALUED
from apps.trading.models import Account
from ohmycoins.core.money import ZERO

SOURCE, ROW = "source", "row"
KEYS = {SOURCE: ("ledger", "source"), ROW: ("ledger", "source", "table", "row_id")}
MOST_ROWS = 500
"""So many rows are listed, those that earned or lost most; the others are added up in one."""
MEMORY = "SET LOCAL work_mem = '32MB'"
"""So that a hundred thousand decisions are added up without files."""
UNATTRIBUTED, OTHER = "unattributed", "other"

_WITHIN = "(%(begins)s::timestamptz IS NULL OR {at} >= %(begins)s) AND (%(ends)s::timestamptz IS NULL OR {at} < %(ends)s)"
# What decisions rest on, how many rows of it, and what their fills came to.
_DECIDED = f"""
    basis AS MATERIALIZED (
        SELECT decision_id, count(*) AS parts, min(place) AS first_place FROM trading_evidence
        WHERE decision_id IN (SELECT decision_id FROM trading_order WHERE account_id = %(account)s)
        GROUP BY decision_id
    ), decided AS MATERIALIZED (
        SELECT fill.id AS fill_id, decision_id, fill.fee_aud, fill.executed_at
        FROM trading_order JOIN basis USING (decision_id) JOIN trading_fill fill ON fill.order_id = trading_order.id
        WHERE trading_order.account_id = %(account)s
    ), realised AS (
        SELECT decision_id, sum(earned.realized_pnl) AS realized_pnl
        FROM (SELECT lot_id, sum(realized_pnl) AS realized_pnl FROM pnl_match
              WHERE account_id = %(account)s AND {_WITHIN.format(at="disposed_at")} GROUP BY lot_id) AS earned
        JOIN pnl_lot lot ON lot.id = earned.lot_id JOIN decided USING (fill_id)
        GROUP BY decision_id
    ), traded AS (
        SELECT decision_id, sum(decided.fee_aud) AS fees,
               count(*) FILTER (WHERE closing.unmatched_quantity < closing.quantity) AS sales
        FROM decided LEFT JOIN pnl_lot lot USING (fill_id) LEFT JOIN pnl_closing closing USING (fill_id)
        WHERE {_WITHIN.format(at="executed_at")} AND (lot.id IS NOT NULL OR closing.id IS NOT NULL)
        GROUP BY decision_id
    )
"""  # noqa: S608 - constants only
# A position's value is cut along its decisions at the running sum of their coins, so the parts add up to it;
# the lots that rest on nothing come last.
_MARKED = f"""
    valued AS MATERIALIZED (
        SELECT coin_type, coalesce(algorithm_id, 0) AS book, ledger, quantity, cost, value
        FROM ({VALUED}) AS valued WHERE quantity > 0
    ), held AS (
        SELECT coin_type, coalesce(algorithm_id, 0) AS book, ledger, decision_id,
               sum(remaining_quantity) AS quantity, sum(remaining_cost) AS cost
        FROM pnl_lot JOIN decided USING (fill_id)
        WHERE account_id = %(account)s AND remaining_quantity > 0
        GROUP BY coin_type, book, ledger, decision_id
    ), cut AS (
        SELECT *, sum(quantity) OVER (PARTITION BY coin_type, book, ledger ORDER BY decision_id) AS until FROM held
    ), marked AS (
        SELECT coin_type, book, ledger, decision_id, cut.quantity, cut.cost,
               round(valued.value * until / valued.quantity, 8)
               - round(valued.value * (until - cut.quantity) / valued.quantity, 8) AS value
        FROM cut JOIN valued USING (coin_type, book, ledger)
    ), left_over AS (
        SELECT coin_type, valued.quantity - coalesce(own.quantity, 0) AS quantity,
               valued.value - coalesce(own.value, 0) - valued.cost + coalesce(own.cost, 0) AS unrealized_pnl
        FROM valued LEFT JOIN (
            SELECT coin_type, book, ledger, sum(quantity) AS quantity, sum(value) AS value, sum(cost) AS cost
            FROM marked GROUP BY coin_type, book, ledger) AS own USING (coin_type, book, ledger)
    )
"""  # noqa: S608 - constants only
# Each decision's results; then what each of its rows gets, and the first. An integer division cuts exactly.
_SHARED_OUT = ("realized_pnl", "unrealized_pnl", "fees")
_EACH = ", ".join(f"div({name} * 100000000, parts) * 0.00000001 AS each_{name}" for name in _SHARED_OUT)
_GIVEN = ", ".join(
    f"CASE WHEN place = first_place THEN {name} - (parts - 1) * each_{name} ELSE each_{name} END AS {name}"
    for name in _SHARED_OUT
)
_SHARED = f"""
    still_held AS (
        SELECT decision_id, sum(value - cost) AS unrealized_pnl, true AS is_open,
               string_agg(coin_type, ' ') FILTER (WHERE value IS NULL) AS unpriced
        FROM marked GROUP BY decision_id
    ), result AS (
        SELECT decision_id, parts, first_place, coalesce(realized_pnl, 0) AS realized_pnl, unrealized_pnl,
               coalesce(is_open, false) AS is_open, unpriced, coalesce(fees, 0) AS fees, coalesce(sales, 0) AS sales
        FROM basis LEFT JOIN realised USING (decision_id) LEFT JOIN traded USING (decision_id)
             LEFT JOIN still_held USING (decision_id)
        WHERE realised.decision_id IS NOT NULL OR traded.decision_id IS NOT NULL OR is_open
    ), shared AS (
        SELECT ledger, source, "table", row_id, is_open, unpriced, {_GIVEN},
               CASE WHEN place = first_place THEN sales ELSE 0 END AS sales
        FROM (SELECT *, {_EACH} FROM result) AS result JOIN trading_evidence USING (decision_id)
    )
"""  # noqa: S608 - constants only
_FIGURES = """
    sum(realized_pnl) AS realized_pnl, sum(unrealized_pnl) AS unrealized_pnl, bool_or(is_open) AS is_open,
    sum(fees) AS fees, sum(sales) AS sales
"""
_ATTRIBUTED = f"""
    WITH {_DECIDED}, {_MARKED}, {_SHARED}, grouped AS (
        SELECT {{keys}}, {_FIGURES}, string_agg(unpriced, ' ') AS unpriced FROM shared GROUP BY {{keys}}
    ), ranked AS (
        SELECT *, least(row_number() OVER (
            ORDER BY abs(realized_pnl + coalesce(unrealized_pnl, 0)) DESC, {{keys}}), %(most)s + 1) AS rank
        FROM grouped
    )
    SELECT false, {{first}}, {_FIGURES}, coalesce(string_agg(unpriced, ' '), ''), rank FROM ranked GROUP BY rank
    UNION ALL
    SELECT true, {{nothing}}, 0, sum(unrealized_pnl), count(*) > 0, 0, 0,
           coalesce(string_agg(coin_type, ' ') FILTER (WHERE unrealized_pnl IS NULL), ''), 0
    FROM left_over WHERE quantity > 0
    ORDER BY rank
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Share:
    """What trades earned that rested on one ledger row, or on one source's; AUD.

    `ledger` is `unattributed` for what rested on none, and `other` for the rows beyond those that are listed.
    """

    ledger: str
    source: str | None
    table: str | None
    row_id: int | None
    realized_pnl: Decimal
    unrealized_pnl: Decimal | None
    """None if something is held of it, and nothing of that has a price."""
    unpriced: tuple[str, ...]
    fees: Decimal
    trades: int
    """Closing sales."""

    @property
    def total_pnl(self) -> Decimal:
        return self.realized_pnl + (self.unrealized_pnl or ZERO)


def attribute(account: Account, start: Bound, end: Bound, by: str) -> list[Share]:
    """Share out the results from `start` to `end` (see `periods.cut`), and what is unrealised now, by SOURCE or ROW.

    First what is unattributed, then the rows that earned or lost most, at last the others in one. The rows add
    up to the summary's figures exactly, coins never priced aside in both.
    """
    begins, ends = instants(start, end, account.timezone)
    shares, (unrealized, unpriced) = _read(account, begins, ends, KEYS[by])
    whole = sum_up(account, start, end)
    rest = Share(
        UNATTRIBUTED, None, None, None, unrealized_pnl=unrealized, unpriced=unpriced,
        realized_pnl=whole.realized_pnl - _sum(share.realized_pnl for share in shares),
        fees=whole.fees - _sum(share.fees for share in shares),
        trades=whole.sales - sum(share.trades for share in shares),
    )  # fmt: skip
    return [rest, *shares]


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def _read(
    account: Account, begins: Any, ends: Any, keys: tuple[str, ...]
) -> tuple[list[Share], tuple[Decimal | None, tuple[str, ...]]]:
    """Give the shares, and what is unrealised of lots that rest on nothing, with their coins that have no price."""
    names = [f'"{name}"' for name in keys]
    statement = _ATTRIBUTED.format(
        keys=", ".join(reversed(names)),  # to sort by a number first is cheaper than by texts
        first=", ".join(f"CASE WHEN rank <= %(most)s THEN min({name}) END" for name in names),
        nothing=", ".join("NULL" for _ in names),
    )
    given = {"account": account.pk, "coin": None, "begins": begins, "ends": ends, "most": MOST_ROWS}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(MEMORY)
        cursor.execute(statement, given)
        rows = cursor.fetchall()
    shares, rest = [], (ZERO, ())
    for is_rest, *key, realized, unrealized, is_open, fees, sales, coins, _ in rows:
        held, unpriced = unrealized if is_open else ZERO, tuple(sorted(set(coins.split())))
        if is_rest:
            rest = (held, unpriced)
            continue
        named = dict(zip(keys, key, strict=True))
        shares.append(Share(
            named["ledger"] or OTHER, named["source"], named.get("table"), named.get("row_id"), realized, held,
            unpriced, fees, int(sales),
        ))  # fmt: skip
    return shares, rest
