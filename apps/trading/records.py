"""Carry what trading decides with and what it did, as immutable values without Django."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

BUY, SELL = "buy", "sell"
MARKET, LIMIT = "market", "limit"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a user asked for: `quantity` coins or, for a market buy, `amount_aud` with the fee in it."""

    coin_type: str
    side: str
    order_type: str
    quantity: Decimal | None = None
    amount_aud: Decimal | None = None
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A coin's AUD market as last recorded."""

    bid: Decimal
    ask: Decimal
    last: Decimal
    observed_at: datetime

    @property
    def mark(self) -> Decimal:
        """Give the price that holdings are valued at: the last, held within bid and ask."""
        low, high = min(self.bid, self.ask), max(self.bid, self.ask)
        return min(max(self.last, low), high)


@dataclass(frozen=True, slots=True)
class Sizing:
    """A ticket made definite: how many coins, at what worst price, and what to set aside for it."""

    quantity: Decimal
    limit_price: Decimal
    reserved_aud: Decimal
    reserved_quantity: Decimal


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account has to trade with, orders in flight already subtracted."""

    is_active: bool
    available_aud: Decimal
    available_quantity: Decimal


@dataclass(frozen=True, slots=True)
class Denial:
    """A safety rule that an order breaks: the limit, and the value that exceeds it."""

    code: str
    message: str
    limit: str | None = None
    value: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "limit": self.limit, "value": self.value}


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill that a simulated venue gives: coins and the price of one, in AUD."""

    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class FillRecord:
    """A fill as it is told to the app above; AUD amounts have 8 decimals, times are UTC."""

    id: int
    account_id: int
    algorithm_id: int | None
    coin_type: str
    side: str
    quantity: Decimal
    price: Decimal
    value_aud: Decimal
    fee_aud: Decimal
    executed_at: datetime
    timezone: str
    """The account's, by which days are counted."""
