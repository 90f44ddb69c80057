"""Make up how coins wander: a pure function of the seed and the minute that looks like the real thing.

The problem: prices of a year ago, of this minute and of tomorrow must hang together, whenever and by
whoever they are asked for, without anything stored. So the walk begins on a day long ago and is worked
out day by day (cached); within a day, a bridge of 24 steps leads from one midnight to the next, and within
an hour one of 60. Of a day, what real markets have: regimes that last for weeks, with their own drift and
unrest; fat tails; coins that move together; and a slow pull back to the base, so that no coin is worth
nothing, or everything, in a few years.

Declined: a sum of waves, which is cheap and smooth, and no chart of a coin looks like it.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate
from random import Random

from ohmycoins.sandbox.chance import dice

FIRST_DAY = int(datetime(2015, 1, 1, tzinfo=UTC).timestamp()) // 86_400
HOURS, MINUTES = 24, 60
DAYS_AT_ONCE = 512
# How much a coin moves in a usual day, and how much of that it shares with all others.
UNREST = {
    "BTC": (0.020, 0.90), "ETH": (0.025, 0.88), "SOL": (0.027, 0.80), "AAVE": (0.027, 0.76), "LINK": (0.026, 0.80),
    "UNI": (0.027, 0.76), "DOT": (0.026, 0.80), "POL": (0.027, 0.76), "ADA": (0.026, 0.80), "DOGE": (0.027, 0.72),
}  # fmt: skip
COINS = tuple(UNREST)
PULL = 0.006  # of what a coin is away from its base, per day
TAILS = 4  # degrees of freedom of Student's t
LARGEST = 6.0  # a day's shock, in usual ones


@dataclass(frozen=True, slots=True)
class Regime:
    """How the market feels for some weeks: its drift per day, and its unrest beside the usual."""

    drift: float
    unrest: float
    days: float
    """How long it lasts on average."""


REGIMES = (Regime(0.0022, 0.9, 50), Regime(-0.0028, 1.4, 25), Regime(0.0, 0.55, 40), Regime(0.0, 1.05, 60))


@dataclass(frozen=True, slots=True)
class Days:
    """Where every coin stands at the midnights of a stretch of days, and how restless each day is."""

    levels: tuple[tuple[float, ...], ...]
    """The logarithm of each coin's share of its base, per day, in the order of COINS."""
    unrest: tuple[float, ...]
    regime: int
    """In which the stretch ends."""


def walk(seed: int, coin: str, minute: int) -> float:
    """Give the logarithm of a coin's share of its base in a minute (since 1970); 0 before there were prices."""
    hour, past = divmod(minute, MINUTES)
    place = COINS.index(coin)
    return _minutes(seed, hour, place)[past] if past else _at_hour(seed, hour, place)


def _at_hour(seed: int, hour: int, place: int) -> float:
    day, past = divmod(hour, HOURS)
    if day < FIRST_DAY:
        return 0.0
    return _hours(seed, day, place)[past] if past else _midnight(seed, day)[0][place]


@lru_cache(maxsize=8192)
def _hours(seed: int, day: int, place: int) -> Sequence[float]:
    """Give a coin's level at the hours of a day."""
    (start, unrest), (end, _) = _midnight(seed, day), _midnight(seed, day + 1)
    return _bridge((seed, "hours", day), place, start[place], end[place], HOURS, unrest / math.sqrt(HOURS))


@lru_cache(maxsize=2048)
def _minutes(seed: int, hour: int, place: int) -> Sequence[float]:
    """Give a coin's level at the minutes of an hour."""
    day = hour // HOURS
    unrest = _midnight(seed, day)[1] if day >= FIRST_DAY else 0.0
    start, end = _at_hour(seed, hour, place), _at_hour(seed, hour + 1, place)
    return _bridge((seed, "minutes", hour), place, start, end, MINUTES, unrest / math.sqrt(HOURS * MINUTES))


def _midnight(seed: int, day: int) -> tuple[tuple[float, ...], float]:
    number, place = divmod(day - FIRST_DAY, DAYS_AT_ONCE)
    days = _days(seed, number)
    return days.levels[place], days.unrest[place]


@lru_cache(maxsize=64)
def _days(seed: int, number: int) -> Days:
    """Walk through a stretch of days from where the one before it ended."""
    throw = dice(seed, "days", number)
    before = _days(seed, number - 1) if number else None
    regime = before.regime if before else throw.randrange(len(REGIMES))
    level = _step(throw, before.levels[-1], REGIMES[regime]) if before else (0.0,) * len(COINS)
    levels, unrest = [], []
    for _ in range(DAYS_AT_ONCE):
        if throw.random() < 1 / REGIMES[regime].days:
            regime = throw.randrange(len(REGIMES))
        levels.append(level)
        unrest.append(REGIMES[regime].unrest)
        level = _step(throw, level, REGIMES[regime])
    return Days(tuple(levels), tuple(unrest), regime)


def _step(throw: Random, level: tuple[float, ...], regime: Regime) -> tuple[float, ...]:
    """Give where the coins stand a day later."""
    shared = _shock(throw)
    return tuple(
        at * (1 - PULL) + regime.drift + regime.unrest * usual * _mixed(shared, _shock(throw), together)
        for at, (usual, together) in zip(level, UNREST.values(), strict=True)
    )


def _bridge(
    whose: tuple[object, ...], place: int, first: float, last: float, steps: int, unrest: float
) -> Sequence[float]:
    """Lead a coin from `first` to `last` in `steps` steps, of which the last is left out."""
    usual, together = UNREST[COINS[place]]
    both = zip(_noise((*whose, "shared"), steps), _noise((*whose, place), steps), strict=True)
    moves = [unrest * usual * _mixed(shared, own, together) for shared, own in both]
    astray = (last - first - sum(moves)) / steps
    return array("d", accumulate((move + astray for move in moves[:-1]), initial=first))


@lru_cache(maxsize=256)
def _noise(whose: tuple[object, ...], steps: int) -> tuple[float, ...]:
    throw = dice(*whose)
    return tuple(throw.gauss(0, 1) for _ in range(steps))


def _mixed(shared: float, own: float, together: float) -> float:
    return together * shared + math.sqrt(1 - together**2) * own


def _shock(throw: Random) -> float:
    """Give a fat-tailed number of variance one (Student's t), within reason."""
    scale = math.sqrt(throw.gammavariate(TAILS / 2, 2) / (TAILS - 2))
    return max(-LARGEST, min(LARGEST, throw.gauss(0, 1) / scale))
