"""Make up a market: prices that look real and are a pure function of the seed and the minute."""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from ohmycoins.sandbox import walks

# Coins with an order book and a price in AUD around which each wanders.
BASES = {
    "BTC": 130_000, "ETH": 4_600, "SOL": 250, "AAVE": 310, "LINK": 24, "UNI": 13, "DOT": 8,
    "POL": 0.85, "ADA": 0.95, "DOGE": 0.28,
}  # fmt: skip
AUD_PER_USDT = 1.53
# How anything but a coin wanders: waves of a week down to minutes, by period in minutes and height.
WAVES = ((10_080, 0.06), (1_440, 0.02), (217, 0.006), (41, 0.002), (7, 0.0006))
SPREAD = 0.003
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tick:
    """A market's prices in one minute, as CoinSpot writes them."""

    bid: str
    ask: str
    last: str


class Market:
    """Ten coins against AUD, Bitcoin against USDT, and one market so thin that it has no price."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def prices(self, now: datetime) -> dict[str, Tick | None]:
        """Give every market's prices by CoinSpot's key, such as `btc` or `btc_usdt`; None is "NaN"."""
        minute = int(now.timestamp()) // 60
        ticks: dict[str, Tick | None] = {
            coin.lower(): self._tick(coin, base, minute) for coin, base in BASES.items()
        }
        ticks["btc_usdt"] = self._tick("BTC", BASES["BTC"] / AUD_PER_USDT, minute)
        ticks["thin"] = None
        return ticks

    def tick(self, coin: str, at: datetime) -> Tick:
        """Give a coin's prices in AUD."""
        return self._tick(coin, BASES[coin], int(at.timestamp()) // 60)

    def level(self, what: str, at: datetime) -> float:
        """Say where `what`, a coin or anything else that wanders, stands at `at`; 1 is its base."""
        return self._level(what, int(at.timestamp()) // 60)

    def change(self, coin: str, at: datetime) -> float:
        """Say by what share a coin's price has moved in the day up to `at`."""
        return self.level(coin, at) / self.level(coin, at - DAY) - 1

    def _tick(self, coin: str, base: float, minute: int) -> Tick:
        middle = base * self._level(coin, minute)
        half = SPREAD / 2 * (0.5 + _chance(self.seed, coin, "spread", minute))
        last = middle * (1 + half * (2 * _chance(self.seed, coin, "last", minute) - 1))
        places = 2 if base >= 100 else 6
        return Tick(*(_write(price, places) for price in (middle * (1 - half), middle * (1 + half), last)))

    def _level(self, what: str, minute: int) -> float:
        if what in BASES:
            return math.exp(walks.walk(self.seed, what, minute))
        waves = zip(WAVES, _phases(self.seed, what), strict=True)
        return math.exp(
            sum(
                height * math.sin(2 * math.pi * (minute / period + phase))
                for (period, height), phase in waves
            )
        )


@lru_cache(maxsize=256)
def _phases(seed: int, what: str) -> tuple[float, ...]:
    return tuple(_chance(seed, what, period) for period, _ in WAVES)


def _chance(*what: object) -> float:
    """Give a number from 0 to 1 that depends on `what` alone."""
    digest = hashlib.blake2b(repr(what).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _write(price: float, places: int) -> str:
    return f"{price:.{places}f}"
