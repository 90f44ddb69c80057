"""Settling by arrays of integers: the same, to the last digit, as booking one by one with Decimals."""

import time
from collections.abc import Iterator
from decimal import Decimal as D
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.pnl import exact, fifo, shares
from ohmycoins.core.money import AUD_STEP

Match = tuple[int, int, int, int, int]
"""Closing, lot, quantity, cost, proceeds."""
Left = list[tuple[int, int]]
"""Of each entry, quantity and amount."""


class Entry(NamedTuple):
    comes: bool
    quantity: int
    amount: int
    book: int = exact.MANUAL
    coin: int = 0
    at_cost: bool = False


def settle(entries: list[Entry], kind: type = np.int64) -> tuple[Left, list[Match]]:
    def column(name: str, kind: type = np.int64) -> np.ndarray:
        return np.array([getattr(entry, name) for entry in entries], kind)

    settlement = exact.settle(
        exact.Entries(
            column("coin"), column("book"), column("comes", bool), column("at_cost", bool),
            column("quantity", kind), column("amount", kind),
        )
    )  # fmt: skip
    left = zip(settlement.left_quantity.tolist(), settlement.left_amount.tolist(), strict=True)
    return list(left), sorted(zip(*(column.tolist() for column in settlement[2:]), strict=True))


def book_one_by_one(entries: list[Entry]) -> tuple[Left, list[Match]]:
    """Do the same with `fifo` and Decimals, a unit being a coin."""
    open_lots: dict[int, dict[int, fifo.OpenLot]] = {}
    left, matches = [(0, 0)] * len(entries), []
    for now, entry in enumerate(entries):
        lots = open_lots.setdefault(entry.coin, {})
        book, amount = entry.book or None, entry.amount * AUD_STEP
        if entry.comes:
            lots[now] = fifo.OpenLot(now, book, D(entry.quantity), amount)
            continue
        closing = fifo.match(D(entry.quantity), amount, fifo.lots_for(book, list(lots.values())))
        left[now] = (int(closing.unmatched_quantity), units(closing.unmatched_proceeds))
        for part in closing.slices:
            lot = lots.pop(part.lot.id)
            proceeds = part.cost if entry.at_cost else part.proceeds
            matches.append((now, lot.id, int(part.quantity), units(part.cost), units(proceeds)))
            if part.quantity < lot.remaining_quantity:
                lots[lot.id] = fifo.OpenLot(
                    lot.id, lot.book, lot.remaining_quantity - part.quantity, lot.remaining_cost - part.cost
                )
                open_lots[entry.coin] = lots = dict(sorted(lots.items()))
    for lots in open_lots.values():
        for lot in lots.values():
            left[lot.id] = (int(lot.remaining_quantity), units(lot.remaining_cost))
    return left, sorted(matches)


def units(amount: D) -> int:
    return int(amount / AUD_STEP)


@pytest.fixture(autouse=True, params=[(0, 4), (48, 1 << 17)], ids=["arrays only", "as it is"])
def sizes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run every test with so few entries that only loops would run, and with none of those."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shares, "FEW", request.param[0])
        patch.setattr(exact, "GROUP", request.param[1])
        yield


@pytest.mark.parametrize(
    ("entries", "left", "matches"),
    [
        # A third of 100 is rounded, the last slice takes what is left; on a tie the even one is taken.
        (
            [Entry(True, 3, 100), Entry(False, 1, 50), Entry(False, 2, 50)],
            [(0, 0), (0, 0), (0, 0)],
            [(1, 0, 1, 33, 50), (2, 0, 2, 67, 50)],
        ),
        ([Entry(True, 2, 5), Entry(False, 1, 0)], [(1, 3), (0, 0)], [(1, 0, 1, 2, 0)]),
        ([Entry(True, 2, 7), Entry(False, 1, 0)], [(1, 3), (0, 0)], [(1, 0, 1, 4, 0)]),
        # A fee above the value leaves less than nothing to share.
        (
            [Entry(True, 1, 1), Entry(True, 1, 1), Entry(False, 2, -5)],
            [(0, 0), (0, 0), (0, 0)],
            [(2, 0, 1, 1, -2), (2, 1, 1, 1, -3)],
        ),
        # Coins beyond the lots are unexplained for good: a later purchase does not make up for them.
        (
            [Entry(True, 1, 10), Entry(False, 4, 100), Entry(True, 5, 50), Entry(False, 2, 30)],
            [(0, 0), (3, 75), (3, 30), (0, 0)],
            [(1, 0, 1, 10, 25), (3, 2, 2, 20, 30)],
        ),
        # An algorithm takes its own lots only; a person the manual ones first, then the oldest.
        (
            [Entry(True, 1, 10, 7), Entry(True, 1, 20), Entry(False, 2, 60), Entry(False, 1, 9, 8)],
            [(0, 0), (0, 0), (0, 0), (1, 9)],
            [(2, 0, 1, 10, 30), (2, 1, 1, 20, 30)],
        ),
        # What is sent leaves at its cost; what no lot explains of it brings nothing.
        (
            [Entry(True, 2, 10), Entry(False, 1, 0, at_cost=True), Entry(False, 4, 0, at_cost=True)],
            [(0, 0), (0, 0), (3, 0)],
            [(1, 0, 1, 5, 5), (2, 0, 1, 5, 5)],
        ),
        # Coins do not mix.
        ([Entry(True, 1, 10), Entry(False, 1, 10, coin=1)], [(1, 10), (1, 10)], []),
        ([], [], []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [np.int64, object])
def test_closings_take_lots_first_in_first_out(
    kind: type, entries: list[Entry], left: Left, matches: list[Match]
) -> None:
    assert settle(entries, kind) == (left, matches)


def histories(quantities: int, amounts: int) -> st.SearchStrategy[list[Entry]]:
    """Draw entries of a few coins and books, in any order and with sales beyond what is held."""
    entry = st.builds(
        Entry,
        comes=st.booleans(),
        quantity=st.integers(1, quantities),
        amount=st.integers(0, amounts),
        book=st.sampled_from([exact.MANUAL, exact.MANUAL, 5, 7]),
        coin=st.integers(0, 2),
        at_cost=st.sampled_from([False, False, False, True]),
    )
    return st.lists(entry.map(lambda one: sane(one, fee=amounts // 8)), min_size=1, max_size=40).map(
        lambda many: sorted(many, key=lambda one: one.coin)
    )


def sane(entry: Entry, *, fee: int) -> Entry:
    if entry.comes:
        return entry._replace(at_cost=False)
    return entry._replace(amount=0 if entry.at_cost else entry.amount - fee)


SAME = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SAME
@given(
    entries=st.one_of(
        histories(5, 20),  # ties, and lots that end with a sale
        histories(10**12, 10**14),  # 10,000 coins, a million AUD
        histories(2**50, 2**54),
        histories(10**9, 3),  # prices of less than the smallest amount
    )
)
def test_settled_by_arrays_as_booked_one_by_one(entries: list[Entry]) -> None:
    assert settle(entries) == book_one_by_one(entries)


@SAME
@given(entries=st.one_of(histories(2**57, 2**62), histories(2**61, 10), histories(2**52, 2**59)))
def test_numbers_near_and_beyond_the_bounds_are_exact(entries: list[Entry]) -> None:
    assert settle(entries) == book_one_by_one(entries)


@SAME
@given(entries=histories(10**30, 10**30))
def test_numbers_of_any_size_are_exact(entries: list[Entry]) -> None:
    """Such are quantities of 18 decimals above nine coins."""
    assert settle(entries, object) == book_one_by_one(entries)


@SAME
@given(amount=st.integers(2**57, 2**60 - 1), whole=st.integers(3, 2**48 - 1), data=st.data())
def test_shares_of_the_largest_amounts_are_exact(amount: int, whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(1, whole - 1))
    entries = [Entry(True, whole, amount), Entry(False, part, amount - 1)]
    assert settle(entries) == book_one_by_one(entries)


@pytest.mark.parametrize("lots_are_many", [True, False])
def test_many_slices_of_one_cost_no_more_than_of_many(lots_are_many: bool) -> None:
    """A lot cut in 100,000 slices takes well under a second; quadratic, it would take minutes."""
    many = np.arange(1, 100_001)
    total = int(many.sum())
    first, last = (many, [total]) if lots_are_many else ([total + 1], many)
    quantity = np.concatenate((first, last))
    zeros = np.zeros(len(quantity), np.int64)
    comes = np.arange(len(quantity)) < len(first)
    began = time.process_time()
    found = exact.settle(exact.Entries(zeros, zeros, comes, comes & False, quantity, quantity * 10**8))
    assert time.process_time() - began < 5
    assert (len(found.lot), found.cost.sum(), found.proceeds.sum()) == (100_000, total * 10**8, total * 10**8)
    assert (found.cost == found.quantity * 10**8).all()
