"""Keep the rows of one input as they become known, no more of them than it declares; pure but for its types."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from apps.trading.algorithms.base import Input, Series
from apps.trading.algorithms.rows import Row

MARKETS = (Series.PRICE, Series.CANDLES)
"""Series whose rows are never restated."""
Item = tuple[str, str]
"""Who says it, and what they call it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A row that became known; of an item, a version of it, which may no longer be the input's (None)."""

    id: int
    row: Row | None
    item: tuple[str, str] | None = None


class Arrivals(Protocol):
    """What becomes known of an input, in the order in which it does."""

    def until(self, now: datetime) -> Iterator[Arrival]:
        """Give what became known since the last call."""


class Window:
    """An input's rows at instants that only rise, oldest first."""

    def __init__(self, wanted: Input, arrivals: Arrivals) -> None:
        self.wanted, self._arrivals = wanted, arrivals
        self._is_item = wanted.series not in MARKETS
        self._rows: list[tuple[datetime, int, Row, Item | None]] = []
        self._versions: dict[Item, tuple[int, datetime | None]] = {}
        """The newest version of each item, and when it occurred if it is among the rows."""
        self._shown: tuple[Row, ...] | None = None
        self.newest_at: datetime | None = None
        """When the newest row ever occurred, also one that is too old to show."""

    def move(self, now: datetime) -> None:
        """Go on to `now`."""
        for arrival in self._arrivals.until(now):
            self._take(arrival)
        self._trim(now)

    def rows(self, now: datetime) -> Sequence[Row]:
        """Give what the input shows at `now`, to which it was moved."""
        if self._shown is None:
            since = now - self.wanted.within if self.wanted.within is not None else None
            kept = [row for at, _, row, _ in self._rows if since is None or at >= since]
            self._shown = tuple(kept[-self.wanted.count :])
        return self._shown

    def _take(self, arrival: Arrival) -> None:
        row, item = arrival.row, arrival.item
        if item is not None:
            number, at = self._versions.get(item, (0, None))
            if number > arrival.id:
                return
            if at is not None:
                del self._rows[bisect_left(self._rows, (at, number))]  # type: ignore[type-var]
            self._versions[item] = arrival.id, row.occurred_at if row else None
        if row is not None:
            insort(self._rows, (row.occurred_at, arrival.id, row, item))  # type: ignore[type-var]
            self.newest_at = max(self.newest_at or row.occurred_at, row.occurred_at)
        self._shown = None

    def _trim(self, now: datetime) -> None:
        """Drop what can never be shown again: too old, or, of what is never restated, beyond the count."""
        within = self.wanted.within
        if within is not None:
            self._shown = None
        if not self._is_item:
            gone = max(0, len(self._rows) - self.wanted.count)
        else:
            gone = bisect_left(self._rows, (now - within,)) if within is not None else 0  # type: ignore[type-var]
        if gone:
            for *_, item in self._rows[:gone]:
                if item is not None:
                    del self._versions[item]
            del self._rows[:gone]
            self._shown = None
