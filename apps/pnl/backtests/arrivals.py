"""Read what becomes known of an input, from an instant on, in chunks.

Candles come in the order of their market's index: what occurred later is known no earlier than AHEAD before
that, so that is how far a chunk reaches. Items come in the order in which they became known, each version
that is the input's or takes the place of one that was.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import BooleanField, Case, Exists, OuterRef, Q, QuerySet, Value, When

from apps.ledgers.models.entry import KNOWN_AT
from apps.ledgers.querysets import AHEAD
from apps.pnl.backtests.newest import Found
from apps.pnl.backtests.reading import (
    CANDLES,
    LONG_AGO,
    MICROSECOND,
    Rows,
    Scope,
    read_from,
    read_newest,
    to_micros,
)
from apps.pnl.backtests.windows import Arrival
from apps.trading.algorithms.base import Input
from apps.trading.services.ledger_rows import COMMON, TABLES, Table

CANDLES_AT_ONCE = 5_000
FIRST = 500
"""Rows of a ledger that are looked through at once: few at first, since a worker goes on for seconds, then twice as many each time."""
ITEMS_AT_ONCE = 16_000
INSTANTS_AT_ONCE = 50_000


class CandleArrivals:
    """Candles of one market and interval; at first the newest that the input may show."""

    def __init__(self, wanted: Input, scope: Scope) -> None:
        self.wanted, self.scope = wanted, scope
        self.of = (wanted.of, wanted.detail)
        self._rows: Rows | None = None
        self._known: list[int] = []
        self._next = self._horizon = 0

    def until(self, now: datetime) -> Iterator[Arrival]:
        """Give what became known since the last call."""
        micros = to_micros(now)
        if self._rows is None:
            newest = read_newest(CANDLES, self.of, self.scope, now, self.wanted.count)
            is_full = len(newest) == self.wanted.count
            self._read(int(newest.occurred[0]) if is_full else to_micros(LONG_AGO))
        while True:
            known = bisect_right(self._known, micros)
            for place in range(self._next, known):
                yield self._arrival(place)
            self._next = max(self._next, known)
            if micros <= self._horizon or self._rows is None:
                return
            self._read(int(self._rows.occurred.max()) + 1)

    def _read(self, since: int) -> None:
        more = read_from(CANDLES, self.of, self.scope, since, CANDLES_AT_ONCE)
        rows = more if self._rows is None else self._rows[self._next :].then(more)
        rows = rows[np.argsort(rows.known, kind="stable")]
        self._rows, self._known, self._next = rows, rows.known.tolist(), 0
        self._horizon = (
            int(more.occurred.max()) - AHEAD // MICROSECOND if len(more) == CANDLES_AT_ONCE
            else to_micros(self.scope.until + timedelta(days=1))
        )  # fmt: skip

    def _arrival(self, place: int) -> Arrival:
        if self._rows is None:
            raise RuntimeError("nothing was read yet")
        found = Found.of(self._rows, place)
        coin, interval = self.of
        values = {"id": found.id, "origin": found.origin, "occurred_at": found.occurred_at, "coin_type": coin,
                  "interval": interval} | dict(zip(CANDLES.numbers, found.numbers, strict=True))  # fmt: skip
        return Arrival(found.id, TABLES[self.wanted.series].row(values, found.known_at))


class ItemArrivals:
    """Versions of items; at first the newest of each that the input shows."""

    def __init__(self, wanted: Input, scope: Scope) -> None:
        self.wanted, self.scope = wanted, scope
        self.table: Table = TABLES[wanted.series]
        self._chunk: list[dict[str, Any]] | None = None
        self._next = 0
        self._is_all = False
        self._size = min(FIRST, ITEMS_AT_ONCE)
        self._last: tuple[datetime, int] = (LONG_AGO, 0)
        """The last row of the ledger that was looked through."""

    def until(self, now: datetime) -> Iterator[Arrival]:
        """Give what became known since the last call."""
        if self._chunk is None:
            for values in self._known_at(now):
                yield self._arrival(values)
            self._last = now, self.scope.top
            self._read()
        while self._chunk is not None:
            while self._next < len(self._chunk) and self._chunk[self._next]["known"] <= now:
                yield self._arrival(self._chunk[self._next])
                self._next += 1
            if self._next < len(self._chunk) or self._is_all or self._last[0] > now:
                return
            self._read()

    def newest_at(self, now: datetime) -> datetime | None:
        """Give when the newest of the input's rows occurred that were known at `now`, however old it is."""
        known = known_at(self.table.model, self.scope, now).filter(**self.table.about(self.wanted))
        return known.order_by("-occurred_at").values_list("occurred_at", flat=True).first()

    def _known_at(self, now: datetime) -> "QuerySet[Any, dict[str, Any]]":
        known = known_at(self.table.model, self.scope, now)
        later = known.filter(collector=OuterRef("collector"), item=OuterRef("item"), id__gt=OuterRef("id"))
        shown = known.filter(~Exists(later), **self.table.about(self.wanted))
        if self.wanted.within is not None:
            shown = shown.filter(occurred_at__gte=now - self.wanted.within)
        else:
            shown = shown.order_by("-occurred_at", "-id")
        rows = self._selected(shown)
        return rows if self.wanted.within is not None else rows[: self.wanted.count]

    def _read(self) -> None:
        every = known_rows(self.table.model, self.scope)
        sibling = every.filter(
            collector=OuterRef("collector"), item=OuterRef("item"), **self.table.about(self.wanted)
        )
        # So many rows of the ledger, whether they are the input's or not: else a rare coin would cost all of it.
        ahead = every.filter(_after(*self._last)).order_by("known", "id")
        edge = ahead.values_list("known", "id")[self._size - 1 : self._size].first()
        if edge:
            ahead = ahead.filter(Q(known__lte=edge[0]) & (Q(known__lt=edge[0]) | Q(id__lte=edge[1])))
        self._chunk, self._next = list(self._selected(ahead.filter(Exists(sibling)))), 0
        self._is_all, self._last = edge is None, edge or self._last
        self._size = min(2 * self._size, ITEMS_AT_ONCE)

    def _selected(self, rows: "QuerySet[Any]") -> "QuerySet[Any, dict[str, Any]]":
        its_own = Case(
            When(**self.table.about(self.wanted), then=Value(True)), default=Value(False), output_field=BooleanField()
        )  # fmt: skip
        columns = {*COMMON, *self.table.columns, "collector_id", "item"}
        selected: QuerySet[Any, dict[str, Any]] = rows.annotate(is_own=its_own).values(
            *columns, "known", "is_own"
        )
        return selected

    def _arrival(self, values: dict[str, Any]) -> Arrival:
        row = self.table.row(values, values["known"]) if values["is_own"] else None
        return Arrival(values["id"], row, (values["collector_id"], values["item"]))


class Freshness:
    """When the newest entry of a whole ledger occurred, as was known at instants that only rise."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self.table, self.scope = table, scope
        self._chunk: list[tuple[datetime, datetime, int]] | None = None
        self._next = 0
        self._is_all = False
        self._size = min(FIRST, INSTANTS_AT_ONCE)
        self._newest: datetime | None = None

    def at(self, now: datetime) -> datetime | None:
        """Give the instant; None while nothing was known."""
        if self._chunk is None:
            before = known_at(self.table.model, self.scope, now)
            self._newest = before.order_by("-occurred_at").values_list("occurred_at", flat=True).first()
            self._read(_after(now, self.scope.top))
        while self._chunk is not None:
            while self._next < len(self._chunk) and self._chunk[self._next][0] <= now:
                at = self._chunk[self._next][1]
                self._newest = max(self._newest or at, at)
                self._next += 1
            if self._next < len(self._chunk) or self._is_all:
                break
            known, _, number = self._chunk[-1]
            self._read(_after(known, number))
        return self._newest

    def _read(self, after: Q) -> None:
        rows = known_rows(self.table.model, self.scope).filter(after).order_by("known", "id")
        self._chunk = list(rows.values_list("known", "occurred_at", "id")[: self._size])
        self._next, self._is_all = 0, len(self._chunk) < self._size
        self._size = min(2 * self._size, INSTANTS_AT_ONCE)


def _after(at: datetime, number: int) -> Q:
    """Select what became known after a row; the first condition is the one that an index is read from."""
    return Q(known__gte=at) & (Q(known__gt=at) | Q(id__gt=number))


def known_rows(model: Any, scope: Scope) -> "QuerySet[Any]":
    """Select a table's rows that a backtest may see, each with when it became `known`."""
    rows: QuerySet[Any] = model.objects.annotate(known=KNOWN_AT)
    return rows.filter(known__lte=scope.until, id__lte=scope.top)


def known_at(model: Any, scope: Scope, now: datetime) -> "QuerySet[Any]":
    """Select those that were known at `now`; by `occurred_at` too, so that its index finds them."""
    return known_rows(model, scope).filter(known__lte=now, occurred_at__lte=now + AHEAD)
