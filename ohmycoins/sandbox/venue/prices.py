"""Let tests move the market: the sandbox's prices, with some of them set by hand."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from ohmycoins.core.money import parse_decimal, plain
from ohmycoins.core.symbols import symbol
from ohmycoins.sandbox.market import Market, Tick


class MovableMarket(Market):
    """The market of a seed; a price set by hand stands for everyone, the public price list included."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.given: dict[str, Tick] = {}
        self._latest: tuple[int, dict[str, Tick | None]] = (-1, {})

    def prices(self, now: datetime) -> dict[str, Tick | None]:
        minute = int(now.timestamp()) // 60
        latest = self._latest
        if latest[0] != minute:  # every order on the book asks, at every call
            self._latest = latest = (minute, super().prices(now))
        return {**latest[1], **self.given}

    def give(self, prices: Mapping[str, Any]) -> None:
        """Set {coin: {"bid": …, "ask": …}}; None ends a price set by hand. Raises ValueError, and sets nothing."""
        given = dict(self.given)
        for coin, price in prices.items():
            if symbol(coin) is None:
                raise ValueError(f"{coin!r} is not a coin")
            given.pop(coin.lower(), None)
            if price is not None:
                given[coin.lower()] = _tick(price)
        self.given = given

    def quote(self, coin: str, now: datetime) -> tuple[Decimal, Decimal] | None:
        """Give the bid and ask of a coin in AUD; None for one that has no market or no price."""
        tick = self.prices(now).get(coin.lower())
        return (Decimal(tick.bid), Decimal(tick.ask)) if tick else None


def _tick(price: Any) -> Tick:
    if not isinstance(price, Mapping) or {*price} != {"bid", "ask"}:
        raise ValueError('a price is {"bid": …, "ask": …}')
    bid, ask = (parse_decimal(str(price[side])) for side in ("bid", "ask"))
    if not 0 < bid <= ask:
        raise ValueError(f"bid {bid} and ask {ask} are not a market's")
    return Tick(plain(bid), plain(ask), plain(bid))
