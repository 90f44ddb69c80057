"""Carry what trading decides with and what it did, as immutable values without Django."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ohmycoins.core.money import ZERO

BUY, SELL = "buy", "sell"
TRADE = "trade"
MARKET, LIMIT = "market", "limit"
ONE, HALF = Decimal(1), Decimal("0.5")


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a user asked for: `quantity` coins or, for a market buy, `amount_aud` with the fee in it."""

    coin_type: str
    side: str
    order_type: str
    quantity: Decimal | None = None
    amount_aud: Decimal | None = None
    price: Decimal | None = None


def mark_of(bid: Decimal, ask: Decimal, last: Decimal) -> Decimal:
    """Give the price that holdings are valued at: the last, held within bid and ask."""
    return min(max(last, min(bid, ask)), max(bid, ask))


@dataclass(frozen=True, slots=True)
class Quote:
    """A coin's AUD market as last recorded."""

    bid: Decimal
    ask: Decimal
    last: Decimal
    observed_at: datetime

    @property
    def mark(self) -> Decimal:
        """Give the price that holdings are valued at."""
        return mark_of(self.bid, self.ask, self.last)


@dataclass(frozen=True, slots=True)
class Sizing:
    """A ticket made definite: how many coins, at what worst price, and what to set aside for it."""

    quantity: Decimal
    limit_price: Decimal
    valued_price: Decimal
    """What limits value a coin of it at: the ask, or the order's own price."""
    reserved_aud: Decimal
    reserved_quantity: Decimal

    @property
    def value_aud(self) -> Decimal:
        return self.quantity * self.valued_price


@dataclass(frozen=True, slots=True)
class Bounds:
    """An account's limits: shares of its equity in percent, and the most that one order may be worth."""

    max_position_percent: Decimal = Decimal(20)
    max_daily_loss_percent: Decimal = Decimal(5)
    max_algorithm_percent: Decimal = Decimal(30)
    max_order_aud: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BrakeView:
    """A brake that holds back an order's purchase: what engaged it, why, and until when (None: until released)."""

    kind: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an account stands towards one order, with everything that is in flight counted.

    AUD amounts are at market: a holding is worth its mark, an order in flight its `valued_price`.
    """

    stop: str = "active"
    """The emergency stop that applies: active, reduce_only or halted."""
    stop_scope: str = "global"
    brakes: tuple[BrakeView, ...] = ()
    """What lets the order only sell until it ends by itself or is released, oldest first."""
    status: str = "active"
    """The account's."""
    status_reason: str = ""
    refusal: str = ""
    """Why the venue cannot be traded on at all, such as missing credentials; empty if it can."""
    in_review: bool = False
    """Whether an order for the same coin waits for a person to say what became of it."""
    available_aud: Decimal = ZERO
    available_quantity: Decimal = ZERO
    equity_aud: Decimal = ZERO
    position_aud: Decimal = ZERO
    """The coin: what is held, and what orders in flight would buy."""
    algorithm_aud: Decimal | None = None
    """The same over all coins of the order's algorithm; None for a manual order."""
    day_start_aud: Decimal = ZERO
    day_loss_aud: Decimal = ZERO
    """Lost since the account's local midnight, deposits and withdrawals aside; negative is a gain."""
    volatile: bool = False
    bounds: Bounds = Bounds()
    deployment_status: str = "active"
    """Of the deployment that the order follows from; one that is paused or stopped only sells."""
    position_limit_aud: Decimal | None = None
    """The most that the deployment's book may be worth; None without one."""
    loss_limit_aud: Decimal | None = None
    """What the deployment may lose in a local day before it buys nothing more."""
    book_loss_aud: Decimal = ZERO
    """What its book lost since local midnight, open positions at market; negative is a gain."""

    @property
    def factor(self) -> Decimal:
        """Give what the position and loss limits are multiplied with."""
        return HALF if self.volatile else ONE

    @property
    def max_loss_aud(self) -> Decimal:
        """Give the loss at which the account buys nothing more that day."""
        return self.day_start_aud * self.bounds.max_daily_loss_percent / 100


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
    ledger: str
    """What its order rested on; empty for a person's own, and for imported history."""
    coin_type: str
    side: str
    kind: str
    """`trade`, or what else made coins come or go, without cash (`models.Fill.Kind`)."""
    quantity: Decimal
    price: Decimal
    value_aud: Decimal
    fee_aud: Decimal
    executed_at: datetime
    sequence: int
    """The source's own order among fills of one instant, then `venue_fill_id`."""
    venue_fill_id: str
    timezone: str
    """The account's, by which days are counted."""


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue lists it on its book: `remaining` coins at `rate` AUD each."""

    id: str
    side: str
    coin_type: str
    remaining: Decimal
    rate: Decimal
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """Coins that changed hands as the venue lists it; `key` tells it from every other of the account."""

    key: str
    side: str
    coin_type: str
    quantity: Decimal
    price: Decimal
    value_aud: Decimal
    fee_aud: Decimal
    at: datetime
    order_id: str | None
    """The venue's order, where it says so."""


@dataclass(frozen=True, slots=True)
class VenueTransfer:
    """Cash (coin AUD) or coins that came (positive) or went; `key` tells it from the account's others."""

    key: str
    kind: str
    coin_type: str
    quantity: Decimal
    at: datetime
    repeated: bool = False
    """Whether the same list holds a row before it that says the same."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the venue says of an account, all pages read without an error; orders first, trades after."""

    began_at: datetime
    orders: tuple[VenueOrder, ...]
    trades: tuple[VenueTrade, ...]
    transfers: tuple[VenueTransfer, ...] = ()
    balances: dict[str, Decimal] | None = None
    """Coins by symbol, AUD among them; what rests on orders is in them."""

    @property
    def venue_ids(self) -> set[str]:
        """Give the ids of all orders that it speaks of."""
        return {order.id for order in self.orders} | {
            trade.order_id for trade in self.trades if trade.order_id
        }


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the venue says it placed."""

    id: str
    quantity: Decimal
    limit_price: Decimal


@dataclass(frozen=True, slots=True)
class Submission:
    """A claimed order on its way: what is signed and sent, once, before its lease ends."""

    order_id: int
    account_id: int
    algorithm_id: int | None
    side: str
    coin_type: str
    quantity: Decimal
    limit_price: Decimal
    nonce: int
    body: str
    lease_until: datetime
