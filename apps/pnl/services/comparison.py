"""Compare the stored rows of a book with what was computed, in arrays, some rows at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from apps.pnl.exact import MANUAL, Flag
from apps.pnl.services.columns import (
    CLOSINGS,
    LEDGERS,
    LOTS,
    MATCHES,
    POSITIONS,
    RESULTS,
    TOTALS,
    Query,
    Scope,
    read,
    read_all,
)  # fmt: skip
from apps.pnl.services.differences import Differences
from apps.pnl.shares import Index
from apps.pnl.tally import EPOCH, Book, Columns, Places, spread


@dataclass(frozen=True, slots=True)
class _Stored:
    """The ids of stored lots or closings, and the entries that they are of; -1 is none."""

    ids: Places
    entries: Index

    def entry_of(self, ids: Index) -> Index:
        of: Index = np.append(self.entries, -1)[self.ids.of(ids)]
        return of


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compare the stored rows of the coins in scope with their computed book."""

    book: Book
    scope: Scope
    differences: Differences

    def run(self) -> None:
        """Compare lots, closings, matches, positions and days."""
        comes = self.book.entries["comes"]
        lots = self._compare_entries("lot", LOTS, self._expected_lots, comes)
        closings = self._compare_entries("closing", CLOSINGS, self._expected_closings, ~comes)
        self._compare_matches(lots, closings)
        self._compare_positions()
        self._compare_results()

    def _compare_entries(
        self, what: str, query: Query, expect: Callable[[Index], Columns], due: Flag
    ) -> _Stored:
        """Compare rows of which each entry that is `due` has one."""
        entries, seen = self.book.entries, np.zeros(len(due), bool)
        places = Places(entries["source"])
        ids, positions = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for stored in read(query, self.scope):
            at = places.of(stored["source"])
            at = np.where(np.append(due, False)[at], at, -1)
            ids.append(stored["id"])
            positions.append(at)
            rows, at = self._known(stored, at, f"{what} #{{id}}")
            self._compare(query, rows, expect(at), f"{what} of {{}}", at)
            seen[at] = True
        gone = np.flatnonzero(due & ~seen)
        self.differences.missing(entries["coin"][gone], lambda row: f"{what} of {self._source(gone[row])}")
        return _Stored(Places(np.concatenate(ids)), np.concatenate(positions))

    def _compare_matches(self, lots: _Stored, closings: _Stored) -> None:
        matches, entries = self.book.settlement, self.book.entries
        length, seen = len(entries["coin"]), np.zeros(len(matches.lot), bool)
        places = Places(matches.closing * length + matches.lot)
        for stored in read(MATCHES, self.scope):
            closing, lot = closings.entry_of(stored["closing"]), lots.entry_of(stored["lot"])
            at = places.of(np.where((closing >= 0) & (lot >= 0), closing * length + lot, -1))
            rows, at = self._known(stored, at, "match of closing #{closing} and lot #{lot}")
            closing, lot = matches.closing[at], matches.lot[at]
            expected = {name: entries[name][lot] for name in ("coin", "book", "ledger")} | {
                "acquired_at": entries["at"][lot],
                "disposed_at": entries["at"][closing],
                "quantity": matches.quantity[at],
                "cost": matches.cost[at],
                "proceeds": matches.proceeds[at],
            }
            self._compare(MATCHES, rows, expected, "match of {} and {}", closing, lot)
            seen[at] = True
        closing, lot = matches.closing[~seen], matches.lot[~seen]
        self.differences.missing(
            entries["coin"][closing],
            lambda row: f"match of {self._source(closing[row])} and {self._source(lot[row])}",
        )

    def _compare_positions(self) -> None:
        keys, stored = self.book.keys, read_all(POSITIONS, self.scope)
        day = np.full(len(stored["coin"]), keys.first_day)
        key = keys.of(stored["coin"], stored["book"], stored["ledger"], day)
        # Both are told apart by the key of their first day, so that a key says what it is.
        computed = self.book.positions | {"key": self.book.positions["key"] * keys.days}
        rows, key = self._known(stored, key, "position")
        compare_sums(
            self.differences, POSITIONS, self.scope.places, rows | {"key": key}, computed, keys.coin_of,
            lambda key: f"position, {self._book(key)}",
        )  # fmt: skip

    def _compare_results(self) -> None:
        keys, stored = self.book.keys, read_all(RESULTS, self.scope)
        key = keys.of(stored["coin"], stored["book"], stored["ledger"], stored["day"])
        rows, key = self._known(stored, key, "day")
        compare_sums(
            self.differences, RESULTS, self.scope.places, rows | {"key": key}, self.book.results, keys.coin_of,
            lambda key: f"{date_of(keys.day_of(key))}, {self._book(key)}",
        )  # fmt: skip

    def _known(self, stored: Columns, at: Index, what: str) -> tuple[Columns, Index]:
        """Note the rows that nothing explains, with -1, and give the others with their places."""
        if (at >= 0).all():
            return stored, at
        stray = {name: column[at < 0] for name, column in stored.items()}
        self.differences.surplus(
            stray["coin"], lambda row: what.format(**{name: column[row] for name, column in stray.items()})
        )
        return {name: column[at >= 0] for name, column in stored.items()}, at[at >= 0]

    def _compare(self, query: Query, rows: Columns, expected: Columns, what: str, *entries: Index) -> None:
        self.differences.compare(
            query, self.scope.places, rows["coin"], rows, expected,
            lambda row: what.format(*(self._source(at[row]) for at in entries)),
        )  # fmt: skip

    def _expected_lots(self, at: Index) -> Columns:
        entries, settlement = self.book.entries, self.book.settlement
        return self._traded(at) | {
            "acquired_at": entries["at"][at],
            "remaining_quantity": settlement.left_quantity[at],
            "cost": entries["value"][at] + entries["fee"][at],
            "remaining_cost": settlement.left_amount[at],
        }

    def _expected_closings(self, at: Index) -> Columns:
        settlement = self.book.settlement
        return self._traded(at) | {
            "closed_at": self.book.entries["at"][at],
            "unmatched_quantity": settlement.left_quantity[at],
            "unmatched_proceeds": settlement.left_amount[at],
            "proceeds": self.book.closed["proceeds"][at],
            "cost": self.book.closed["cost"][at],
        }

    def _traded(self, at: Index) -> Columns:
        entries = self.book.entries
        same = {name: entries[name][at] for name in ("coin", "book", "ledger", "quantity")}
        return same | {"fee_aud": entries["fee"][at]}

    def _source(self, entry: int) -> str:
        source = int(self.book.entries["source"][entry])
        return f"fill {source}" if source > 0 else f"movement {-source}"

    def _book(self, key: int) -> str:
        book, ledger = self.book.keys.book_of(key)
        name = "by hand" if book == MANUAL else f"algorithm {book}"
        return f"{name} on {LEDGERS[ledger]}" if LEDGERS[ledger] else name


def compare_totals(totals: Columns, scope: Scope, differences: Differences) -> None:
    """Compare the account's days, which have `day` as their key."""
    stored = read_all(TOTALS, scope)
    compare_sums(
        differences, TOTALS, scope.places, stored | {"key": stored["day"]}, totals, np.zeros_like,
        lambda day: f"{date_of(day)}, all coins",
    )  # fmt: skip


def compare_sums(
    differences: Differences,
    query: Query,
    places: int,
    stored: Columns,
    computed: Columns,
    coin_of: Callable[[Index], Index],
    label: Callable[[int], str],
) -> None:
    """Compare rows by key; a row of zeros may as well not be there."""
    keys = np.union1d(stored["key"], computed["key"])
    coin = coin_of(keys)
    for name in computed:  # one by one: there may be many days
        if name == "key":
            continue
        differences.compare(
            query, places, coin,
            {name: spread(keys, stored["key"], stored[name])}, {name: spread(keys, computed["key"], computed[name])},
            lambda row: label(int(keys[row])),
        )  # fmt: skip


def date_of(day: int) -> str:
    return f"{EPOCH + timedelta(days=day):%Y-%m-%d}"
