"""Find the newest row of a market at any instant, in rows that are read as time goes on.

A row counts from when it became known, and of those the one that occurred last is the newest, also when an
older one is recorded after it. What can no longer be the newest is dropped: memory does not grow with time.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from apps.ledgers.querysets import AHEAD
from apps.pnl.backtests.reading import (
    LONG_AGO,
    MICROSECOND,
    ORIGINS,
    Kind,
    Rows,
    Scope,
    from_micros,
    read_from,
    read_newest,
    to_micros,
)

FIRST, CHUNK = 1_000, 16_000
"""Rows of a market that are read at once: few at first, since a worker goes on for seconds, then twice as many each time."""


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a market: its times are UTC, its numbers those of its kind."""

    id: int
    origin: str
    occurred_at: datetime
    known_at: datetime
    numbers: tuple[Decimal, ...]

    @classmethod
    def of(cls, rows: Rows, place: int) -> "Found":
        return cls(
            int(rows.id[place]), ORIGINS[rows.origin[place]], from_micros(int(rows.occurred[place])),
            from_micros(int(rows.known[place])), rows.numbers(place),
        )  # fmt: skip


class Newest:
    """The newest row of one market, at instants that only rise."""

    def __init__(self, kind: Kind, of: tuple[str, ...], scope: Scope) -> None:
        self.kind, self.of, self.scope = kind, of, scope
        self._rows: Rows | None = None
        self._known: list[int] = []
        self._best: list[int] = []
        """Which row is the newest once so many of them are known, less one."""
        self._horizon = 0
        """Until when everything that was known has been read."""
        self._chunk = min(FIRST, CHUNK)
        self._last: tuple[int, Found | None] = (-1, None)

    def at(self, now: datetime) -> Found | None:
        """Give the row that was the newest at `now`."""
        micros = to_micros(now)
        if self._rows is None:
            self._begin(now)
        while micros > self._horizon:
            self._read_on(micros)
        known = bisect_right(self._known, micros)
        if not known or self._rows is None:
            return None
        best = self._best[known - 1]
        if best != self._last[0]:
            self._last = best, Found.of(self._rows, best)
        return self._last[1]

    def _begin(self, now: datetime) -> None:
        newest = read_newest(self.kind, self.of, self.scope, now, 1)
        since = int(newest.occurred[0]) if len(newest) else to_micros(LONG_AGO)
        self._take(read_from(self.kind, self.of, self.scope, since, self._chunk))

    def _read_on(self, micros: int) -> None:
        """Read the next rows, and drop those that are older than the newest known by `micros`."""
        rows = self._rows
        if rows is None:
            raise RuntimeError("nothing was read yet")
        known = bisect_right(self._known, micros)
        if known:
            rows = rows[rows.occurred >= rows.occurred[self._best[known - 1]]]
        since = int(rows.occurred.max()) + 1
        self._chunk = min(2 * self._chunk, CHUNK)
        self._take(read_from(self.kind, self.of, self.scope, since, self._chunk), rows)

    def _take(self, more: Rows, before: Rows | None = None) -> None:
        is_all = len(more) < self._chunk
        rows = before.then(more) if before else more
        rows = rows[np.argsort(rows.known, kind="stable")]
        leading = np.maximum.accumulate(rows.occurred)
        changes = np.flatnonzero(rows.occurred == leading)  # an instant occurs once in a market
        best = np.repeat(changes, np.diff(np.append(changes, len(rows))))
        self._rows, self._known, self._best, self._last = rows, rows.known.tolist(), best.tolist(), (-1, None)
        # A row that was not read occurred later, and is known no more than AHEAD before that.
        self._horizon = (
            to_micros(self.scope.until + timedelta(days=1)) if is_all
            else int(rows.occurred.max()) - AHEAD // MICROSECOND
        )  # fmt: skip


class Looked:
    """The same, looked up at each instant: for instants that lie far apart."""

    def __init__(self, kind: Kind, of: tuple[str, ...], scope: Scope) -> None:
        self.kind, self.of, self.scope = kind, of, scope

    def at(self, now: datetime) -> Found | None:
        """Give the row that was the newest at `now`."""
        rows = read_newest(self.kind, self.of, self.scope, now, 1)
        return Found.of(rows, 0) if len(rows) else None
