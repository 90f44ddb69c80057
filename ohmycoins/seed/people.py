"""Make up people: who they are, where they live, and how they trade."""

from dataclasses import dataclass
from decimal import Decimal

from ohmycoins.sandbox.chance import dice

FIRST_NAMES = (
    "Amelia", "Ravi", "Chloe", "Lachlan", "Mei", "Oliver", "Fatima", "Jack", "Sienna", "Hugo", "Ngaire", "Tomasz",
    "Zara", "Ethan", "Leilani", "Marcus", "Isla", "Dmitri", "Grace", "Kofi",
)  # fmt: skip
LAST_NAMES = (
    "Thornton", "Subramaniam", "Nguyen", "McAllister", "Tanaka", "Fitzgerald", "Haddad", "Kowalski", "Barker", "Moreau",
    "Tamihana", "Lindgren", "Okonkwo", "Papadakis", "Wright", "Castellano", "Doherty", "Sokolov", "Chandra", "Mensah",
)  # fmt: skip
HOMES = (
    ("Australia/Sydney", "AUD"), ("Australia/Perth", "AUD"), ("Pacific/Auckland", "NZD"), ("Australia/Adelaide", "AUD"),
    ("Asia/Singapore", "SGD"), ("Europe/London", "GBP"), ("Australia/Brisbane", "AUD"), ("America/New_York", "USD"),
    ("Asia/Tokyo", "JPY"), ("Europe/Berlin", "EUR"),
)  # fmt: skip
RISKS = ("low", "medium", "high")
EXPERIENCES = ("beginner", "intermediate", "advanced")
# What people of a risk tolerance set as their limits: position, daily loss, algorithm in percent.
LIMITS = {
    "low": (Decimal(15), Decimal(3), Decimal(20)),
    "medium": (Decimal(20), Decimal(5), Decimal(30)),
    "high": (Decimal(30), Decimal(8), Decimal(40)),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who trades; among any three, every risk tolerance and every experience appears."""

    number: int
    full_name: str
    timezone: str
    preferred_currency: str
    risk_tolerance: str
    trading_experience: str

    def email(self, attempt: int = 0) -> str:
        """Give an address that reaches nobody (RFC 2606); others when the first are taken."""
        name = self.full_name.lower().replace(" ", ".")
        return f"{name}{attempt + 1 if attempt else ''}@example.com"


def person(seed: int, number: int) -> Person:
    """Make up the `number`th person of a seed; no two of the first four hundred share a name."""
    firsts, lasts = list(FIRST_NAMES), list(LAST_NAMES)
    throw = dice(seed, "people")
    throw.shuffle(firsts)
    throw.shuffle(lasts)
    rounds, place = divmod(number, len(firsts))
    timezone, currency = HOMES[number % len(HOMES)]
    return Person(
        number=number,
        full_name=f"{firsts[place]} {lasts[(place + rounds) % len(lasts)]}",
        timezone=timezone,
        preferred_currency=currency,
        risk_tolerance=RISKS[number % len(RISKS)],
        trading_experience=EXPERIENCES[(number + number // len(RISKS)) % len(EXPERIENCES)],
    )
