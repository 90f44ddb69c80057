"""Simulate CoinSpot's public API (coinspot.com.au/v2/api; live answers recorded 2025).

Prices are strings, thin markets are priced "NaN", and `/latest` has no `message`.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Self

from ohmycoins.sandbox.market import Market, Tick
from ohmycoins.sandbox.messages import Answer, Request, as_json

LATEST = "/pubapi/v2/latest"
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


class Coinspot:
    """The price list and its single entries."""

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
        return _error(404, "Not found")


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
