"""Match orders against the market: one that crosses it takes its price, one that rests has its own.

The market is looked at when somebody calls, never in between. Cash is rounded down to CoinSpot's 8
decimals, so that the slices of an order never cost more than was reserved for it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from ohmycoins.core.money import QUANTITY_STEP, floor_quantity
from ohmycoins.sandbox.chance import digits
from ohmycoins.sandbox.venue.account import AUD, BOOK_FEE, INSTANT_FEE, Account, Fill, Order, Refusal
from ohmycoins.sandbox.venue.options import Options
from ohmycoins.sandbox.venue.prices import MovableMarket

MINIMUM_AUD = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an order asks for; without a nonce it was placed by hand, in the app."""

    side: str
    coin: str
    amount: Decimal
    rate: Decimal
    nonce: int | None = None
    depth: Decimal = Decimal(1)
    """The share of it that may fill at once, however deep the venue's book is."""


class Book:
    """The order book of every AUD market, and CoinSpot's own desk beside it."""

    def __init__(self, market: MovableMarket) -> None:
        self.market = market

    def quote(self, coin: str, now: datetime) -> tuple[Decimal, Decimal]:
        """Give a coin's bid and ask. Raises Refusal for a coin without."""
        found = self.market.quote(coin, now)
        if found is None:
            raise Refusal("Coin not found")
        return found

    def place(self, account: Account, wanted: Wanted, options: Options, now: datetime) -> Order:
        """Accept a limit order, and fill at once what crosses the market. Raises Refusal."""
        bid, ask = self.quote(wanted.coin, now)
        _require_minimum(wanted.amount * wanted.rate)
        took = wanted.rate >= ask if wanted.side == "buy" else wanted.rate <= bid
        order = self._order(account, wanted, options, now, took=took)
        account.require(*order.reserved)
        account.orders[order.id] = order
        self.match(account, order, options, now)
        return account.orders[order.id]

    def cancel(self, account: Account, order_id: str, side: str | None = None) -> None:
        """Take an order off the book. Raises Refusal when it is not on it (any more)."""
        order = account.orders.get(order_id)
        if order is None or order.state != "open" or side not in (None, order.side):
            raise Refusal("Order not found")
        account.orders[order_id] = replace(order, state="cancelled")

    def match(self, account: Account, order: Order, options: Options, now: datetime) -> None:
        """Fill the next slice of an open order where the market allows it."""
        price = self._price(order, now)
        depth = min(order.depth, options.depth)
        if price is None or not depth:
            return
        slice_ = max(floor_quantity(order.amount * depth), QUANTITY_STEP)
        self.fill(account, order, min(slice_, order.remaining), price, now + options.lag, now)

    def fill(
        self,
        account: Account,
        order: Order,
        amount: Decimal,
        rate: Decimal,
        visible_at: datetime,
        at: datetime,
    ) -> None:
        """Fill `amount` of an order at `rate`."""
        total = floor_quantity(amount * rate)
        fee = floor_quantity(total * (BOOK_FEE if order.kind == "market" else INSTANT_FEE))
        number = sum(fill.order_id == order.id for fill in account.fills) + 1
        remaining = order.remaining - amount
        account.orders[order.id] = replace(
            order, remaining=remaining, state=order.state if remaining else "filled"
        )
        account.record(
            Fill(
                id=f"{order.id}-{number}", order_id=order.id, side=order.side, coin=order.coin,
                kind=order.kind, amount=amount, rate=rate, total=total, fee=fee, at=at, visible_at=visible_at,
            )
        )  # fmt: skip

    def trade_now(self, account: Account, wanted: Wanted, options: Options, now: datetime) -> Fill:
        """Trade at CoinSpot's own price, the rate wanted. Raises Refusal."""
        worth = wanted.amount * wanted.rate
        _require_minimum(worth)
        if wanted.side == "buy":
            account.require(AUD, worth * (1 + INSTANT_FEE))
        else:
            account.require(wanted.coin, wanted.amount)
        order = self._order(account, wanted, options, now, took=True, kind="instant")
        self.fill(account, order, order.amount, order.rate, order.visible_at, now)
        return account.fills[-1]

    def _price(self, order: Order, now: datetime) -> Decimal | None:
        """Give what the order would trade at; None while the market has not reached it."""
        found = self.market.quote(order.coin, now)
        if found is None:
            return None
        bid, ask = found
        reached, price = (order.rate >= ask, ask) if order.side == "buy" else (order.rate <= bid, bid)
        if not reached:
            return None
        return price if order.took else order.rate

    def _order(
        self,
        account: Account,
        wanted: Wanted,
        options: Options,
        now: datetime,
        *,
        took: bool,
        kind: str = "market",
    ) -> Order:
        return Order(
            id=self._new_id(account, now), nonce=wanted.nonce, side=wanted.side, coin=wanted.coin,
            amount=wanted.amount, rate=wanted.rate, remaining=wanted.amount, created_at=now,
            visible_at=now + options.lag, origin="manual" if wanted.nonce is None else "api", kind=kind,
            took=took, depth=wanted.depth,
        )  # fmt: skip

    def _new_id(self, account: Account, at: datetime) -> str:
        """Give 24 hex digits, of which the first 8 are the time, as in the documentation's samples."""
        number = len(account.orders) + 1
        return f"{int(at.timestamp()):08x}" + digits(self.market.seed, account.keys.key, number, length=16)


def _require_minimum(aud: Decimal) -> None:
    if aud < MINIMUM_AUD:
        raise Refusal(f"Minimum order amount is {MINIMUM_AUD} AUD")
