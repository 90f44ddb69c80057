"""Carry positions and their values, as immutable values without Django."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.pnl.metrics import percent
from ohmycoins.core.money import round_aud


@dataclass(frozen=True, slots=True)
class Position:
    """Coins held across an account's books, with the price they are marked at, if any is known."""

    coin_type: str
    quantity: Decimal
    total_cost: Decimal
    current_price: Decimal | None
    price_at: datetime | None
    current_value: Decimal | None

    @property
    def average_price(self) -> Decimal:
        return round_aud(self.total_cost / self.quantity)

    @property
    def unrealized_pnl(self) -> Decimal | None:
        return None if self.current_value is None else self.current_value - self.total_cost

    @property
    def unrealized_pnl_percent(self) -> Decimal | None:
        gain = self.unrealized_pnl
        return None if gain is None else percent(gain, self.total_cost)


@dataclass(frozen=True, slots=True)
class Valuation:
    """Positions added up. Coins never priced are left out of every sum, and named."""

    cost: Decimal
    value: Decimal
    unpriced: tuple[str, ...]
    paid_in: Decimal
    """What came by no trade so far, less what went: cash, and coins at their cost; less the cost of what is left out."""
    cash: Decimal

    @property
    def equity(self) -> Decimal:
        return self.cash + self.value

    @property
    def unrealized_pnl(self) -> Decimal:
        return self.value - self.cost
