"""Write stories: what, when and about which coin follows from the seed, the tone loosely from the market."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice, takewhile
from random import Random
from typing import Self

from ohmycoins.sandbox.chance import Moment, Stream, dice
from ohmycoins.sandbox.market import AUD_PER_USDT, BASES, Market

NAMES = {
    "BTC": "Bitcoin", "ETH": "Ethereum", "ADA": "Cardano", "DOT": "Polkadot", "LINK": "Chainlink",
    "UNI": "Uniswap", "AAVE": "Aave", "SOL": "Solana", "POL": "Polygon", "DOGE": "Dogecoin",
}  # fmt: skip
COINS = tuple(NAMES)
WEIGHTS = (8, 5, 2, 1, 2, 1, 1, 3, 1, 2)  # how often each is written about
FIRMS = (
    "Harrow Capital", "Meridian Digital", "Blue Gum Asset Management", "Kestrel Research", "Northlight Partners",
    "Tidewater Trading", "Copperfield Bank", "Sable Ventures", "Anchorline Custody", "Quayside Securities",
)  # fmt: skip
PEOPLE = (
    "Maya Lindqvist", "Tom Okafor", "Priya Raman", "Daniel Whitlock", "Elena Marchetti", "Jun Takeda",
    "Sofia Almeida", "Callum Reid",
)  # fmt: skip
WORTH_A_HEADLINE = 0.01
NOISE = 0.05  # a day's move of this size weighs as much as chance

Phrase = tuple[str, str]
"""A title and a text, with fields in braces: see `_fields`."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """What can be written, by tone: 1 is bullish, -1 bearish. `moves` is only said of coins that moved so."""

    moves: Mapping[int, tuple[Phrase, ...]]
    events: Mapping[int, tuple[Phrase, ...]]
    endings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A piece of writing, how it sounds (1 bullish, -1 bearish), and the coins that it names."""

    number: int
    at: datetime
    title: str
    text: str
    tone: int = 0
    coins: tuple[str, ...] = ()

    def restated(self) -> Self:
        return replace(self, title=f"{self.title} (updated)", text=f"Correction: {self.text}")

    def moved(self, by: timedelta) -> Self:
        return replace(self, at=self.at + by)


@dataclass(frozen=True, slots=True)
class Writer:
    """Somebody who has something new to say in every period."""

    market: Market
    name: str
    every: timedelta
    phrases: Phrases
    coins: tuple[str, ...] = ()
    """What they write about; all coins unless given."""

    def latest(self, now: datetime, count: int, skip: int = 0) -> list[Story]:
        """Give `count` stories up to `now`, newest first, after the `skip` newest."""
        return [self._story(moment) for moment in islice(self._moments(now), skip, skip + count)]

    def since(self, start: datetime, now: datetime) -> list[Story]:
        """Give the stories after `start` and up to `now`, newest first."""
        return [
            self._story(moment) for moment in takewhile(lambda moment: moment.at > start, self._moments(now))
        ]

    def _moments(self, now: datetime) -> Iterator[Moment]:
        return Stream(self.market.seed, self.name, self.every).until(now)

    def _story(self, moment: Moment) -> Story:
        throw = dice(self.market.seed, self.name, moment.number, "story")
        coin, other = self._coins(throw)
        change = self.market.change(coin, moment.at)
        mood = change / NOISE + throw.uniform(-1, 1)
        tone = (mood > 0.3) - (mood < -0.3)
        agrees = tone * change > WORTH_A_HEADLINE
        title, text = throw.choice(
            (*self.phrases.events[tone], *(self.phrases.moves[tone] if agrees else ()))
        )
        fields = _fields(throw, coin, other, change, self.market.level(coin, moment.at))
        said = f"{title} {text}"
        is_named = {coin: "{name}" in said or "{code}" in said, other: "{other}" in said}
        return Story(
            number=moment.number,
            at=moment.at,
            title=title.format_map(fields),
            text=f"{text} {throw.choice(self.phrases.endings)}".strip().format_map(fields),
            tone=tone,
            coins=tuple(named for named in is_named if is_named[named]),
        )

    def _coins(self, throw: Random) -> tuple[str, str]:
        coin = throw.choice(self.coins) if self.coins else throw.choices(COINS, WEIGHTS)[0]
        return coin, throw.choice([other for other in COINS if other != coin])


def _fields(throw: Random, coin: str, other: str, change: float, level: float) -> dict[str, str]:
    price = BASES[coin] * level / AUD_PER_USDT
    return {
        "name": NAMES[coin],
        "code": coin,
        "other": NAMES[other],
        "move": f"{abs(change) * 100:.1f}%",
        "price": f"${price:,.0f}" if price >= 100 else f"${price:,.2f}",
        "firm": throw.choice(FIRMS),
        "person": throw.choice(PEOPLE),
        "millions": f"${throw.randint(12, 950)} million",
        "share": f"{throw.randint(3, 48)}%",
        "days": str(throw.randint(2, 30)),
    }
