"""Hold cash, coins, lots and orders in memory, and book fills as the services do; pure.

Every amount is computed as `trading.services.fills` and `pnl.services.book` compute it, and rounded where
they round, so that the same fills give the same account to the last digit.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.pnl import fifo
from apps.pnl.metrics import Results
from apps.trading.records import BUY, Execution
from ohmycoins.core.money import ZERO, round_aud

_COUNTS = ("sales", "winning_sales", "losing_sales", "buys", "sells")
_AMOUNTS = (
    "realized_pnl", "profit", "loss", "largest_win", "largest_loss", "buy_volume", "sell_volume", "fees",
    "unmatched_quantity",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Order:
    """An order that is not filled whole: what it still wants, and what is set aside for it."""

    coin_type: str
    side: str
    quantity: Decimal
    """Coins that are still open."""
    limit_price: Decimal
    valued_price: Decimal
    reserved_aud: Decimal
    reserved_quantity: Decimal
    ledger: str = ""
    reason: str = ""
    filled_at: datetime | None = None
    """When it was last filled in part."""

    def as_json(self) -> list[Any]:
        return [
            self.coin_type, self.side, str(self.quantity), str(self.limit_price), str(self.valued_price),
            str(self.reserved_aud), str(self.reserved_quantity), self.ledger, self.reason, written(self.filled_at),
        ]  # fmt: skip

    @classmethod
    def from_json(cls, kept: list[Any]) -> "Order":
        coin, side, quantity, limit, valued, aud, coins, ledger, reason, filled_at = kept
        return cls(
            coin_type=coin, side=side, quantity=Decimal(quantity), limit_price=Decimal(limit),
            valued_price=Decimal(valued), reserved_aud=Decimal(aud), reserved_quantity=Decimal(coins), ledger=ledger,
            reason=reason, filled_at=instant(filled_at),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trade:
    """A fill of a backtest; AUD amounts have 8 decimals."""

    number: int
    """1, 2, 3, … in the order they happened."""
    executed_at: datetime
    coin_type: str
    side: str
    quantity: Decimal
    price: Decimal
    value_aud: Decimal
    fee_aud: Decimal
    realized_pnl: Decimal | None
    """Of a sale."""
    ledger: str
    """What its signal rested on."""
    reason: str


@dataclass(slots=True)
class Account:
    """What a backtest has."""

    cash_aud: Decimal
    held: dict[str, Decimal] = field(default_factory=dict)
    """Coins by symbol; only what there is some of."""
    shares: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """The same by coin and ledger, as positions are kept."""
    lots: dict[str, deque[tuple[fifo.OpenLot, str]]] = field(default_factory=dict)
    """Open lots by coin, oldest first, each with the ledger that it rests on."""
    bought_at: dict[str, datetime] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    """In flight, oldest first."""
    sums: dict[str, Any] = field(
        default_factory=lambda: dict.fromkeys(_COUNTS, 0) | dict.fromkeys(_AMOUNTS, ZERO)
    )
    spent_aud: Decimal = ZERO
    """What purchases cost so far, less what sales brought; fees counted."""
    trades: int = 0
    new_trades: list[Trade] = field(default_factory=list)
    """Those that nobody has stored yet."""

    @property
    def results(self) -> Results:
        return Results(**self.sums)

    @property
    def reserved_aud(self) -> Decimal:
        return sum((order.reserved_aud for order in self.orders), ZERO)

    def reserved_quantity(self, coin_type: str) -> Decimal:
        return sum((order.reserved_quantity for order in self.orders if order.coin_type == coin_type), ZERO)

    def coming_aud(self, coin_type: str | None = None) -> Decimal:
        """Value what purchases in flight would add, of one coin or of all."""
        return sum(
            (
                order.quantity * order.valued_price
                for order in self.orders
                if order.side == BUY and coin_type in (None, order.coin_type)
            ),
            ZERO,
        )

    @property
    def cost_aud(self) -> Decimal:
        """Give what the coins that are left had cost, fees in."""
        return sum((lot.remaining_cost for lots in self.lots.values() for lot, _ in lots), ZERO)

    def fill(self, order: Order, execution: Execution, *, fee_rate: Decimal, at: datetime) -> None:
        """Book a fill of an order: value and fee rounded once, cash and coins moved, lots opened or closed."""
        quantity = execution.quantity
        value = round_aud(quantity * execution.price)
        fee = round_aud(value * fee_rate)
        left = order.quantity - quantity
        order.reserved_aud = round_aud(order.reserved_aud * left / order.quantity) if left > 0 else ZERO
        order.reserved_quantity = min(left, order.reserved_quantity) if left > 0 else ZERO
        order.quantity, order.filled_at = left, at
        gain = None
        if order.side == BUY:
            self._bought(order, quantity, value, fee, at)
        else:
            gain = self._sold(order, quantity, value, fee)
        self.sums["fees"] += fee
        self.trades += 1
        trade = Trade(
            self.trades, at, order.coin_type, order.side, quantity, execution.price, value, fee, gain, order.ledger,
            order.reason,
        )  # fmt: skip
        self.new_trades.append(trade)

    def _bought(self, order: Order, quantity: Decimal, value: Decimal, fee: Decimal, at: datetime) -> None:
        coin = order.coin_type
        self.cash_aud -= value + fee
        self.spent_aud += value + fee
        self.held[coin] = self.held.get(coin, ZERO) + quantity
        self.bought_at[coin] = at
        share = (coin, order.ledger)
        self.shares[share] = self.shares.get(share, ZERO) + quantity
        lot = fifo.OpenLot(self.trades + 1, None, quantity, value + fee)
        self.lots.setdefault(coin, deque()).append((lot, order.ledger))
        self.sums["buys"] += 1
        self.sums["buy_volume"] += value

    def _sold(self, order: Order, quantity: Decimal, value: Decimal, fee: Decimal) -> Decimal:
        coin, proceeds = order.coin_type, value - fee
        self.cash_aud += proceeds
        self.spent_aud -= proceeds
        self.held[coin] = self.held.get(coin, ZERO) - quantity
        lots = self.lots.get(coin, deque())
        closing = fifo.match(quantity, proceeds, (lot for lot, _ in lots))
        for part in closing.slices:
            lot, ledger = lots.popleft()
            self.shares[coin, ledger] -= part.quantity
            left = lot.remaining_quantity - part.quantity
            if left:
                lots.appendleft((fifo.OpenLot(lot.id, None, left, lot.remaining_cost - part.cost), ledger))
        if not self.held[coin]:
            del self.held[coin]
            self.lots.pop(coin, None)
            self.shares = {share: some for share, some in self.shares.items() if share[0] != coin}
        gain = closing.realized_pnl
        sums = self.sums
        sums["sells"] += 1
        sums["sell_volume"] += value
        sums["realized_pnl"] += gain
        sums["unmatched_quantity"] += closing.unmatched_quantity
        sums["sales"] += bool(closing.slices)
        sums["winning_sales"] += gain > 0
        sums["losing_sales"] += gain < 0
        sums["profit"] += max(gain, ZERO)
        sums["loss"] += min(gain, ZERO)
        sums["largest_win"] = max(sums["largest_win"], gain)
        sums["largest_loss"] = min(sums["largest_loss"], gain)
        return gain

    def as_json(self) -> dict[str, Any]:
        """Write it so that `from_json` gives exactly the same; trades that were handed over are not in it."""
        return {
            "cash": str(self.cash_aud), "spent": str(self.spent_aud), "trades": self.trades,
            "held": _each(str, self.held), "bought_at": _each(written, self.bought_at),
            "shares": [[coin, ledger, str(some)] for (coin, ledger), some in self.shares.items()],
            "lots": {
                coin: [
                    [lot.id, str(lot.remaining_quantity), str(lot.remaining_cost), ledger] for lot, ledger in lots
                ]
                for coin, lots in self.lots.items()
            },
            "orders": [order.as_json() for order in self.orders],
            "sums": {name: int(self.sums[name]) for name in _COUNTS} | {name: str(self.sums[name]) for name in _AMOUNTS},
        }  # fmt: skip

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Account":
        return cls(
            cash_aud=Decimal(kept["cash"]), spent_aud=Decimal(kept["spent"]), trades=kept["trades"],
            held=_each(Decimal, kept["held"]), bought_at=_each(datetime.fromisoformat, kept["bought_at"]),
            shares={(coin, ledger): Decimal(some) for coin, ledger, some in kept["shares"]},
            lots={coin: deque(_lots(lots)) for coin, lots in kept["lots"].items()},
            orders=[Order.from_json(order) for order in kept["orders"]],
            sums={name: kept["sums"][name] for name in _COUNTS}
            | {name: Decimal(kept["sums"][name]) for name in _AMOUNTS},
        )  # fmt: skip


def _lots(kept: Iterable[list[Any]]) -> Iterable[tuple[fifo.OpenLot, str]]:
    for number, quantity, cost, ledger in kept:
        yield fifo.OpenLot(number, None, Decimal(quantity), Decimal(cost)), ledger


def _each(write: Callable[[Any], Any], values: dict[str, Any]) -> dict[str, Any]:
    return {name: write(value) for name, value in values.items()}


def written(at: datetime | None) -> str | None:
    """Write an instant as a checkpoint keeps it."""
    return at.isoformat() if at else None


def instant(text: str | None) -> datetime | None:
    """Read what `written` wrote."""
    return datetime.fromisoformat(text) if text else None
