"""Settle whole books at once from arrays of integers, to check what was booked one by one; pure.

An independent second computation: it shares no code with `fifo`, only its rules (docs/money.md). It is
fast because an audit should cost what reading a million fills costs, not what matching them does.

The choice. First in, first out means that a book's sales take its coins in the order in which they
were bought. So on a line on which every lot has its stretch and every sale, cut to the coins held at
the time, has its own, the matches are the overlaps: two binary searches for all coins at once.

A manual sale that runs out of manual lots takes the algorithms'. A coin where that happens goes
through a loop over Python's integers, as does one whose numbers are beyond the bounds of `shares`.
How a match is rounded, and why that is exact, is there.

Declined: the loop for all (seven times slower), and cutting lots at every sale with a running state
(a loop again).
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apps.pnl.shares import MOST, MOST_PRODUCT, Index, round_share, share_out

Whole = NDArray[Any]
"""Integers: int64, or Python's own in an array of objects."""
Flag = NDArray[np.bool_]

MANUAL = 0
GROUP = 1 << 17
"""Entries settled at once, so that memory does not grow with an account."""


@dataclass(frozen=True, slots=True)
class Entries:
    """What came and what went, coin by coin and in FIFO order within a coin; one element for each."""

    coin: Index
    """Numbers that do not fall."""
    book: Index
    """The algorithm; MANUAL is a person."""
    comes: Flag
    """Whether the coins come: the entry is a lot. Otherwise it closes lots."""
    at_cost: Flag
    """Whether coins that go are sent, not sold: they leave at their cost."""
    quantity: Whole
    """Above zero, in one unit for each coin."""
    amount: Whole
    """What a lot cost with its fee, or what a sale brought without it; 0 for coins sent."""

    def __len__(self) -> int:
        return len(self.coin)

    def __getitem__(self, at: slice | Index) -> "Entries":
        return Entries(*(getattr(self, field.name)[at] for field in fields(self)))


class Settlement(NamedTuple):
    """What entries come to. The slices of a closing stand together, in the order they were taken."""

    left_quantity: Whole
    """For each entry: what is left of a lot, or what no lot explains of a closing."""
    left_amount: Whole
    """The cost of that, or its share of the proceeds."""
    closing: Index
    """For each match, the position of the entry that closed …"""
    lot: Index
    """… and of the lot's entry."""
    quantity: Whole
    cost: Whole
    proceeds: Whole


def settle(entries: Entries) -> Settlement:
    """Match all closings with the lots they close.

    Entries of int64 give int64; entries whose numbers are Python's give such.
    """
    parts = []
    for group in _groups(entries):
        looped = _needs_loop(entries[group])
        for settle_some, chosen in ((_settle_by_arrays, ~looped), (_settle_by_loop, looped)):
            if chosen.any():
                at = np.flatnonzero(chosen) + group.start
                parts.append((at, settle_some(entries[at])))
    return _join(parts, entries)


def _join(parts: list[tuple[Index, Settlement]], entries: Entries) -> Settlement:
    quantity, amount = np.empty_like(entries.quantity), np.empty_like(entries.amount)
    for at, part in parts:
        quantity[at], amount[at] = part.left_quantity, part.left_amount
    columns = [[at[part.closing], at[part.lot], *part[4:]] for at, part in parts]
    if not columns:
        none = np.empty(0, np.int64)
        columns = [[none, none, quantity, quantity, quantity]]
    return Settlement(quantity, amount, *(np.concatenate(column) for column in zip(*columns, strict=True)))


def _groups(entries: Entries) -> Iterator[slice]:
    """Cut between coins, after GROUP entries or before their quantities could add up to 2^62."""
    if not len(entries):
        return
    starts = _starts(entries.coin)
    volume = np.add.reduceat(entries.quantity.astype(np.float64), starts)
    before = np.cumsum(volume) - volume
    group = np.column_stack((starts // GROUP, before // (2 * MOST)))
    first = starts[np.flatnonzero(np.append(True, (group[1:] != group[:-1]).any(axis=1)))]
    for start, stop in zip(first, np.append(first[1:], len(entries)), strict=True):
        yield slice(int(start), int(stop))


def _needs_loop(entries: Entries) -> Flag:
    """Tell which entries are of a coin that the arrays cannot settle."""
    if entries.quantity.dtype == object:
        return np.ones(len(entries), bool)
    starts = _starts(entries.coin)
    volume = np.add.reduceat(entries.quantity.astype(np.float64), starts)
    largest = np.maximum.reduceat(np.abs(entries.amount.astype(np.float64)), starts)
    beyond = (volume >= MOST) | (largest >= MOST) | (volume * largest >= MOST_PRODUCT)
    looped: Flag = np.repeat(beyond, np.diff(np.append(starts, len(entries))))
    looped |= np.isin(entries.coin, _drawing_across(entries[np.flatnonzero(~looped)]))
    return looped


def _drawing_across(entries: Entries) -> Index:
    """Give the coins where a manual closing goes beyond the manual lots, and algorithms have some."""
    foreign: Index = entries.coin[(entries.book != MANUAL) & entries.comes]
    if not len(foreign):
        return foreign
    manual = entries[np.flatnonzero((entries.book == MANUAL) & np.isin(entries.coin, foreign))]
    new = changes(manual.coin)
    change = np.where(manual.comes, manual.quantity, -manual.quantity)
    short = _unexplained(change, np.flatnonzero(new), np.cumsum(new) - 1) > 0
    drawing: Index = manual.coin[short]
    return drawing


def _settle_by_arrays(entries: Entries) -> Settlement:
    order = np.lexsort((entries.book, entries.coin))
    entries = entries[order]
    quantity, amount, comes = entries.quantity, entries.amount, entries.comes
    new = changes(entries.coin) | changes(entries.book)
    start, book = np.flatnonzero(new), np.cumsum(new) - 1
    bought = np.where(comes, quantity, 0)
    taken = quantity - bought
    taken -= _unexplained(bought - taken, start, book)
    lot_end, sale_end = np.cumsum(bought), np.cumsum(taken)
    sale_end += ((lot_end - bought)[start] - (sale_end - taken)[start])[book]
    lots, sales = np.flatnonzero(comes), np.flatnonzero(taken > 0)
    lot, sale, part = _overlaps(lot_end[lots], sale_end[sales], taken[sales])
    left_quantity, left_amount = np.empty_like(quantity), np.empty_like(amount)
    left_quantity[order], left_amount[order] = quantity, amount
    cost, left_quantity[order[lots]], left_amount[order[lots]] = share_out(
        amount[lots], quantity[lots], lot, part
    )
    proceeds, left_quantity[order[sales]], left_amount[order[sales]] = share_out(
        amount[sales], quantity[sales], sale, part
    )
    proceeds = np.where(entries.at_cost[sales[sale]], cost, proceeds)
    return Settlement(left_quantity, left_amount, order[sales[sale]], order[lots[lot]], part, cost, proceeds)


def _unexplained(change: Index, start: Index, book: Index) -> Index:
    """Give, for each entry, the coins that go beyond what its book holds by then.

    They are what a running sum falls below its lowest so far, zero at first. Each book's sum begins as
    far below the previous one's as that could have fallen, so one running minimum serves them all.
    """
    running = np.cumsum(change)
    sold = np.add.reduceat(np.where(change < 0, -change, 0), start)
    floor = sold - np.cumsum(sold)
    running += (floor - (running - change)[start])[book]
    lowest = np.minimum(np.minimum.accumulate(running), floor[book])
    previous = np.append(0, lowest[:-1])
    previous[start] = floor
    beyond: Index = previous - lowest
    return beyond


def _overlaps(lot_end: Index, sale_end: Index, taken: Index) -> tuple[Index, Index, Index]:
    """Give lot, sale and length of every stretch of the line that both a lot and a sale cover."""
    sale_of_lot_end = np.searchsorted(sale_end, lot_end)
    beyond = sale_of_lot_end == len(sale_end)
    sale_of_lot_end[beyond] = 0
    cuts = np.zeros(len(lot_end), bool)
    if len(sale_end):
        end = sale_end[sale_of_lot_end]
        cuts = ~beyond & (end - taken[sale_of_lot_end] < lot_end) & (lot_end < end)
    slices = 1 + np.bincount(sale_of_lot_end[cuts], minlength=len(sale_end))
    is_last = np.zeros(slices.sum(), bool)
    is_last[np.cumsum(slices) - 1] = True
    end, lot = np.empty(len(is_last), np.int64), np.empty(len(is_last), np.int64)
    end[is_last], end[~is_last] = sale_end, lot_end[cuts]
    lot[is_last], lot[~is_last] = np.searchsorted(lot_end, sale_end), np.flatnonzero(cuts)
    begin = np.append(0, end[:-1])
    begin[np.cumsum(slices) - slices] = sale_end - taken
    return lot, np.repeat(np.arange(len(sale_end)), slices), end - begin


def _settle_by_loop(entries: Entries) -> Settlement:
    left: list[int] = entries.quantity.tolist()
    amounts: list[int] = entries.amount.tolist()
    matches: list[tuple[int, int, int, int, int]] = []
    lots: dict[int, deque[int]] = {}
    coin = None
    columns = (entries.coin, entries.book, entries.comes, entries.at_cost)
    for now, (its_coin, book, comes, at_cost) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        if its_coin != coin:
            coin, lots = its_coin, {}
        if comes:
            lots.setdefault(book, deque()).append(now)
            continue
        while left[now] and (queue := _oldest(lots, book)):
            lot = queue[0]
            part = min(left[now], left[lot])
            cost = round_share(amounts[lot], part, left[lot])
            proceeds = round_share(amounts[now], part, left[now])
            matches.append((now, lot, part, cost, cost if at_cost else proceeds))
            left[now], left[lot] = left[now] - part, left[lot] - part
            amounts[now], amounts[lot] = amounts[now] - proceeds, amounts[lot] - cost
            if not left[lot]:
                queue.popleft()
    kind = entries.quantity.dtype
    closing, lot_of, *rest = zip(*matches, strict=True) if matches else ((),) * 5
    return Settlement(
        np.array(left, kind),
        np.array(amounts, kind),
        np.array(closing, np.int64),
        np.array(lot_of, np.int64),
        *(np.array(column, kind) for column in rest),
    )


def _oldest(lots: dict[int, deque[int]], book: int) -> deque[int] | None:
    """Give the queue whose first lot `book` closes next: its own, or for a person then any other."""
    if lots.get(book) or book != MANUAL:
        return lots.get(book)
    return min((queue for queue in lots.values() if queue), key=lambda queue: queue[0], default=None)


def _starts(coin: Index) -> Index:
    starts: Index = np.flatnonzero(changes(coin))
    return starts


def changes(numbers: Index) -> Flag:
    """Tell which numbers differ from the one before; the first does."""
    changed = np.ones(len(numbers), bool)
    changed[1:] = numbers[1:] != numbers[:-1]
    return changed
