"""Check what must hold of the book whatever was booked, late or at once: each sum is what it adds up.

Like trading's invariants, each is one SELECT of its breaches; a breach is a bug, or somebody's hand in the
database, and is for a person. A coin that could not be booked yet (`BookingFailure`) is left out where its
facts are compared with its book. `manage.py rebuild_pnl --check` goes further: it books everything again.
"""

from collections.abc import Collection

from apps.pnl.services.rollups import SUMS, TOTALS
from apps.trading.services.invariants import Breach, find_breaches

UNBOOKED = """NOT EXISTS (SELECT FROM pnl_bookingfailure failed
                          WHERE failed.account_id = {0}.account_id AND failed.coin_type = {0}.coin_type)"""
LOTS = """
    SELECT lot.account_id, NULL::bigint AS order_id, format('lot %%s was %%s for A$%%s; %%s for A$%%s are left, and its '
               'matches took %%s for A$%%s', lot.id, trim_scale(lot.quantity), trim_scale(lot.cost),
               trim_scale(lot.remaining_quantity), trim_scale(lot.remaining_cost),
               trim_scale(coalesce(taken.quantity, 0)), trim_scale(coalesce(taken.cost, 0))) AS what
    FROM pnl_lot lot
    LEFT JOIN (SELECT lot_id, sum(quantity) AS quantity, sum(cost) AS cost FROM pnl_match GROUP BY lot_id) taken
        ON taken.lot_id = lot.id
    WHERE (lot.quantity - lot.remaining_quantity, lot.cost - lot.remaining_cost)
        <> (coalesce(taken.quantity, 0), coalesce(taken.cost, 0))
"""
CLOSINGS = """
    SELECT closing.account_id, NULL::bigint AS order_id, format('closing %%s of %%s earned A$%%s, its matches of %%s earned A$%%s',
               closing.id, trim_scale(closing.quantity), trim_scale(closing.realized_pnl),
               trim_scale(coalesce(part.quantity, 0)), trim_scale(coalesce(part.realized_pnl, 0))) AS what
    FROM pnl_closing closing
    LEFT JOIN (SELECT closing_id, sum(quantity) AS quantity, sum(cost) AS cost, sum(proceeds) AS proceeds,
                      sum(realized_pnl) AS realized_pnl FROM pnl_match GROUP BY closing_id) part
        ON part.closing_id = closing.id
    WHERE (closing.quantity - closing.unmatched_quantity, closing.cost, closing.proceeds, closing.realized_pnl)
        <> (coalesce(part.quantity, 0), coalesce(part.cost, 0), coalesce(part.proceeds, 0), coalesce(part.realized_pnl, 0))
"""
POSITIONS = """
    SELECT account_id, NULL::bigint AS order_id, format('the position in %%s of book %%s is not what its lots and days add up to',
               coin_type, coalesce(algorithm_id::text, 'manual')) AS what
    FROM (
        SELECT account_id, coin_type, algorithm_id, ledger, quantity, cost, realized_pnl, in_kind_aud, fees, sales
            FROM pnl_position
        UNION ALL SELECT account_id, coin_type, algorithm_id, ledger, -remaining_quantity, -remaining_cost, 0, 0, 0, 0
            FROM pnl_lot
        UNION ALL SELECT account_id, coin_type, algorithm_id, ledger, 0, 0, -realized_pnl, -in_kind_aud, -fees, -sales
            FROM pnl_dailyresult
    ) AS entry
    GROUP BY account_id, coin_type, algorithm_id, ledger
    HAVING (sum(quantity), sum(cost), sum(realized_pnl), sum(in_kind_aud), sum(fees), sum(sales)) <> (0, 0, 0, 0, 0, 0)
"""
DAYS = f"""
    SELECT coalesce(total.account_id, result.account_id) AS account_id, NULL::bigint AS order_id,
           format('%%s is not what its coins add up to', coalesce(total.day, result.day)) AS what
    FROM pnl_dailytotal total
    FULL JOIN (SELECT account_id, day, {TOTALS} FROM pnl_dailyresult GROUP BY account_id, day) result
        ON (result.account_id, result.day) = (total.account_id, total.day)
    WHERE ({", ".join(f"coalesce(total.{name}, 0)" for name in SUMS)})
        <> ({", ".join(f"coalesce(result.{name}, 0)" for name in SUMS)})
"""  # noqa: S608 - constants only
REALIZED = """
    SELECT account_id, NULL::bigint AS order_id, format('matches earned A$%%s, days say A$%%s', trim_scale(sum(matched)),
               trim_scale(sum(said))) AS what
    FROM (
        SELECT account_id, realized_pnl AS matched, 0 AS said FROM pnl_match
        UNION ALL SELECT account_id, 0, realized_pnl FROM pnl_dailytotal
    ) AS entry
    GROUP BY account_id HAVING sum(matched) <> sum(said)
"""
BOOKED = f"""
    SELECT fill.account_id, fill.order_id, format('fill %%s is not booked', fill.id) AS what
    FROM trading_fill fill
    WHERE NOT EXISTS (SELECT FROM pnl_lot lot WHERE lot.fill_id = fill.id)
      AND NOT EXISTS (SELECT FROM pnl_closing closing WHERE closing.fill_id = fill.id)
      AND {UNBOOKED.format("fill")}
"""  # noqa: S608 - constants only
HELD = f"""
    SELECT account_id, NULL::bigint AS order_id, format('trading holds %%s %%s, the lots less what no lot explains come to %%s',
               trim_scale(sum(held)), coin_type, trim_scale(sum(booked))) AS what
    FROM (
        SELECT account_id, coin_type, quantity AS held, 0 AS booked FROM trading_holding
        UNION ALL SELECT account_id, coin_type, 0, remaining_quantity FROM pnl_lot
        UNION ALL SELECT account_id, coin_type, 0, -unmatched_quantity FROM pnl_closing
    ) AS entry
    WHERE {UNBOOKED.format("entry")}
    GROUP BY account_id, coin_type HAVING sum(held) <> sum(booked)
"""  # noqa: S608 - constants only
# Cash, and coins at their cost, are what was paid in and what was earned: to the last digit.
MONEY = """
    SELECT account_id, NULL::bigint AS order_id, format('A$%%s more than was paid in and earned', trim_scale(sum(amount))) AS what
    FROM (
        SELECT id AS account_id, cash_aud AS amount FROM trading_account
        UNION ALL SELECT account_id, -amount_aud FROM trading_movement
        UNION ALL SELECT account_id, cost - realized_pnl - in_kind_aud FROM pnl_position
        UNION ALL SELECT account_id, -unmatched_proceeds FROM pnl_closing WHERE unmatched_quantity > 0
    ) AS entry
    WHERE NOT EXISTS (SELECT FROM pnl_bookingfailure failed
                      WHERE failed.account_id = entry.account_id AND failed.coin_type <> '')
    GROUP BY account_id HAVING sum(amount) <> 0
"""
CHECKS = {
    "lots": LOTS, "closings": CLOSINGS, "positions": POSITIONS, "days": DAYS, "realized": REALIZED, "booked": BOOKED,
    "held": HELD, "money": MONEY,
}  # fmt: skip


def check_books(account_ids: Collection[int] | None = None) -> list[Breach]:
    """Give every breach in the accounts' books (None: in all accounts'), empty when all is well."""
    return find_breaches({f"pnl.{name}": check for name, check in CHECKS.items()}, account_ids)
