"""Keep the sums in step with what they add: one definition, for a coin's rebuilt book and for all of an account.

`services.book` adds to the same rows what a single fill changes, in the statement that books it.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import connection

from apps.trading.models import Account

ADDED = (
    "realized_pnl", "in_kind_aud", "buys", "sells", "buy_volume", "sell_volume", "fees",
    "sales", "winning_sales", "losing_sales", "profit", "loss",
)  # fmt: skip
SUMS = (*ADDED, "largest_win", "largest_loss")
COLUMNS = ", ".join(SUMS)
TOTALS = ", ".join(
    [f"coalesce(sum({name}), 0) AS {name}" for name in ADDED]
    + [
        "coalesce(max(largest_win), 0) AS largest_win",
        "coalesce(min(largest_loss), 0) AS largest_loss",
    ]
)
"""Rows that have the columns, added up."""


def combined(names: Iterable[str]) -> str:
    """Write what ON CONFLICT does where a row named `known` gets more."""
    pick = {"largest_win": "greatest", "largest_loss": "least"}
    return ", ".join(
        f"{name} = {pick[name]}(known.{name}, EXCLUDED.{name})" if name in pick
        else f"{name} = known.{name} + EXCLUDED.{name}"
        for name in names
    )  # fmt: skip


# A fill that waits to be booked is in no figure.
IS_BOOKED = """(EXISTS (SELECT FROM pnl_lot lot WHERE lot.fill_id = fill.id)
                OR EXISTS (SELECT FROM pnl_closing closing WHERE closing.fill_id = fill.id))"""
_OF_COIN = "account_id = %(account)s AND (%(coin)s::text IS NULL OR coin_type = %(coin)s::text)"


def entries(kept: str) -> str:
    """Write the SELECT of what every fill, match and movement adds to the sums, of rows `kept`.

    `kept` is a condition on account_id, coin_type and `{at}`, the instant at which it happened. Realised P&L
    is of the book that opened the lot, everything else of the one that traded.
    """
    sources = (
        ("pnl_match", "disposed_at", "", {"realized_pnl": "realized_pnl"}),
        ("pnl_closing", "closed_at", "fill_id IS NULL", {"in_kind_aud": "-cost"}),
        ("pnl_closing", "closed_at", "fill_id IS NOT NULL", {
            "sales": "(unmatched_quantity < quantity)::int",
            "winning_sales": "(realized_pnl > 0)::int", "losing_sales": "(realized_pnl < 0)::int",
            "profit": "greatest(realized_pnl, 0)", "loss": "least(realized_pnl, 0)",
            "largest_win": "greatest(realized_pnl, 0)", "largest_loss": "least(realized_pnl, 0)",
        }),
        ("pnl_lot", "acquired_at", "movement_id IS NOT NULL", {"in_kind_aud": "cost"}),
        ("trading_fill AS fill", "executed_at", IS_BOOKED, {
            "in_kind_aud": "CASE WHEN kind = 'trade' THEN 0 WHEN side = 'buy' THEN value_aud + fee_aud ELSE fee_aud - value_aud END",
            "buys": "(side = 'buy')::int", "sells": "(side = 'sell')::int",
            "buy_volume": "CASE side WHEN 'buy' THEN value_aud ELSE 0 END",
            "sell_volume": "CASE side WHEN 'sell' THEN value_aud ELSE 0 END", "fees": "fee_aud",
        }),
    )  # fmt: skip
    return " UNION ALL ".join(
        f"SELECT {at} AS at, coin_type, algorithm_id, ledger, "  # noqa: S608 - constants only
        + ", ".join(f"{given.get(name, '0')} AS {name}" for name in SUMS)
        + f" FROM {table} WHERE {kept.format(at=at)}" + (f" AND {only}" if only else "")
        for table, at, only, given in sources
    )  # fmt: skip


FORGET_RESULTS = f"""
    DELETE FROM pnl_dailyresult WHERE {_OF_COIN} RETURNING day
"""  # noqa: S608 - constants only
WRITE_RESULTS = f"""
    INSERT INTO pnl_dailyresult (account_id, day, coin_type, algorithm_id, ledger, {COLUMNS})
    SELECT %(account)s, (at AT TIME ZONE %(timezone)s)::date AS day, coin_type, algorithm_id, ledger, {TOTALS}
    FROM ({entries(_OF_COIN)}) AS entry
    GROUP BY 2, coin_type, algorithm_id, ledger
    RETURNING day
"""  # noqa: S608 - constants only
WRITE_TOTALS = f"""
    INSERT INTO pnl_dailytotal (account_id, day, {COLUMNS})
    SELECT %(account)s, touched.day, {TOTALS}
    FROM unnest(%(days)s::date[]) AS touched (day)
    LEFT JOIN pnl_dailyresult result ON result.account_id = %(account)s AND result.day = touched.day
    GROUP BY touched.day
    ON CONFLICT (account_id, day) DO UPDATE SET {", ".join(f"{name} = EXCLUDED.{name}" for name in SUMS)}
"""  # noqa: S608 - constants only
FORGET_EMPTY_TOTALS = """
    DELETE FROM pnl_dailytotal total WHERE account_id = %(account)s AND valued_at IS NULL AND NOT EXISTS (
        SELECT FROM pnl_dailyresult result WHERE result.account_id = %(account)s AND result.day = total.day)
"""
FORGET_POSITIONS = f"""
    DELETE FROM pnl_position WHERE {_OF_COIN}
"""  # noqa: S608 - constants only
WRITE_POSITIONS = f"""
    INSERT INTO pnl_position (account_id, coin_type, algorithm_id, ledger, quantity, cost, realized_pnl, in_kind_aud, fees, sales)
    SELECT %(account)s, coin_type, algorithm_id, ledger, sum(quantity), sum(cost), sum(realized_pnl), sum(in_kind_aud),
           sum(fees), sum(sales)
    FROM (
        SELECT coin_type, algorithm_id, ledger, remaining_quantity AS quantity, remaining_cost AS cost, 0 AS realized_pnl,
               0 AS in_kind_aud, 0 AS fees, 0 AS sales
        FROM pnl_lot WHERE {_OF_COIN}
        UNION ALL
        SELECT coin_type, algorithm_id, ledger, 0, 0, realized_pnl, in_kind_aud, fees, sales
        FROM pnl_dailyresult WHERE {_OF_COIN}
    ) AS part
    GROUP BY coin_type, algorithm_id, ledger
"""  # noqa: S608 - constants only


def rebuild_sums(account: Account, coin_type: str | None = None) -> None:
    """Write the account's daily rows and positions anew, of one coin or of all, from what is booked.

    Needs the account's lock. A day keeps what the account was worth at its end.
    """
    given = {"account": account.pk, "coin": coin_type, "timezone": account.timezone}
    days = _days(FORGET_RESULTS, given) | _days(WRITE_RESULTS, given)
    with connection.cursor() as cursor:
        cursor.execute(WRITE_TOTALS, given | {"days": sorted(days)})
        cursor.execute(FORGET_EMPTY_TOTALS, given)
        cursor.execute(FORGET_POSITIONS, given)
        cursor.execute(WRITE_POSITIONS, given)


def _days(statement: str, given: dict[str, Any]) -> set[date]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        rows: Iterable[tuple[date]] = cursor.fetchall()
    return {day for (day,) in rows}
