"""Add up a settled book by day, coin, book and ledger, in arrays of exact integers; pure.

What `services.rollups` does in SQL and `services.book` fill by fill, a second time and in another way,
so that they can be checked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from apps.pnl.exact import Entries, Settlement, Whole, changes, settle
from apps.pnl.shares import Index

Columns = dict[str, NDArray[Any]]
IndexOrNumber = TypeVar("IndexOrNumber", int, Index)

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""What instants are microseconds and days are days from, as PostgreSQL keeps them."""
DAY = 86_400 * 10**6
SAFE = 2.0**62
SUMS = (
    "realized_pnl", "in_kind_aud", "buys", "sells", "buy_volume", "sell_volume", "fees",
    "sales", "winning_sales", "losing_sales", "profit", "loss", "largest_win", "largest_loss",
)  # fmt: skip
_MERGED: dict[str, Callable[..., Whole]] = {
    "largest_win": np.maximum.reduceat,
    "largest_loss": np.minimum.reduceat,
}


class Places:
    """Where each of some numbers, all different, stands among them."""

    def __init__(self, numbers: Index) -> None:
        self._order = np.append(np.argsort(numbers), -1)
        self._known = numbers[self._order[:-1]]

    def of(self, wanted: Index) -> Index:
        """Give the places; -1 for a number that is not there."""
        at: Index = self._order[find(self._known, wanted)]
        return at


@dataclass(frozen=True, slots=True)
class Keys:
    """Number the combinations of coin, book, ledger and day, in that order; -1 is one that cannot be."""

    coins: Index
    books: Index
    ledgers: int
    first_day: int
    days: int

    def of(self, coin: Index, book: Index, ledger: Index, day: Index) -> Index:
        its_coin, its_book = find(self.coins, coin), find(self.books, book)
        day = day - self.first_day
        possible = (its_coin >= 0) & (its_book >= 0) & (ledger >= 0) & (ledger < self.ledgers)
        possible &= (day >= 0) & (day < self.days)
        row = (its_coin * len(self.books) + its_book) * self.ledgers + ledger
        return np.where(possible, row * self.days + day, -1)

    def coin_of(self, key: Index) -> Index:
        coin: Index = self.coins[key // (self.days * self.ledgers * len(self.books))]
        return coin

    def book_of(self, key: int) -> tuple[int, int]:
        """Give book and ledger."""
        book, ledger = divmod(key // self.days, self.ledgers)
        return int(self.books[book % len(self.books)]), ledger

    def day_of(self, key: IndexOrNumber) -> IndexOrNumber:
        return key % self.days + self.first_day


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that the entries of some coins come to."""

    entries: Columns
    """source, coin, at, book, ledger, comes, paid, quantity, value, fee: one element for each entry."""
    settlement: Settlement
    closed: Columns
    """cost and proceeds of what each entry closed."""
    keys: Keys
    results: Columns
    """key and SUMS of each day of a coin in a book."""
    positions: Columns
    """key (without a day) and sums of each coin in a book."""


def compute(entries: Columns, *, timezone: str, ledgers: int) -> Book:
    """Settle the entries and add them up.

    A `source` above zero is a fill, of which `paid` says that cash was paid for it.
    """
    settlement = settle(as_entries(entries))
    day = local_days(entries["at"], timezone)
    first, last = (int(day.min()), int(day.max())) if len(day) else (0, 0)
    keys = Keys(np.unique(entries["coin"]), np.unique(entries["book"]), ledgers, first, last - first + 1)
    closed = {
        "cost": _by_closing(settlement.cost, settlement.closing, len(day)),
        "proceeds": _by_closing(settlement.proceeds, settlement.closing, len(day)),
    }
    results = _results(entries, settlement, closed, keys, day)
    positions = _positions(entries, settlement, results, keys)
    return Book(entries, settlement, closed, keys, results, positions)


def as_entries(entries: Columns) -> Entries:
    """Give what is settled: a lot costs its fee too, a sale brings less by it, what is sent brings nothing."""
    comes, fill = entries["comes"], entries["source"] > 0
    value, fee = entries["value"], entries["fee"]
    return Entries(
        coin=np.cumsum(changes(entries["coin"])), book=entries["book"], comes=comes, at_cost=~fill & ~comes,
        quantity=entries["quantity"], amount=np.where(comes, value + fee, np.where(fill, value - fee, 0)),
    )  # fmt: skip


def local_days(instants: Index, timezone: str) -> Index:
    """Give the day that each instant falls on in `timezone`.

    The zone is asked once for both ends of a day (UTC), and for each instant of a day between whose ends its
    offset changes.
    """
    zone = ZoneInfo(timezone)
    days, day_of = np.unique(instants // DAY, return_inverse=True)
    begins, ends = (
        np.array([_offset(int(day) * DAY, zone) for day in some], np.int64) for some in (days, days + 1)
    )
    offset = begins[day_of]
    for at in np.flatnonzero((begins != ends)[day_of]):
        offset[at] = _offset(int(instants[at]), zone)
    return (instants + offset) // DAY


def _offset(instant: int, zone: ZoneInfo) -> int:
    offset = (EPOCH + timedelta(microseconds=instant)).astimezone(zone).utcoffset()
    return (offset or timedelta()) // timedelta(microseconds=1)


def find(known: Index, wanted: Index) -> Index:
    """Give where each number stands among the `known`, which rise; -1 where it does not."""
    if not len(known):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, at, -1)


def group(key: Index, columns: dict[str, Callable[[], Whole]]) -> Columns:
    """Add columns up by key; the largest of `largest_win` and the least of `largest_loss` count."""
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(changes(key[order]))
    grouped: Columns = {"key": key[order][starts]}
    for name, column in columns.items():
        values = column()[order]
        grouped[name] = _MERGED.get(name, _add)(values, starts) if len(starts) else values
    return grouped


def _add(values: Whole, starts: Index) -> Whole:
    """Add runs of numbers up, as Python's integers if int64 might not hold a sum."""
    if values.dtype != object and np.abs(values.astype(np.float64)).sum() >= SAFE:
        values = values.astype(object)
    return np.add.reduceat(values, starts)


def _by_closing(amounts: Whole, closing: Index, length: int) -> Whole:
    starts = np.flatnonzero(changes(closing))
    total = np.zeros(length, amounts.dtype)
    if len(starts):
        sums = _add(amounts, starts)
        total = total.astype(sums.dtype)
        total[closing[starts]] = sums
    return total


def _results(entries: Columns, settlement: Settlement, closed: Columns, keys: Keys, day: Index) -> Columns:
    comes, fill = entries["comes"], entries["source"] > 0
    value, fee, paid = entries["value"], entries["fee"], entries["paid"]
    gain = closed["proceeds"] - closed["cost"]
    worth = np.where(fill, np.where(comes, value + fee, fee - value), np.where(comes, value, -closed["cost"]))
    sold = fill & ~comes & (settlement.left_quantity != entries["quantity"])
    key = keys.of(entries["coin"], entries["book"], entries["ledger"], day)
    results = group(key, {
        "in_kind_aud": lambda: np.where(paid, 0, worth),
        "buys": lambda: (fill & comes).astype(np.int64),
        "sells": lambda: (fill & ~comes).astype(np.int64),
        "buy_volume": lambda: np.where(fill & comes, value, 0),
        "sell_volume": lambda: np.where(fill & ~comes, value, 0),
        "fees": lambda: fee,
        "sales": lambda: sold.astype(np.int64),
        "winning_sales": lambda: (gain > 0).astype(np.int64),
        "losing_sales": lambda: (gain < 0).astype(np.int64),
        "profit": lambda: np.maximum(gain, 0),
        "loss": lambda: np.minimum(gain, 0),
        "largest_win": lambda: np.maximum(gain, 0),
        "largest_loss": lambda: np.minimum(gain, 0),
    })  # fmt: skip
    lot, closing = settlement.lot, settlement.closing
    key = keys.of(entries["coin"][lot], entries["book"][lot], entries["ledger"][lot], day[closing])
    earned = group(key, {"realized_pnl": lambda: settlement.proceeds - settlement.cost})
    return _outer(results, earned)


def _positions(entries: Columns, settlement: Settlement, results: Columns, keys: Keys) -> Columns:
    names = ("realized_pnl", "in_kind_aud", "fees", "sales")
    so_far = group(results["key"] // keys.days, {name: partial(results.__getitem__, name) for name in names})
    lots = np.flatnonzero(entries["comes"])
    first = np.full(len(lots), keys.first_day)
    held = group(
        keys.of(entries["coin"][lots], entries["book"][lots], entries["ledger"][lots], first) // keys.days,
        {"quantity": lambda: settlement.left_quantity[lots], "cost": lambda: settlement.left_amount[lots]},
    )
    return _outer(so_far, held)


def _outer(first: Columns, second: Columns) -> Columns:
    """Put the columns of two tables side by side by key, with zeros where a table has no row."""
    keys = np.union1d(first["key"], second["key"])
    return {"key": keys} | {
        name: spread(keys, table["key"], table[name])
        for table in (first, second)
        for name in table
        if name != "key"
    }


def spread(keys: Index, some: Index, values: Whole) -> Whole:
    """Place the values of `some` of the keys, which rise, among zeros for the others."""
    placed = np.zeros(len(keys), values.dtype)
    placed[np.searchsorted(keys, some)] = values
    return placed
