"""Keep what the venue knows about an account: its keys, balances, orders, fills and transfers.

Orders, fills and transfers are values: a snapshot of an account is its lists.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Any

from ohmycoins.core.money import AUD_STEP, ZERO

AUD = "AUD"
BOOK_FEE = Decimal("0.001")
INSTANT_FEE = Decimal("0.01")


class Refusal(Exception):
    """The venue will not do what a call asks; the message is what it answers."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Keys:
    """What an account's owner signs with; the read-only pair may only ask."""

    key: str
    secret: str = field(repr=False)
    read_only_key: str
    read_only_secret: str = field(repr=False)

    def secret_of(self, key: str) -> str:
        return self.secret if key == self.key else self.read_only_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the venue has it; `nonce` is that of the request that made it."""

    id: str
    nonce: int | None
    side: str
    coin: str
    amount: Decimal
    rate: Decimal
    remaining: Decimal
    state: str = "open"
    """open, filled or cancelled."""
    created_at: datetime
    visible_at: datetime
    origin: str = "api"
    """api, or manual for one placed in the app."""
    kind: str = "market"
    """market for the order book, instant for CoinSpot's own price."""
    took: bool = False
    """It crossed the market when it came, and so trades at the market's price until it is done."""
    depth: Decimal = Decimal(1)

    @property
    def reserved(self) -> tuple[str, Decimal]:
        """Give the currency and the amount that the rest of the order may still cost."""
        if self.side == "sell":
            return self.coin, self.remaining
        cost = self.remaining * self.rate * (1 + BOOK_FEE)
        return AUD, cost.quantize(AUD_STEP, rounding=ROUND_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """Coins that changed hands: `total` AUD without the fee."""

    id: str
    order_id: str
    side: str
    coin: str
    kind: str
    amount: Decimal
    rate: Decimal
    total: Decimal
    fee: Decimal
    at: datetime
    visible_at: datetime

    @property
    def aud_total(self) -> Decimal:
        """Give what was paid or received: buys include the fee, sells have it taken off."""
        return self.total + self.fee if self.side == "buy" else self.total - self.fee


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Cash or coins that came or went: deposit, withdraw, send or receive; the amount is positive."""

    id: str
    kind: str
    coin: str
    amount: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A request that reached the venue's edge, and what became of it there."""

    number: int
    """Counted for each key from 1."""
    key: str
    path: str
    fault: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Everything about an account, whatever its lists show by now."""

    key: str
    balances: dict[str, Decimal]
    reserved: dict[str, Decimal]
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    transfers: tuple[Transfer, ...]
    nonces: tuple[int, ...]
    read_only_nonces: tuple[int, ...]
    calls: tuple[Made, ...]

    def order(self, order_id: str) -> Order:
        return next(order for order in self.orders if order.id == order_id)


@dataclass(slots=True, kw_only=True)
class Account:
    """One owner's account. Balances include what rests on orders."""

    keys: Keys
    balances: dict[str, Decimal]
    options: Mapping[str, Any] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    nonces: dict[str, list[int]] = field(default_factory=dict)
    calls: list[Made] = field(default_factory=list)

    def open_orders(self) -> Iterator[Order]:
        """Give the orders that rest on the book, oldest first."""
        return (order for order in list(self.orders.values()) if order.state == "open")

    def reserved(self) -> dict[str, Decimal]:
        """Give what open orders may still cost, by currency."""
        held: dict[str, Decimal] = {}
        for order in self.open_orders():
            currency, amount = order.reserved
            held[currency] = held.get(currency, ZERO) + amount
        return held

    def require(self, currency: str, amount: Decimal) -> None:
        """Refuse when less than `amount` is free of reservations. Raises Refusal."""
        if self.balances.get(currency, ZERO) - self.reserved().get(currency, ZERO) < amount:
            raise Refusal("Insufficient funds")

    def change(self, currency: str, amount: Decimal) -> None:
        self.balances[currency] = self.balances.get(currency, ZERO) + amount

    def record(self, fill: Fill) -> None:
        """Book a fill: the coins one way, the cash the other, the fee to the venue."""
        sign = 1 if fill.side == "buy" else -1
        self.change(fill.coin, sign * fill.amount)
        self.change(AUD, -sign * fill.aud_total)
        self.fills.append(fill)

    def accept(self, key: str, nonce: int) -> None:
        """Take the nonce of a call. Raises Refusal unless it is above all earlier ones of the key."""
        taken = self.nonces.setdefault(key, [])
        if taken and nonce <= taken[-1]:
            raise Refusal("invalid nonce")
        taken.append(nonce)

    def truth(self) -> Truth:
        return Truth(
            key=self.keys.key, balances=dict(self.balances), reserved=self.reserved(),
            orders=tuple(self.orders.values()), fills=tuple(self.fills), transfers=tuple(self.transfers),
            nonces=tuple(self.nonces.get(self.keys.key, ())),
            read_only_nonces=tuple(self.nonces.get(self.keys.read_only_key, ())), calls=tuple(self.calls),
        )  # fmt: skip
