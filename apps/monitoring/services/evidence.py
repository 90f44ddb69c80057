"""Keep the rows that a breach was found in, as they were: whoever mends them destroys the trace."""

import json
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.trading.invariant import Breach
from ohmycoins.core.money import plain

MOST_ROWS = 20
# What is signed and sent, and what a client chose, are nobody else's business.
SECRET = frozenset({"body", "request_digest", "idempotency_key", "unclaimed"})

OF_ACCOUNT = {
    "account": "SELECT id, venue, mode, status, cash_aud, last_nonce FROM trading_account WHERE id = %(account)s"
}
OF_ORDER = {
    "orders": "SELECT * FROM trading_order WHERE id = %(order)s",
    "fills": "SELECT * FROM trading_fill WHERE order_id = %(order)s ORDER BY id DESC",
    "events": "SELECT * FROM trading_event WHERE order_id = %(order)s ORDER BY id DESC",
    "same_venue_id": """SELECT other.* FROM trading_order own JOIN trading_order other ON other.id <> own.id
        AND upper(trim(BOTH FROM other.venue_order_id)) = upper(trim(BOTH FROM own.venue_order_id)) WHERE own.id = %(order)s""",
}
HELD = {
    "holdings": "SELECT * FROM trading_holding WHERE account_id = %(account)s AND coin_type = %(name)s ORDER BY id",
    "positions": "SELECT * FROM pnl_position WHERE account_id = %(account)s AND coin_type = %(name)s ORDER BY id",
    "open_lots": """SELECT * FROM pnl_lot WHERE account_id = %(account)s AND coin_type = %(name)s AND remaining_quantity > 0
        ORDER BY id""",
}
CHAIN_END = {
    "chain": "SELECT * FROM trading_chain WHERE id = coalesce(%(account)s, 0)",
    "mark": "SELECT * FROM monitoring_trailmark WHERE chain = coalesce(%(account)s, 0)",
    "last_events": """SELECT * FROM trading_event WHERE coalesce(account_id, 0) = coalesce(%(account)s, 0)
        ORDER BY coalesce(account_id, 0) DESC, seq DESC""",
}
OF_SUBJECT: dict[str, dict[str, str]] = {
    "fill": {
        "fill": "SELECT * FROM trading_fill WHERE id::text = %(name)s",
        "lots": "SELECT * FROM pnl_lot WHERE fill_id::text = %(name)s",
        "closings": "SELECT * FROM pnl_closing WHERE fill_id::text = %(name)s",
    },
    "lot": {
        "lot": "SELECT * FROM pnl_lot WHERE id = %(id)s",
        "lot_fill": "SELECT fill.* FROM pnl_lot lot JOIN trading_fill fill ON fill.id = lot.fill_id WHERE lot.id = %(id)s",
        "matches": "SELECT * FROM pnl_match WHERE lot_id = %(id)s ORDER BY id",
    },
    "closing": {
        "closing": "SELECT * FROM pnl_closing WHERE id = %(id)s",
        "closing_fill": """SELECT fill.* FROM pnl_closing closing JOIN trading_fill fill ON fill.id = closing.fill_id
            WHERE closing.id = %(id)s""",
        "matches": "SELECT * FROM pnl_match WHERE closing_id = %(id)s ORDER BY id",
    },
    "event": {
        "event": "SELECT * FROM trading_event WHERE id = %(id)s",
        "around": """SELECT near.* FROM trading_event own JOIN trading_event near
            ON coalesce(near.account_id, 0) = coalesce(own.account_id, 0) AND near.seq BETWEEN own.seq - 2 AND own.seq + 2
            WHERE own.id = %(id)s ORDER BY near.seq""",
    },
    "day": {
        "total": "SELECT * FROM pnl_dailytotal WHERE account_id = %(account)s AND day::text = %(name)s",
        "results": "SELECT * FROM pnl_dailyresult WHERE account_id = %(account)s AND day = %(name)s::date ORDER BY id",
    },
    "coin": HELD, "holding": HELD, "head": CHAIN_END, "kept": CHAIN_END,
}  # fmt: skip


def gather(breach: Breach) -> dict[str, Any]:
    """Give the breach's rows by what they are, at most 20 of each, as JSON; amounts are text, to the last digit."""
    kind, _, name = breach.subject.partition(":")
    name = name.partition(":")[0]
    given = {
        "account": breach.account_id, "order": breach.order_id, "name": name,
        "id": int(name) if name.isdecimal() else None,
    }  # fmt: skip
    wanted = dict(OF_SUBJECT.get(kind, {}))
    if breach.order_id is not None:
        wanted |= OF_ORDER
    if breach.account_id is not None:
        wanted |= OF_ACCOUNT
    found = {label: _rows(statement, given) for label, statement in wanted.items()}
    return {label: rows for label, rows in found.items() if rows}


def _rows(statement: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    """Give rows as the database itself writes them: Python has no word for some of what a column may hold."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT to_jsonb(found)::text FROM ({statement} LIMIT {MOST_ROWS}) AS found", given)  # noqa: S608
        rows = [json.loads(text, parse_float=_plain) for (text,) in cursor.fetchall()]
    return [{name: value for name, value in row.items() if name not in SECRET} for row in rows]


def _plain(number: str) -> str:
    return plain(Decimal(number))
