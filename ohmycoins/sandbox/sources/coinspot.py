"""Simulate CoinSpot's public API (coinspot.com.au/v2/api; live answers recorded 2025).

Prices are strings, thin markets are priced "NaN", and `/latest` has no `message`. Order books are JSON
numbers, as the documentation's sample has them.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Self

from ohmycoins.core.money import QUANTITY_STEP, floor_quantity
from ohmycoins.sandbox.chance import dice
from ohmycoins.sandbox.market import Market, Tick
from ohmycoins.sandbox.messages import Answer, Request, as_exact_json, as_json

LATEST = "/pubapi/v2/latest"
OPEN_ORDERS = "/pubapi/v2/orders/open"
RESTING = 25  # orders on each side of a book
STEP = Decimal("0.0004")  # from one order to the next, as a share of the best price
NAN = {"bid": "NaN", "ask": "NaN", "last": "NaN"}


@dataclass(frozen=True, slots=True)
class Quote:
    """A market's prices under the key it is listed by."""

    key: str
    tick: Tick | None

    def restated(self) -> Self:
        if self.tick is None:
            return self
        bid, ask, last = (f"{Decimal(price) * 2}" for price in (self.tick.bid, self.tick.ask, self.tick.last))
        return replace(self, tick=Tick(bid, ask, last))

    def moved(self, by: timedelta) -> Self:
        """Stay the same: prices carry no time."""
        return self


@dataclass(frozen=True, slots=True)
class Resting:
    """An order of somebody's on the public book."""

    rate: Decimal
    amount: Decimal

    def restated(self) -> Self:
        return replace(self, rate=self.rate * 2)

    def moved(self, by: timedelta) -> Self:
        """Stay the same: the book carries no time."""
        return self


class Coinspot:
    """The price list, its single entries, and the order book of each."""

    name = "coinspot"

    def __init__(self, market: Market) -> None:
        self.market = market

    def answer(self, request: Request) -> Answer | None:
        if not request.path.startswith("/pubapi/v2"):
            return None
        ticks = self.market.prices(request.now)
        quotes = request.twisted([Quote(key, tick) for key, tick in ticks.items()])
        if request.path == LATEST:
            return as_json({"status": "ok", "prices": _price_list(quotes)})
        if request.path.startswith(f"{LATEST}/"):
            return _single(request.path.removeprefix(f"{LATEST}/"), quotes)
        if request.path.startswith(f"{OPEN_ORDERS}/"):
            return self._book(request.path.removeprefix(f"{OPEN_ORDERS}/"), ticks, request)
        return _error(404, "Not found")

    def _book(self, path: str, ticks: dict[str, Tick | None], request: Request) -> Answer:
        coin, _, market = path.partition("/")
        key = "_".join(filter(None, (coin.lower(), market)))
        if market == "AUD":
            return _error(400, "Bad Market")
        if key not in ticks:
            return _error(400, "Coin not found")
        named = {"coin": coin.upper(), "market": f"{coin}/{market or 'AUD'}".upper()}
        buys, sells = self._resting(key, ticks[key], request.now)
        sides = {"buyorders": buys, "sellorders": sells}
        return as_exact_json(
            {"status": "ok", "message": "ok"}
            | {
                side: [_order(order) | named for order in request.twisted(orders)]
                for side, orders in sides.items()
            }
        )

    def _resting(self, key: str, tick: Tick | None, now: datetime) -> tuple[list[Resting], list[Resting]]:
        """Give the orders of both sides, best first, from the bid and the ask outwards."""
        if tick is None:
            return [], []
        throws = dice(self.market.seed, "book", key, int(now.timestamp()) // 60)
        sides: list[list[Resting]] = []
        for price, outwards in ((Decimal(tick.bid), -1), (Decimal(tick.ask), 1)):
            orders = []
            for place in range(RESTING):
                rate = (price * (1 + outwards * place * STEP)).quantize(price)
                worth = throws.randint(2_000, 12_000)  # in the market's coin
                orders.append(Resting(rate, max(floor_quantity(worth / rate), QUANTITY_STEP)))
            sides.append(orders)
        return sides[0], sides[1]


def _order(order: Resting) -> dict[str, Decimal]:
    return {"amount": order.amount, "rate": order.rate, "total": floor_quantity(order.amount * order.rate)}


def _price_list(quotes: list[Quote]) -> dict[str, dict[str, str]]:
    prices: dict[str, dict[str, str]] = {}
    for quote in quotes:  # a second entry for a coin can only differ in how its key is written
        key = quote.key.upper() if quote.key in prices else quote.key
        prices[key] = _prices(quote.tick)
    return prices


def _single(path: str, quotes: list[Quote]) -> Answer:
    coin, _, market = path.partition("/")
    if market == "AUD":
        return _error(400, "Bad Market")
    wanted = "_".join(filter(None, (coin.lower(), market)))
    for quote in quotes:
        if quote.key == wanted:
            return as_json({"status": "ok", "message": "ok", "prices": _prices(quote.tick)})
    return _error(400, "Coin not found")


def _prices(tick: Tick | None) -> dict[str, str]:
    return {"bid": tick.bid, "ask": tick.ask, "last": tick.last} if tick else NAN


def _error(status: int, message: str) -> Answer:
    return as_json({"status": "error", "message": message}, status=status)
