"""Draw lots that follow from the seed, so that the same moment always looks the same."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

Card = TypeVar("Card")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def dice(*what: object) -> random.Random:
    """Give a generator whose every throw follows from `what`: the seed, then whose throws they are."""
    return random.Random(repr(what))  # noqa: S311 - a simulation, not a secret


def digits(*what: object, length: int, alphabet: str = "0123456789abcdef") -> str:
    """Give an identifier that follows from `what`."""
    return "".join(dice(*what).choices(alphabet, k=length))


def deal(*what: object, number: int, cards: Sequence[Card]) -> Card:
    """Give the card that comes `number`th when the deck is shuffled again each time it has been dealt."""
    deck, place = divmod(number, len(cards))
    return dice(*what, deck).sample(cards, len(cards))[place]


@dataclass(frozen=True, slots=True)
class Moment:
    """When something new came; its number never changes and is larger than those of earlier ones."""

    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Stream:
    """The moments at which `name` brings something new: one at random in every period."""

    seed: int
    name: str
    every: timedelta

    def until(self, now: datetime) -> Iterator[Moment]:
        """Give the moments up to `now`, newest first, without an end."""
        number = (now - EPOCH) // self.every
        while True:
            share = dice(self.seed, self.name, number).random()
            at = (EPOCH + self.every * (number + share)).replace(microsecond=0)
            if at <= now:
                yield Moment(number, at)
            number -= 1
