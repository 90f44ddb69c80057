"""Check what must hold of the book whatever was booked, late or at once: each sum is what it adds up.

Like trading's invariants, each is one SELECT of its breaches; a breach is a bug, or somebody's hand in the
database, and is for a person. A coin that could not be booked yet (`BookingFailure`) is left out where its
facts are compared with its book. `manage.py rebuild_pnl --check` goes further: it books everything again.
"""

from collections.abc import Collection

from apps.pnl.services.rollups import SUMS, TOTALS
from apps.trading.invariant import CLOSING, COIN, DAY, FILL, LOT, Breach, Invariant
from apps.trading.services.invariants import find_breaches

UNBOOKED = """NOT EXISTS (SELECT FROM pnl_bookingfailure failed
                          WHERE failed.account_id = {0}.account_id AND failed.coin_type = {0}.coin_type)"""
LOTS = """
    SELECT lot.account_id, NULL::bigint AS order_id, format('lot %%s was %%s for A$%%s; %%s for A$%%s are left, and its '
               'matches took %%s for A$%%s', lot.id, trim_scale(lot.quantity), trim_scale(lot.cost),
               trim_scale(lot.remaining_quantity), trim_scale(lot.remaining_cost),
               trim_scale(coalesce(taken.quantity, 0)), trim_scale(coalesce(taken.cost, 0))) AS what, 'lot:' || lot.id AS subject
    FROM pnl_lot lot
    LEFT JOIN (SELECT lot_id, sum(quantity) AS quantity, sum(cost) AS cost FROM pnl_match
               WHERE AMONG(lot_id) GROUP BY lot_id) taken ON taken.lot_id = lot.id
    WHERE AMONG(lot.id) AND (lot.quantity - lot.remaining_quantity, lot.cost - lot.remaining_cost)
        <> (coalesce(taken.quantity, 0), coalesce(taken.cost, 0))
"""
CLOSINGS = """
    SELECT closing.account_id, NULL::bigint AS order_id, format('closing %%s of %%s earned A$%%s, its matches of %%s earned A$%%s',
               closing.id, trim_scale(closing.quantity), trim_scale(closing.realized_pnl),
               trim_scale(coalesce(part.quantity, 0)), trim_scale(coalesce(part.realized_pnl, 0))) AS what,
           'closing:' || closing.id AS subject
    FROM pnl_closing closing
    LEFT JOIN (SELECT closing_id, sum(quantity) AS quantity, sum(cost) AS cost, sum(proceeds) AS proceeds,
                      sum(realized_pnl) AS realized_pnl FROM pnl_match WHERE AMONG(closing_id) GROUP BY closing_id) part
        ON part.closing_id = closing.id
    WHERE AMONG(closing.id) AND (closing.quantity - closing.unmatched_quantity, closing.cost, closing.proceeds, closing.realized_pnl)
        <> (coalesce(part.quantity, 0), coalesce(part.cost, 0), coalesce(part.proceeds, 0), coalesce(part.realized_pnl, 0))
"""
LOT_OF_ITS_SOURCE = """
    SELECT lot.account_id, fill.order_id, format('lot %%s of %%s %%s for A$%%s is not what its fill %%s was: %%s %%s for A$%%s', lot.id,
               trim_scale(lot.quantity), lot.coin_type, trim_scale(lot.cost), fill.id, trim_scale(fill.quantity),
               fill.coin_type, trim_scale(fill.value_aud + fill.fee_aud)) AS what, 'lot:' || lot.id AS subject
    FROM pnl_lot lot JOIN trading_fill fill ON fill.id = lot.fill_id
    WHERE AMONG(lot.id) AND (fill.side <> 'buy' OR lot.algorithm_id IS DISTINCT FROM fill.algorithm_id
        OR (lot.account_id, lot.coin_type, lot.quantity, lot.cost, lot.fee_aud, lot.acquired_at)
        <> (fill.account_id, fill.coin_type, fill.quantity, fill.value_aud + fill.fee_aud, fill.fee_aud, fill.executed_at))
"""
CLOSING_OF_ITS_SOURCE = """
    SELECT closing.account_id, fill.order_id, format('closing %%s of %%s %%s is not what its fill %%s was: %%s %%s', closing.id,
               trim_scale(closing.quantity), closing.coin_type, fill.id, trim_scale(fill.quantity), fill.coin_type) AS what,
           'closing:' || closing.id AS subject
    FROM pnl_closing closing JOIN trading_fill fill ON fill.id = closing.fill_id
    WHERE AMONG(closing.id) AND (fill.side <> 'sell' OR closing.algorithm_id IS DISTINCT FROM fill.algorithm_id
        OR (closing.account_id, closing.coin_type, closing.ledger, closing.quantity, closing.fee_aud, closing.closed_at)
        <> (fill.account_id, fill.coin_type, fill.ledger, fill.quantity, fill.fee_aud, fill.executed_at)
        OR (fill.kind = 'trade' AND closing.proceeds + closing.unmatched_proceeds <> fill.value_aud - fill.fee_aud))
"""
MATCH_OF_ITS_LOT = """
    SELECT closing.account_id, NULL::bigint AS order_id, format('match %%s is not of lot %%s and closing %%s by account, coin, book, ledger and instants',
               part.id, lot.id, closing.id) AS what, 'closing:' || closing.id AS subject
    FROM pnl_closing closing JOIN pnl_match part ON part.closing_id = closing.id JOIN pnl_lot lot ON lot.id = part.lot_id
    WHERE AMONG(closing.id) AND AMONG(part.closing_id) AND (part.algorithm_id IS DISTINCT FROM lot.algorithm_id
        OR (part.account_id, part.coin_type, part.ledger, part.acquired_at) <> (lot.account_id, lot.coin_type, lot.ledger, lot.acquired_at)
        OR (part.account_id, part.coin_type, part.disposed_at) <> (closing.account_id, closing.coin_type, closing.closed_at))
"""
POSITIONS = """
    SELECT account_id, NULL::bigint AS order_id, format('the position in %%s of book %%s is not what its lots and days add up to',
               coin_type, coalesce(algorithm_id::text, 'manual')) AS what,
           format('coin:%%s:%%s:%%s', coin_type, coalesce(algorithm_id::text, 'manual'), ledger) AS subject
    FROM (
        SELECT account_id, coin_type, algorithm_id, ledger, quantity, cost, realized_pnl, in_kind_aud, fees, sales
            FROM pnl_position WHERE AMONG(account_id, coin_type)
        UNION ALL SELECT account_id, coin_type, algorithm_id, ledger, -remaining_quantity, -remaining_cost, 0, 0, 0, 0
            FROM pnl_lot WHERE remaining_quantity > 0 AND AMONG(account_id, coin_type)
        UNION ALL SELECT account_id, coin_type, algorithm_id, ledger, 0, 0, -realized_pnl, -in_kind_aud, -fees, -sales
            FROM pnl_dailyresult WHERE AMONG(account_id, coin_type)
    ) AS entry
    GROUP BY account_id, coin_type, algorithm_id, ledger
    HAVING (sum(quantity), sum(cost), sum(realized_pnl), sum(in_kind_aud), sum(fees), sum(sales)) <> (0, 0, 0, 0, 0, 0)
"""
DAYS = f"""
    SELECT coalesce(total.account_id, result.account_id) AS account_id, NULL::bigint AS order_id,
           format('%%s is not what its coins add up to', coalesce(total.day, result.day)) AS what, 'day:' || coalesce(total.day, result.day) AS subject
    FROM (SELECT * FROM pnl_dailytotal WHERE AMONG(account_id, day)) total
    FULL JOIN (SELECT account_id, day, {TOTALS} FROM pnl_dailyresult WHERE AMONG(account_id, day)
               GROUP BY account_id, day) result
        ON (result.account_id, result.day) = (total.account_id, total.day)
    WHERE ({", ".join(f"coalesce(total.{name}, 0)" for name in SUMS)})
        <> ({", ".join(f"coalesce(result.{name}, 0)" for name in SUMS)})
"""  # noqa: S608 - constants only
# A day is the account's own: what was earned from its midnight to the next one.
REALIZED = """
    SELECT wanted.account_id, NULL::bigint AS order_id, format('matches of %%s earned A$%%s, its total says A$%%s', wanted.day,
               trim_scale(earned.amount), trim_scale(coalesce(total.realized_pnl, 0))) AS what, 'day:' || wanted.day AS subject
    FROM (SELECT id AS account_id, day::date AS day, timezone FROM trading_account
          JOIN unnest(%(key_0)s::bigint[], %(key_1)s::date[]) AS key (account_id, day) ON key.account_id = id) AS wanted
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(realized_pnl), 0) AS amount FROM pnl_match part
        WHERE part.account_id = wanted.account_id
          AND part.disposed_at >= wanted.day::timestamp AT TIME ZONE wanted.timezone
          AND part.disposed_at < (wanted.day + 1)::timestamp AT TIME ZONE wanted.timezone) AS earned
    LEFT JOIN pnl_dailytotal total ON (total.account_id, total.day) = (wanted.account_id, wanted.day)
    WHERE earned.amount <> coalesce(total.realized_pnl, 0)
"""
ALL_REALIZED = """
    SELECT account_id, NULL::bigint AS order_id, format('matches of %%s earned A$%%s, its total says A$%%s', day,
               trim_scale(sum(matched)), trim_scale(sum(said))) AS what, 'day:' || day AS subject
    FROM (
        SELECT account_id, (disposed_at AT TIME ZONE timezone)::date AS day, realized_pnl AS matched, 0 AS said
        FROM pnl_match JOIN trading_account account ON account.id = account_id
        UNION ALL SELECT account_id, day, 0, realized_pnl FROM pnl_dailytotal
    ) AS entry
    GROUP BY account_id, day HAVING sum(matched) <> sum(said)
"""
BOOKED = f"""
    SELECT fill.account_id, fill.order_id, format('fill %%s is not booked', fill.id) AS what, 'fill:' || fill.id AS subject
    FROM trading_fill fill
    WHERE AMONG(fill.id) AND NOT EXISTS (SELECT FROM pnl_lot lot WHERE lot.fill_id = fill.id)
      AND NOT EXISTS (SELECT FROM pnl_closing closing WHERE closing.fill_id = fill.id)
      AND {UNBOOKED.format("fill")}
"""  # noqa: S608 - constants only
HELD = f"""
    SELECT account_id, NULL::bigint AS order_id, format('trading holds %%s %%s, the lots less what no lot explains come to %%s',
               trim_scale(sum(held)), coin_type, trim_scale(sum(booked))) AS what, 'coin:' || coin_type AS subject
    FROM (
        SELECT account_id, coin_type, quantity AS held, 0 AS booked FROM trading_holding WHERE AMONG(account_id, coin_type)
        UNION ALL SELECT account_id, coin_type, 0, remaining_quantity FROM pnl_lot
            WHERE remaining_quantity > 0 AND AMONG(account_id, coin_type)
        UNION ALL SELECT account_id, coin_type, 0, -unmatched_quantity FROM pnl_closing
            WHERE unmatched_quantity > 0 AND AMONG(account_id, coin_type)
    ) AS entry
    WHERE {UNBOOKED.format("entry")}
    GROUP BY account_id, coin_type HAVING sum(held) <> sum(booked)
"""  # noqa: S608 - constants only
# Cash, and coins at their cost, are what was paid in and what was earned: to the last digit.
MONEY = """
    SELECT account_id, NULL::bigint AS order_id, format('A$%%s more than was paid in and earned', trim_scale(sum(amount))) AS what, '' AS subject
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
CHECKS = (
    Invariant("pnl.lots", LOTS, LOT), Invariant("pnl.lot_of_its_source", LOT_OF_ITS_SOURCE, LOT),
    Invariant("pnl.closings", CLOSINGS, CLOSING), Invariant("pnl.closing_of_its_source", CLOSING_OF_ITS_SOURCE, CLOSING),
    Invariant("pnl.match_of_its_lot", MATCH_OF_ITS_LOT, CLOSING), Invariant("pnl.positions", POSITIONS, COIN),
    Invariant("pnl.days", DAYS, DAY), Invariant("pnl.realized", REALIZED, DAY, ALL_REALIZED),
    Invariant("pnl.booked", BOOKED, FILL), Invariant("pnl.held", HELD, COIN), Invariant("pnl.money", MONEY),
)  # fmt: skip


def check_books(account_ids: Collection[int] | None = None) -> list[Breach]:
    """Give every breach in the accounts' books (None: in all accounts'), empty when all is well."""
    return find_breaches(CHECKS, account_ids)
