"""Think up what people and their algorithms want to trade, and when; pure.

Nobody looks ahead: an idea at an instant follows from prices and entries before it, so some are good and
some are not. What an idea comes to is for the market, the account and its limits to say (`replay`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from ohmycoins.sandbox.chance import dice
from ohmycoins.sandbox.market import BASES, DAY, Market

BUY, SELL = "buy", "sell"
COINS = tuple(BASES)
LEDGERS = ("exchange", "human", "glass", "catalyst")
# Whose value locked speaks for a coin; Ethereum's for the others.
CHAIN = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "SOL": "Solana",
    "ADA": "Cardano",
    "POL": "Polygon",
    "DOT": "Polkadot",
}
PROTOCOL = {"AAVE": "aave", "UNI": "uniswap"}
LIMITED = 0.25  # the share of a person's orders that wait for a better price
BOLD = 0.08  # the share of ideas that nobody checks against what is there
MISSED = 0.02  # the share of an algorithm's orders that come too late
ROUND = 100  # AUD: what amounts are multiples of
OPENING = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """A wish to trade: `share` of A$100,000 to spend, or of what the book holds to sell."""

    at: datetime
    coin: str
    side: str
    share: float
    algorithm_id: int | None = None
    ledger: str = ""
    better_by: float = 0.0
    """How far beyond the market its limit lies, as a share; 0 is a market order."""
    patience: timedelta = timedelta(0)
    """How long a limit order may rest before it is cancelled."""
    is_bold: bool = False
    """Whether it is tried even if there is visibly not enough to pay or to sell."""
    is_late: bool = False
    """Whether nobody takes the order up before it expires."""
    confidence: Decimal = Decimal("0.5")
    """An algorithm's, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What there was to go by: prices, how the texts of each day sounded, and events, by coin."""

    market: Market
    since: datetime
    until: datetime
    moods: dict[str, dict[date, float]] = field(default_factory=dict)
    """By coin: the mean sentiment of a day's texts."""
    events: dict[str, dict[date, int]] = field(default_factory=dict)
    """By coin: what a day's events mean, 1 for good and -1 for bad."""

    def days(self, hour: int) -> Iterator[datetime]:
        """Give the instants of a daily look at the market."""
        at = self.since.replace(hour=hour, minute=0) + DAY
        while at < self.until:
            yield at
            at += DAY

    def moved(self, coin: str, at: datetime, days: int) -> float:
        """Say by what share a coin has moved in some days."""
        return self.market.level(coin, at) / self.market.level(coin, at - DAY * days) - 1

    def levels(self, coin: str, at: datetime, days: int) -> list[float]:
        """Give a coin's level at the instant and on the days before it, newest first."""
        return [self.market.level(coin, at - DAY * ago) for ago in range(days)]


def ideas_of(seed: int, number: int, profile: tuple[str, str], outlook: Outlook) -> list[Idea]:
    """Give the ideas of a person by hand, oldest first; `profile` is risk tolerance and experience."""
    throw = dice(seed, "ideas", number)
    styles = STYLES[profile]
    found = [_varied(idea, throw) for style in styles for idea in style(throw, outlook)]
    return sorted(found, key=lambda idea: idea.at)


def ideas_of_algorithm(seed: int, algorithm_id: int, outlook: Outlook) -> list[Idea]:
    """Give the ideas of an algorithm, oldest first: one coin, and one ledger that it rests on."""
    throw, coin = dice(seed, "algorithm", algorithm_id), coin_of_algorithm(seed, algorithm_id)
    ledger, hour = ledger_of_algorithm(algorithm_id), throw.randrange(24)
    found: list[Idea] = []
    share, held_since = throw.choice((0.06, 0.09, 0.12)), None
    for at in outlook.days(hour):
        sign = SIGNALS[ledger](outlook, coin, at)
        if sign > 0 and held_since is None:
            found.append(Idea(at=at, coin=coin, side=BUY, share=share))
            held_since = at
        elif sign < 0 and held_since is not None and at - held_since >= 2 * DAY:
            found.append(Idea(at=at, coin=coin, side=SELL, share=1.0))
            held_since = None
    dated = (
        replace(
            idea, at=_seconds(idea.at, throw), algorithm_id=algorithm_id, ledger=ledger,
            is_bold=throw.random() < BOLD, is_late=throw.random() < MISSED,
            confidence=Decimal(throw.randint(40, 95)) / 100,
        )
        for idea in found
    )  # fmt: skip
    return sorted(dated, key=lambda idea: idea.at)


def ledger_of_algorithm(algorithm_id: int) -> str:
    """Give the ledger that an algorithm rests on."""
    return LEDGERS[(algorithm_id - 1) % len(LEDGERS)]


def coin_of_algorithm(seed: int, algorithm_id: int) -> str:
    """Give the coin that an algorithm trades; one that looks at figures trades what has some."""
    measured = tuple(CHAIN | PROTOCOL)
    coins = measured if ledger_of_algorithm(algorithm_id) == "glass" else COINS
    return dice(seed, "coin", algorithm_id).choice(coins)


def _varied(idea: Idea, throw: Random) -> Idea:
    """Let a person be neither as regular nor as careful as a rule."""
    at = _seconds(idea.at + timedelta(hours=throw.randrange(3)), throw)
    if throw.random() < LIMITED:
        patience = timedelta(hours=throw.randint(12, 120))
        return replace(idea, at=at, better_by=throw.uniform(0.005, 0.03), patience=patience)
    return replace(idea, at=at, is_bold=throw.random() < BOLD)


def _seconds(at: datetime, throw: Random) -> datetime:
    return at + timedelta(seconds=throw.randint(2, 55), microseconds=throw.randrange(1_000_000))


# Styles: what a person does by hand ---------------------------------------------------------------------


def save(throw: Random, outlook: Outlook) -> Iterator[Idea]:
    """Buy a little of two coins every week, and take some profit now and then."""
    coins, hour = throw.sample(COINS[:6], 2), throw.randrange(20)
    for number, at in enumerate(outlook.days(hour)):
        if number % 7 == 0:
            yield Idea(at=at, coin=coins[number % 2], side=BUY, share=throw.uniform(0.014, 0.024))
        if number % 45 == 44:
            yield Idea(at=at, coin=throw.choice(coins), side=SELL, share=throw.uniform(0.2, 0.5))


def hold(throw: Random, outlook: Outlook) -> Iterator[Idea]:
    """Buy five coins at the start, and move some from the best to the worst every other week."""
    coins, hour = throw.sample(COINS, 5), throw.randrange(20)
    for number, at in enumerate(outlook.days(hour)):
        if number < len(coins) * 3 and number % 3 == 0:
            yield Idea(at=at, coin=coins[number // 3], side=BUY, share=throw.uniform(0.09, 0.14))
        elif number % 14 == 0:
            worst, *_, best = sorted(coins, key=lambda coin: outlook.moved(coin, at, 14))
            yield Idea(at=at, coin=best, side=SELL, share=0.25)
            yield Idea(at=at, coin=worst, side=BUY, share=0.025)


def swing(throw: Random, outlook: Outlook) -> Iterator[Idea]:
    """Buy coins that fell, and sell them when they recovered, fell on, or took too long."""
    hour, size = throw.randrange(20), throw.uniform(0.08, 0.14)
    for coin in throw.sample(COINS, 2):
        bought: tuple[datetime, float] | None = None
        for at in outlook.days(hour):
            level = outlook.market.level(coin, at)
            if bought is None:
                if outlook.moved(coin, at, 3) < -0.06:
                    yield Idea(at=at, coin=coin, side=BUY, share=size)
                    bought = (at, level)
            elif not -0.06 < level / bought[1] - 1 < 0.08 or at - bought[0] > 25 * DAY:
                yield Idea(at=at, coin=coin, side=SELL, share=1.0)
                bought = None


def chase(throw: Random, outlook: Outlook) -> Iterator[Idea]:
    """Buy coins at new heights, and sell them at new lows."""
    hour, size = throw.randrange(20), throw.uniform(0.09, 0.16)
    for coin in throw.sample(COINS, 2):
        is_held = False
        for at in outlook.days(hour):
            level, *before = outlook.levels(coin, at, 15)
            if not is_held and level > max(before):
                yield Idea(at=at, coin=coin, side=BUY, share=size)
                is_held = True
            elif is_held and level < min(before[:7]):
                yield Idea(at=at, coin=coin, side=SELL, share=throw.choice((0.5, 1.0, 1.0)))
                is_held = False


STYLES: dict[tuple[str, str], tuple[Callable[[Random, Outlook], Iterator[Idea]], ...]] = {
    ("low", "beginner"): (save,), ("low", "intermediate"): (hold,), ("low", "advanced"): (hold,),
    ("medium", "beginner"): (save, swing), ("medium", "intermediate"): (swing,), ("medium", "advanced"): (swing, hold),
    ("high", "beginner"): (chase,), ("high", "intermediate"): (chase,), ("high", "advanced"): (swing, chase),
}  # fmt: skip


# Signals: what each ledger says of a coin, 1 to buy, -1 to sell, 0 for nothing ------------------------------


def _cross(outlook: Outlook, coin: str, at: datetime) -> int:
    """Follow the mean of five days across that of twenty."""
    levels = outlook.levels(coin, at, 21)

    def above(newest: int) -> bool:
        fast, slow = levels[newest : newest + 5], levels[newest : newest + 20]
        return sum(fast) / 5 > sum(slow) / 20

    return above(0) - above(1)


def _locked(outlook: Outlook, coin: str, at: datetime) -> int:
    """Follow the value locked on the coin's chain or in its protocol, over two weeks."""
    name = CHAIN.get(coin) or PROTOCOL.get(coin, "Ethereum")
    now, then = (
        outlook.market.level("ETH", when) * outlook.market.level(name, when) for when in (at, at - 14 * DAY)
    )
    return (now / then > 1.08) - (now / then < 0.95)


def _mood(outlook: Outlook, coin: str, at: datetime) -> int:
    """Follow how the texts of the last three days sound."""
    moods = outlook.moods.get(coin, {})
    said = [moods[day] for ago in (1, 2, 3) if (day := (at - DAY * ago).date()) in moods]
    mood = sum(said) / len(said) if said else 0.0
    return (mood > 0.35) - (mood < -0.15)


def _event(outlook: Outlook, coin: str, at: datetime) -> int:
    """Follow yesterday's events."""
    return outlook.events.get(coin, {}).get((at - DAY).date(), 0)


SIGNALS = {"exchange": _cross, "glass": _locked, "human": _mood, "catalyst": _event}
