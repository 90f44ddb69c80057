"""Match a sale with the lots it closes, first in, first out; pure.

Each match is rounded once, half to even at 8 decimals, and the last slice takes the remainder. So
the slices of a lot add up to its cost exactly, those of a sale to its proceeds, and every total that
adds rounded matches agrees with every other to the last digit (docs/money.md).

Declined: splitting by unit cost (cost ÷ quantity is rarely exact, so slices would not add up), and
average cost (not what the Australian rules ask for when parcels can be told apart).
"""

from collections.abc import Iterable
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
    """The part of a lot that a sale closes."""

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


def match(quantity: Decimal, net_proceeds: Decimal, lots: Iterable[OpenLot]) -> Closing:
    """Close `lots`, in the order given, with a sale of `quantity` for `net_proceeds` (fee taken off).

    Coins beyond the lots are unmatched and keep their share of the proceeds: nothing is invented.
    """
    slices: list[Slice] = []
    left, proceeds_left = quantity, net_proceeds
    for lot in lots:
        if not left:
            break
        taken = min(left, lot.remaining_quantity)
        cost, proceeds = (
            _share(lot.remaining_cost, taken, lot.remaining_quantity),
            _share(proceeds_left, taken, left),
        )
        slices.append(Slice(lot=lot, quantity=taken, cost=cost, proceeds=proceeds))
        left, proceeds_left = left - taken, proceeds_left - proceeds
    return Closing(slices=tuple(slices), unmatched_quantity=left, unmatched_proceeds=proceeds_left)


def _share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    return amount if part == whole else round_aud(amount * part / whole)
