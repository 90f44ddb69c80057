"""Carry what a file of trade history says, and what is wrong with it, as immutable values."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ohmycoins.core.money import ZERO

AUD = "AUD"


class Unreadable(ValueError):
    """The file as a whole cannot be read: encoding, size, separator or header."""


class BadRow(ValueError):
    """A row says something that is not accepted; the message names the column, what it says and what may be."""


@dataclass(frozen=True, slots=True)
class ImportedFill:
    """Coins that changed hands; times are UTC, AUD amounts have 8 decimals."""

    at: datetime
    coin_type: str
    side: str
    kind: str
    quantity: Decimal
    price: Decimal
    value_aud: Decimal
    fee_aud: Decimal
    line: int = 0
    sequence: int = 0
    ref: str = ""
    """What tells it from every other of its account."""

    @property
    def facts(self) -> tuple[object, ...]:
        """Give what another entry of the same `ref` must say, too."""
        return (
            self.at, self.coin_type, self.side, self.kind, self.quantity, self.price, self.value_aud, self.fee_aud,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImportedMovement:
    """Cash (`amount_aud`, no coin) or coins (`quantity`) that came (positive) or went."""

    at: datetime
    kind: str
    coin_type: str = ""
    amount_aud: Decimal = ZERO
    quantity: Decimal = ZERO
    unit_price: Decimal | None = None
    line: int = 0
    sequence: int = 0
    ref: str = ""

    @property
    def facts(self) -> tuple[object, ...]:
        """Give what another entry of the same `ref` must say, too."""
        return self.at, self.kind, self.coin_type, self.amount_aud, self.quantity, self.unit_price


Entry = ImportedFill | ImportedMovement


@dataclass(frozen=True, slots=True)
class Said:
    """What one row says: its entries, the earlier first; none if it is nothing that happened."""

    entries: tuple[Entry, ...]
    content: tuple[str, ...] = ()
    """The row in one spelling, whatever digits and capitals it was written with."""
    given_id: str = ""


@dataclass(frozen=True, slots=True)
class LineError:
    """Why a line of the file is not accepted."""

    line: int
    message: str


def another_fill(line: int, ref: str, whose: str) -> LineError:
    """Give the error of a line whose id is taken by an entry that says something else."""
    return LineError(line, f"venue_fill_id {ref!r}: is another fill: {whose}; an id for this one, or none")


@dataclass(frozen=True, slots=True)
class History:
    """A file as it was read; with errors its entries are not to be used."""

    entries: tuple[Entry, ...]
    rows: int
    ignored: int = 0
    """Rows of what did not happen, such as a transfer that failed."""
    repeated: int = 0
    """Rows that say again what a row with the same given id said."""
    errors: tuple[LineError, ...] = ()
