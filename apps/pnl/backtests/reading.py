"""Read prices and candles of one market, some at a time, into arrays.

By binary COPY in the order of the market's own index, so that nothing is sorted and memory does not grow with
the past. Numbers come as integers of 10^-8; a row that has more decimals, or is too large, says so, and is
read once more as it stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from apps.ledgers.models.entry import Entry
from apps.ledgers.querysets import AHEAD

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""What PostgreSQL counts instants from, in microseconds."""
MICROSECOND = timedelta(microseconds=1)
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
KNOWN = "coalesce(available_at, observed_at)"
"""When a row became known, or would have been."""
ORIGINS = tuple(Entry.Origin.values)
UNIT = 8
_LARGEST = 90_000_000_000
_HEADER, _TRAILER = 19, 2


@dataclass(frozen=True, slots=True)
class Kind:
    """A table of markets, which columns of it are read, and by which it is chosen."""

    table: str
    numbers: tuple[str, ...]
    by: tuple[str, ...]
    only: str = "true"
    """A condition on its rows."""


PRICES = Kind("ledgers_price", ("bid", "ask", "last"), ("coin_type",))
CANDLES = Kind("ledgers_candle", ("open", "high", "low", "close"), ("coin_type", "interval"))
BACKFILLED = replace(CANDLES, only="origin = 'backfill'")
"""Candles that say what no recorded price does."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a table a backtest reads: nothing known after `until`, and nothing recorded after `top`."""

    until: datetime
    top: int
    """The highest id: what is recorded while it runs does not count."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one market: when they occurred and became known, in microseconds, and their numbers."""

    id: NDArray[np.int64]
    occurred: NDArray[np.int64]
    known: NDArray[np.int64]
    origin: NDArray[np.int64]
    units: NDArray[np.int64]
    """A row of numbers for each, in 10^-8."""
    exact: dict[int, tuple[Decimal, ...]]
    """Those that units do not hold, by id."""

    def __len__(self) -> int:
        return len(self.id)

    def __getitem__(self, kept: Any) -> "Rows":
        ids = self.id[kept]
        exact = self.exact
        if exact:
            there = set(ids.tolist())
            exact = {number: values for number, values in exact.items() if number in there}
        return Rows(ids, self.occurred[kept], self.known[kept], self.origin[kept], self.units[kept], exact)

    def then(self, others: "Rows") -> "Rows":
        """Give these rows and the others after them."""
        return Rows(
            np.concatenate((self.id, others.id)), np.concatenate((self.occurred, others.occurred)),
            np.concatenate((self.known, others.known)), np.concatenate((self.origin, others.origin)),
            np.concatenate((self.units, others.units)), self.exact | others.exact,
        )  # fmt: skip

    def numbers(self, place: int) -> tuple[Decimal, ...]:
        """Give a row's numbers exactly."""
        if self.exact and (exact := self.exact.get(int(self.id[place]))):
            return exact
        return tuple(Decimal(units).scaleb(-UNIT) for units in self.units[place].tolist())


def read_from(kind: Kind, of: tuple[str, ...], scope: Scope, since: int, limit: int) -> Rows:
    """Read a market's rows that occurred at `since` (microseconds) or later, oldest first; at most `limit`."""
    return _read(kind, of, scope, "occurred_at >= %(since)s", limit, since=from_micros(since))


def read_newest(kind: Kind, of: tuple[str, ...], scope: Scope, now: datetime, limit: int) -> Rows:
    """Read the newest rows of a market that were known at `now`, oldest first."""
    known = f"occurred_at <= %(ahead)s AND {KNOWN} <= %(now)s"
    found = _read(kind, of, scope, known, limit, order="DESC", now=now, ahead=now + AHEAD)
    return found[::-1]


def _read(
    kind: Kind, of: tuple[str, ...], scope: Scope, condition: str, limit: int, *, order: str = "", **given: Any
) -> Rows:  # fmt: skip
    fits = " AND ".join(f"min_scale({name}) <= {UNIT} AND {name} < {_LARGEST}" for name in kind.numbers)
    numbers = ", ".join(f"(least({name}, {_LARGEST}) * 100000000)::bigint" for name in kind.numbers)
    chosen = " AND ".join(f'"{name}" = %({name})s' for name in kind.by)
    statement = f"""
        SELECT id, occurred_at, {KNOWN}, array_position(%(origins)s::text[], origin::text)::bigint - 1, ({fits})::int::bigint,
               {numbers}
        FROM {kind.table} WHERE {chosen} AND market = 'AUD' AND {kind.only} AND {condition} AND {KNOWN} <= %(until)s AND id <= %(top)s
        ORDER BY {", ".join(f'"{name}" {order}' for name in (*kind.by, "market", "occurred_at"))}
        LIMIT {limit}
    """  # noqa: S608 - constants only
    given |= dict(zip(kind.by, of, strict=True))
    given |= {"origins": list(ORIGINS), "until": scope.until, "top": scope.top}
    width = len(kind.numbers)
    table = _copy(statement, given, 5 + width)
    number, occurred, known, origin, fit, *units = (
        table[f"c{place}"].astype(np.int64) for place in range(5 + width)
    )
    rows = Rows(number, occurred, known, origin, np.stack(units, axis=1), {})
    inexact = number[fit == 0]
    if len(inexact):
        rows.exact.update(_exactly(kind, inexact.tolist()))
    return rows


def _copy(statement: str, given: dict[str, Any], columns: int) -> NDArray[Any]:
    parts = [("fields", ">i2")]
    for place in range(columns):
        parts += [(f"s{place}", ">i4"), (f"c{place}", ">i8")]
    row = np.dtype(parts)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT BINARY)", given) as copy,
    ):
        data = b"".join(copy)[_HEADER:-_TRAILER]
    if len(data) % row.itemsize:
        raise ValueError("COPY gave rows that are not of fixed width")
    return np.frombuffer(data, row)


def _exactly(kind: Kind, ids: Iterable[int]) -> dict[int, tuple[Decimal, ...]]:
    names = ", ".join(kind.numbers)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {names} FROM {kind.table} WHERE id = ANY(%s)", [list(ids)])  # noqa: S608
        return {number: values for number, *values in cursor.fetchall()}  # type: ignore[misc]


def to_micros(at: datetime) -> int:
    """Give an instant in PostgreSQL's microseconds."""
    return (at - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """Give the instant of PostgreSQL's microseconds."""
    return EPOCH + timedelta(microseconds=micros)
