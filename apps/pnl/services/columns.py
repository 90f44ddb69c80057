"""Read the rows of an account's book into arrays of exact integers.

By binary COPY, in which a row of int64 has a fixed width and needs no parsing: what it costs is
PostgreSQL's and libpq's work on each row (docs/performance.md). Amounts are in units of 10^-8 AUD,
quantities in 10^-8 coins. A coin with larger numbers or more decimals is read through a cursor, as
Python's integers of 10^-18 coins: slower and larger, but as exact.

Declined: fills in the order of their index (random reads cost what sorting does, and movements have to
be sorted in), and a guard around each cast (it would tell too late that a coin needs the cursor).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection

from apps.pnl.tally import Columns
from apps.trading.models import Account
from apps.trading.models.order import Ledger

NARROW, WIDE = 8, 18
"""Decimals of a unit of quantity: for int64, and for numbers that are beyond it."""
AUD_PLACES = 8
LEDGERS = ("", *Ledger.values)
BLOCK = 1 << 16
"""Rows that are turned into arrays at once."""
_HEADER, _TRAILER = 19, b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Scope:
    """Some coins of an account: `coins`, or all but those; and how exactly to read them."""

    account: Account
    coins: tuple[str, ...]
    among: bool
    places: int
    """NARROW or WIDE."""

    @property
    def wide(self) -> bool:
        return self.places == WIDE


@dataclass(frozen=True, slots=True)
class Query:
    """Columns, each with its kind and expression, and where they are from."""

    columns: dict[str, tuple[str, str]]
    source: str


IN_SCOPE = "account_id = %(account)s AND (coin_type = ANY(%(coins)s)) = %(among)s"
_BOOK = {
    "coin": ("number", "hashtextextended(coin_type, 0)"),
    "book": ("number", "coalesce(algorithm_id, 0)"),
    "ledger": ("number", "coalesce(array_position(%(ledgers)s::text[], ledger::text), 0) - 1"),
}
FILLS = f"""
    SELECT id AS source, coin_type, executed_at AS at, sequence, venue_fill_id::text COLLATE "C" AS ref, algorithm_id,
           ledger::text, side = 'buy' AS comes, kind = 'trade' AS paid, quantity, value_aud, fee_aud
    FROM trading_fill WHERE {IN_SCOPE}
"""  # noqa: S608 - constants only
# What a coin opened with is one entry; where more left than had come by then, it was there before. The newest cost given counts, if it is of as many coins. A tie is rounded to
# the even one, which round() does not.
_MOVED = f"""
    SELECT -movement.id, coin_type, coalesce(given.acquired_at, unexplained.at, occurred_at),
           CASE WHEN unexplained.at IS NULL THEN sequence ELSE -1 END,
           CASE WHEN unexplained.at IS NULL THEN coalesce(venue_ref, '') ELSE '' END::text COLLATE "C", NULL::bigint, ''::text, quantity > 0, false, abs(quantity),
           CASE WHEN units %% 1 = 0.5 THEN 2 * round(units / 2) ELSE round(units) END / 100000000, 0::numeric
    FROM (SELECT id, coin_type, kind, occurred_at, sequence, venue_ref, unit_price,
                 CASE kind WHEN 'opening' THEN sum(quantity) OVER alike ELSE quantity END AS quantity,
                 kind <> 'opening' OR row_number() OVER (alike ORDER BY occurred_at, sequence, id) = 1 AS counts
          FROM trading_movement WHERE {IN_SCOPE} AND coin_type <> ''
          WINDOW alike AS (PARTITION BY coin_type, kind)) AS movement
    LEFT JOIN LATERAL (SELECT cost_aud, acquired_at, quantity AS coins FROM pnl_givencost
                       WHERE movement_id = movement.id ORDER BY id DESC LIMIT 1) AS given ON given.coins = quantity
    LEFT JOIN LATERAL (SELECT min(at) AS at FROM (
            SELECT at, sum(quantity) OVER (ORDER BY at, sequence, ref, source DESC ROWS UNBOUNDED PRECEDING) AS held FROM (
                SELECT executed_at AS at, sequence, venue_fill_id::text COLLATE "C" AS ref, id AS source,
                       CASE side WHEN 'buy' THEN quantity ELSE -quantity END AS quantity
                FROM trading_fill WHERE account_id = %(account)s AND coin_type = movement.coin_type
                UNION ALL SELECT occurred_at, sequence, coalesce(venue_ref, '')::text COLLATE "C", -id, quantity
                FROM trading_movement other WHERE account_id = %(account)s AND other.coin_type = movement.coin_type
                    AND other.kind <> 'opening') AS happened) AS running
            WHERE held < 0 AND at < movement.occurred_at) AS unexplained ON kind = 'opening' AND movement.quantity > 0 AND given.coins IS NULL
    CROSS JOIN LATERAL (SELECT CASE WHEN quantity < 0 THEN 0
                               ELSE coalesce(given.cost_aud, quantity * unit_price, 0) * 100000000 END AS units) AS cost
    WHERE counts AND quantity <> 0
"""  # noqa: S608 - constants only
_ENTRY = _BOOK | {
    "source": ("number", "source"), "at": ("instant", "at"), "comes": ("flag", "comes"),
    "paid": ("flag", "paid"), "quantity": ("quantity", "quantity"), "value": ("aud", "value_aud"),
    "fee": ("aud", "fee_aud"),
}  # fmt: skip
ENTRIES = Query(
    _ENTRY, f"({FILLS} UNION ALL {_MOVED}) AS entry ORDER BY coin_type, at, sequence, ref, source DESC"
)
"""What came and what went, coin by coin in FIFO order; of entries with one key, fills and then the first recorded."""
_SOURCE = {"source": ("number", "coalesce(fill_id, -movement_id)"), "id": ("number", "id")}
LOTS = Query(_SOURCE | _BOOK | {
    "acquired_at": ("instant", "acquired_at"), "quantity": ("quantity", "quantity"),
    "remaining_quantity": ("quantity", "remaining_quantity"), "cost": ("aud", "cost"),
    "remaining_cost": ("aud", "remaining_cost"), "fee_aud": ("aud", "fee_aud"),
}, f"pnl_lot WHERE {IN_SCOPE}")  # fmt: skip
CLOSINGS = Query(_SOURCE | _BOOK | {
    "closed_at": ("instant", "closed_at"), "quantity": ("quantity", "quantity"),
    "unmatched_quantity": ("quantity", "unmatched_quantity"), "unmatched_proceeds": ("aud", "unmatched_proceeds"),
    "proceeds": ("aud", "proceeds"), "cost": ("aud", "cost"), "fee_aud": ("aud", "fee_aud"),
}, f"pnl_closing WHERE {IN_SCOPE}")  # fmt: skip
MATCHES = Query(_BOOK | {
    "closing": ("number", "closing_id"), "lot": ("number", "lot_id"), "acquired_at": ("instant", "acquired_at"),
    "disposed_at": ("instant", "disposed_at"), "quantity": ("quantity", "quantity"), "cost": ("aud", "cost"),
    "proceeds": ("aud", "proceeds"),
}, f"pnl_match WHERE {IN_SCOPE}")  # fmt: skip
POSITIONS = Query(_BOOK | {
    "quantity": ("quantity", "quantity"), "sales": ("number", "sales"),
    **{name: ("aud", name) for name in ("cost", "realized_pnl", "in_kind_aud", "fees")},
}, f"pnl_position WHERE {IN_SCOPE}")  # fmt: skip
_COUNTS = ("buys", "sells", "sales", "winning_sales", "losing_sales")
_AMOUNTS = (
    "realized_pnl", "in_kind_aud", "buy_volume", "sell_volume", "fees", "profit", "loss", "largest_win",
    "largest_loss",
)  # fmt: skip
_DAY = {
    "day": ("number", "day - date '2000-01-01'"), **{name: ("number", name) for name in _COUNTS},
    **{name: ("aud", name) for name in _AMOUNTS},
}  # fmt: skip
RESULTS = Query(_BOOK | _DAY, f"pnl_dailyresult WHERE {IN_SCOPE}")
TOTALS = Query(_DAY, "pnl_dailytotal WHERE account_id = %(account)s")

_KINDS = {
    "number": "({})::bigint", "flag": "({})::int::bigint", "instant": "{}", "quantity": "({} * 100000000)::bigint",
    "aud": "({} * 100000000)::bigint",
}  # fmt: skip
_WIDE_KINDS = _KINDS | {
    "instant": "(extract(epoch FROM {}) * 1000000)::bigint - 946684800000000",
    "quantity": "{} * 1000000000000000000",
    "aud": "{} * 100000000",
}
_LARGEST = 20_000_000_000
"""Coins, or AUD: four such still add up in an int64."""
_TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "trading_fill": (("quantity",), ("value_aud", "fee_aud")),
    "trading_movement": (("quantity",), ("quantity * coalesce(unit_price, 0)",)),
    "pnl_lot": (("quantity", "remaining_quantity"), ("cost", "remaining_cost", "fee_aud")),
    "pnl_closing": (
        ("quantity", "unmatched_quantity"),
        ("unmatched_proceeds", "proceeds", "cost", "fee_aud"),
    ),
    "pnl_match": (("quantity",), ("cost", "proceeds")),
    "pnl_position": (("quantity",), ("cost", "realized_pnl", "in_kind_aud", "fees")),
    "pnl_dailyresult": ((), _AMOUNTS),
}
"""Where an account's coins are, with quantities and amounts."""
_WIDE_COSTS = f"""
    SELECT coin_type FROM trading_movement JOIN pnl_givencost ON movement_id = trading_movement.id
    WHERE account_id = %(account)s AND cost_aud >= {_LARGEST}
"""  # noqa: S608 - constants only


def wide_coins(account: Account) -> set[str]:
    """Find the coins that have a number, in any of their rows, which int64 would not hold exactly."""
    queries = [_WIDE_COSTS]
    for table, (quantities, amounts) in _TABLES.items():
        tests = [f"min_scale({name}) > {NARROW}" for name in quantities]
        tests += [f"abs({name}) >= {_LARGEST}" for name in (*quantities, *amounts)]
        where = " OR ".join(tests)
        queries.append(f"SELECT coin_type FROM {table} WHERE account_id = %(account)s AND ({where})")  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(" UNION ".join(queries), {"account": account.pk})
        return {coin for (coin,) in cursor.fetchall()}


def coin_names(account: Account) -> dict[int, str]:
    """Name the coins of an account by the number that stands for each in the column `coin`.

    Raises ValueError if two had the same, of 2^64.
    """
    each = (f"SELECT DISTINCT coin_type FROM {table} WHERE account_id = %(account)s" for table in _TABLES)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT hashtextextended(coin_type, 0), coin_type FROM ({' UNION '.join(each)}) AS known",  # noqa: S608
            {"account": account.pk},
        )
        rows = cursor.fetchall()
    names = dict(rows)
    if len(names) < len(rows):
        raise ValueError(f"two coins of account {account.pk} have the same number")
    return names


def read(query: Query, scope: Scope) -> Iterator[Columns]:
    """Read the rows in their order, some at a time; an array of each column."""
    kinds = _WIDE_KINDS if scope.wide else _KINDS
    columns = ", ".join(kinds[kind].format(column) for kind, column in query.columns.values())
    statement = f"SELECT {columns} FROM {query.source}"  # noqa: S608 - constants only
    given = {
        "account": scope.account.pk, "coins": list(scope.coins), "among": scope.among, "ledgers": list(LEDGERS),
    }  # fmt: skip
    return (_read_wide if scope.wide else _copy)(query, statement, given)


def read_all(query: Query, scope: Scope) -> Columns:
    """Read all rows at once."""
    blocks = list(read(query, scope))
    return {
        name: np.concatenate([block.pop(name) for block in blocks])
        if blocks
        else np.empty(0, _dtype(kind, scope.wide))
        for name, (kind, _) in query.columns.items()
    }


def _copy(query: Query, statement: str, given: dict[str, Any]) -> Iterator[Columns]:
    parts = [("fields", ">i2")]
    for name in query.columns:
        parts += [(f"{name}.size", ">i4"), (name, ">i8")]
    row = np.dtype(parts)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT BINARY)", given) as copy,
    ):
        for rows in _whole_rows(copy, row.itemsize):
            table = np.frombuffer(rows, row)
            if (table["fields"] != len(query.columns)).any():
                raise ValueError("COPY gave rows that are not of fixed width")
            yield {name: table[name].astype(_dtype(kind)) for name, (kind, _) in query.columns.items()}


def _whole_rows(messages: Iterable[bytes], width: int) -> Iterator[bytes]:
    """Gather many rows of `width` bytes; raise ValueError if some have another, as a NULL makes it."""
    gathered: list[bytes] = []
    skip = _HEADER
    for message in messages:
        gathered.append(message)
        if len(gathered) == BLOCK:
            data = b"".join(gathered)[skip:]
            whole = len(data) // width * width
            yield data[:whole]
            gathered, skip = [data[whole:]], 0
    data = b"".join(gathered)[skip:]
    if len(data) % width != len(_TRAILER) or not data.endswith(_TRAILER):
        raise ValueError("COPY gave rows that are not of fixed width")
    yield data[: -len(_TRAILER)]


def _read_wide(query: Query, statement: str, given: dict[str, Any]) -> Iterator[Columns]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, given)
        while rows := cursor.fetchmany(BLOCK):
            yield {
                name: np.array([int(value) for value in column], _dtype(kind, wide=True))
                for (name, (kind, _)), column in zip(
                    query.columns.items(), zip(*rows, strict=True), strict=True
                )
            }


def _dtype(kind: str, wide: bool = False) -> type:
    if kind == "flag":
        return np.bool_
    return object if wide and kind in ("quantity", "aud") else np.int64
