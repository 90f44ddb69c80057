"""Match a sale with the lots it closes, first in, first out; pure.

Each match is rounded once, half to even at 8 decimals, and the last slice takes the remainder. So
the slices of a lot add up to its cost exactly, those of a sale to its proceeds, and every total that
adds rounded matches agrees with every other to the last digit (docs/money.md).

Declined: splitting by unit cost (cost ÷ quantity is rarely exact, so slices would not add up), and
average cost (not what the Australian rules ask for when parcels can be told apart).
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from ohmycoins.core.money import ZERO, round_aud


@dataclass(frozen=True, slots=True)
class OpenLot:
    """What is left of a purchase: coins, and what they cost in AUD with their share of the fee."""

    id: int
    book: int | None
    """The algorithm whose lot it is; None is the manual book."""
    remaining_quantity: Decimal
    remaining_cost: Decimal


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of a lot that a sale, or another departure of coins, closes."""

    lot: OpenLot
    quantity: Decimal
    cost: Decimal
    proceeds: Decimal

    @property
    def realized_pnl(self) -> Decimal:
        return self.proceeds - self.cost


@dataclass(frozen=True, slots=True)
class Closing:
    """What became of a sale: its slices, and the coins sold that no lot accounts for."""

    slices: tuple[Slice, ...]
    unmatched_quantity: Decimal
    unmatched_proceeds: Decimal

    @property
    def matched_quantity(self) -> Decimal:
        return sum((part.quantity for part in self.slices), ZERO)

    @property
    def proceeds(self) -> Decimal:
        return sum((part.proceeds for part in self.slices), ZERO)

    @property
    def cost(self) -> Decimal:
        return sum((part.cost for part in self.slices), ZERO)

    @property
    def realized_pnl(self) -> Decimal:
        return self.proceeds - self.cost


def lots_for(book: int | None, lots: Iterable[OpenLot]) -> list[OpenLot]:
    """Order the open lots (given oldest first) that a sale of `book` may close.

    An algorithm sells only its own; a manual sale takes manual lots first, then the others.
    """
    everything = list(lots)
    own = [lot for lot in everything if lot.book == book]
    return own if book is not None else own + [lot for lot in everything if lot.book is not None]


def match(quantity: Decimal, net_proceeds: Decimal | None, lots: Iterable[OpenLot]) -> Closing:
    """Close `lots`, in the order given, with a sale of `quantity` for `net_proceeds` (fee taken off).

    Without proceeds the coins leave at their cost. Coins beyond the lots are unmatched and keep their share of
    the proceeds: nothing is invented.
    """
    slices: list[Slice] = []
    left, proceeds_left = quantity, net_proceeds or ZERO
    for lot in lots:
        if not left:
            break
        taken = min(left, lot.remaining_quantity)
        cost = _share(lot.remaining_cost, taken, lot.remaining_quantity)
        proceeds = _share(proceeds_left, taken, left) if net_proceeds is not None else cost
        slices.append(Slice(lot=lot, quantity=taken, cost=cost, proceeds=proceeds))
        left -= taken
        if net_proceeds is not None:
            proceeds_left -= proceeds
    return Closing(
        slices=tuple(slices), unmatched_quantity=left, unmatched_proceeds=proceeds_left if left else ZERO
    )


def _share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    return amount if part == whole else round_aud(amount * part / whole)


@dataclass(frozen=True, slots=True)
class Entry:
    """Coins of one kind that came or went, as a whole book is replayed from them."""

    id: int
    """Any number that tells it from the others; its lot has the same."""
    book: int | None
    coming: bool
    quantity: Decimal
    amount: Decimal | None
    """AUD: what coins that came cost with the fee, what coins that went brought without it; None if they
    went at their cost."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What entries come to: the lots as they are left, and the closings, each by its entry's id."""

    lots: dict[int, OpenLot]
    closings: dict[int, Closing]


def replay(entries: Iterable[Entry]) -> Replay:
    """Book entries of one coin in the order given, from nothing.

    The slices of a closing hold their lots as they were before it.
    """
    lots: dict[int, OpenLot] = {}  # oldest first: they enter in the order of the entries
    books: dict[int | None, dict[int, int]] = {}  # the open lots of each book: id, age
    closings: dict[int, Closing] = {}
    for age, entry in enumerate(entries):
        if entry.coming:
            lots[entry.id] = OpenLot(entry.id, entry.book, entry.quantity, entry.amount or ZERO)
            books.setdefault(entry.book, {})[entry.id] = age
            continue
        candidates = (lots[lot_id] for lot_id in _in_turn(entry.book, books))
        closing = closings[entry.id] = match(entry.quantity, entry.amount, candidates)
        for part in closing.slices:
            lot = part.lot
            left = OpenLot(
                lot.id, lot.book, lot.remaining_quantity - part.quantity, lot.remaining_cost - part.cost
            )
            lots[lot.id] = left
            if not left.remaining_quantity:
                del books[lot.book][lot.id]
    return Replay(lots, closings)


def _in_turn(book: int | None, books: dict[int | None, dict[int, int]]) -> Iterator[int]:
    """Give the ids of the open lots as `lots_for` orders them, only as far as they are asked for."""
    yield from books.get(book, {})
    if book is None:
        others = ([(age, lot) for lot, age in lots.items()] for of, lots in books.items() if of is not None)
        yield from (lot for _, lot in heapq.merge(*others))
