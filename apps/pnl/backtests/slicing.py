"""Cut an order into equal slices, the last of which takes the remainder; pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from apps.pnl.backtests.account import instant, written
from apps.trading.records import MARKET, Ticket
from ohmycoins.core.money import floor_quantity

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Sliced:
    """What is left of an order that is traded in slices."""

    ticket: Ticket
    """All of it that is left."""
    slices: int
    """How many are left."""
    part: Ticket
    """Each but the last."""
    next_at: datetime
    ledger: str
    reason: str

    @classmethod
    def of(cls, ticket: Ticket, slices: int, *, at: datetime, ledger: str, reason: str) -> "Sliced":
        return cls(ticket, slices, _divided(ticket, slices), at, ledger, reason)

    def take(self, next_at: datetime) -> tuple[Ticket, "Sliced | None"]:
        """Give the next slice, and what is left after it, if anything."""
        if self.slices == 1:
            return self.ticket, None
        part, left = self.part, self.ticket
        left = replace(
            left,
            quantity=left.quantity - part.quantity if left.quantity and part.quantity else left.quantity,
            amount_aud=left.amount_aud - part.amount_aud if left.amount_aud and part.amount_aud else left.amount_aud,
        )  # fmt: skip
        return part, replace(self, ticket=left, slices=self.slices - 1, next_at=next_at)

    def as_json(self) -> list[Any]:
        return [
            _ticket_json(self.ticket), self.slices, _ticket_json(self.part), written(self.next_at), self.ledger,
            self.reason,
        ]  # fmt: skip

    @classmethod
    def from_json(cls, kept: list[Any]) -> "Sliced":
        ticket, slices, part, next_at, ledger, reason = kept
        at = instant(next_at)
        if at is None:
            raise ValueError("a slice has its time")
        return cls(_ticket(ticket), slices, _ticket(part), at, ledger, reason)


def _divided(ticket: Ticket, slices: int) -> Ticket:
    if ticket.amount_aud is not None:
        return replace(ticket, amount_aud=(ticket.amount_aud / slices).quantize(CENT, ROUND_DOWN))
    return replace(ticket, quantity=floor_quantity((ticket.quantity or Decimal(0)) / slices))


def _ticket_json(ticket: Ticket) -> list[Any]:
    sizes = (ticket.quantity, ticket.amount_aud)
    return [ticket.coin_type, ticket.side, *(None if size is None else str(size) for size in sizes)]


def _ticket(kept: list[Any]) -> Ticket:
    coin, side, quantity, amount = kept
    return Ticket(
        coin, side, MARKET, quantity=quantity and Decimal(quantity), amount_aud=amount and Decimal(amount)
    )
