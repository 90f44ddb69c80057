"""Trade an order in slices, as `trading.services.twaps` cuts those of decisions; pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.pnl.backtests.account import instant, written
from apps.trading.deciding import cut, most_slices, slice_of
from apps.trading.records import MARKET, SELL, Ticket
from ohmycoins.core.money import ZERO


@dataclass(frozen=True, slots=True)
class Sliced:
    """An order of which some slices are not placed yet."""

    ticket: Ticket
    slices: int
    next_at: datetime
    ledger: str
    reason: str
    placed: int = 0

    @classmethod
    def of(cls, ticket: Ticket, slices: int, *, at: datetime, ledger: str, reason: str) -> "Sliced":
        """Cut an order, into fewer slices where it is too small for so many."""
        return cls(ticket, max(1, min(slices, most_slices(ticket))), at, ledger, reason)

    def take(self, next_at: datetime) -> tuple[Ticket, "Sliced | None"]:
        """Give the next slice, and what is left after it, if anything."""
        left = (
            replace(self, placed=self.placed + 1, next_at=next_at) if self.placed + 1 < self.slices else None
        )
        return slice_of(self.ticket, self.slices, self.placed), left

    @property
    def to_sell(self) -> Decimal:
        """Give how many coins the slices sell that are not placed yet."""
        if self.ticket.side != SELL:
            return ZERO
        return sum(cut(self.ticket, self.slices)[self.placed :], ZERO)

    def as_json(self) -> list[Any]:
        ticket = self.ticket
        sizes = (None if size is None else str(size) for size in (ticket.quantity, ticket.amount_aud))
        return [
            ticket.coin_type, ticket.side, *sizes, self.slices, written(self.next_at), self.ledger, self.reason,
            self.placed,
        ]  # fmt: skip

    @classmethod
    def from_json(cls, kept: list[Any]) -> "Sliced":
        coin, side, quantity, amount, slices, next_at, ledger, reason, placed = kept
        at = instant(next_at)
        if at is None:
            raise ValueError("a slice has its time")
        sizes = {"quantity": quantity and Decimal(quantity), "amount_aud": amount and Decimal(amount)}
        return cls(Ticket(coin, side, MARKET, **sizes), slices, at, ledger, reason, placed)
