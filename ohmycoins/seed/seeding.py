"""Seed a database: its ledgers, then its people, then what they traded."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction

from apps.accounts.models import User
from apps.ledgers.services.control import sync_sources
from apps.trading.models import Account
from apps.trading.records import Bounds
from ohmycoins.core import clock
from ohmycoins.core.errors import Refused
from ohmycoins.sandbox.market import Market
from ohmycoins.seed import past
from ohmycoins.seed.algorithms import Numbers, numbers_of
from ohmycoins.seed.entries import Window
from ohmycoins.seed.ideas import Idea, Outlook, ideas_of, ideas_of_algorithm
from ohmycoins.seed.marks import GROUP, alone, quiet, seeded_accounts, seeded_users
from ohmycoins.seed.outlook import read_outlook
from ohmycoins.seed.past import Report
from ohmycoins.seed.people import LIMITS, Person, person
from ohmycoins.seed.replay import trade_through

# Of an account: everyone's first is named as `default_account` names it.
FIRST_NAME, NEXT_NAME = "Paper", "Demo"
HERE = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Seeded:
    """The past that is there, and how much a run added to it."""

    window: Window
    new_users: int
    new_accounts: int


def seed_database(*, users: int, algorithms: int, days: int, seed: int, report: Report) -> Seeded:
    """Write what is missing of the past, the people and their trades.

    Superusers are kept as they are, counted among the `users`, and get an account as everyone does;
    `algorithms` are dealt out to all, and two thirds of them trade. A run after one that was interrupted goes on where that ended; a
    run after a finished one adds nothing, however much later. Raises Refused (live trading, or the past
    of another seed) and Conflict (it is being seeded already).
    """
    _require_no_live_trading()
    with alone(), quiet():
        sync_sources()
        window = past.begin(seed, days).window
        market = Market(seed)
        past.write(market, window, report)
        traders, new_users = _people(seed, users, window)
        has_traded = set(seeded_accounts().values_list("user_id", flat=True))
        waiting = [(number, user) for number, user in enumerate(traders) if user.pk not in has_traded]
        if waiting:
            outlook = read_outlook(market, window)
            for number, user in waiting:
                numbers = numbers_of(number, len(traders), algorithms)
                _trade(user, _ideas(seed, number, user, numbers, outlook), numbers, outlook, report)
        return Seeded(window, new_users=new_users, new_accounts=len(waiting))


def _require_no_live_trading() -> None:
    """Refuse where made-up prices could come between a live order and its venue."""
    is_real = urlsplit(settings.COINSPOT_URL).hostname not in HERE
    if is_real and Account.objects.filter(mode=Account.Mode.LIVE).exists():
        raise Refused(
            "There are live accounts here: demo data would price their orders. Use another database."
        )


@transaction.atomic
def _people(seed: int, users: int, window: Window) -> tuple[list[User], int]:
    """Give superusers and seeded users, `users` in all, and how many of them are new."""
    kept = list(User.objects.filter(is_superuser=True).order_by("pk")[:users])
    known = list(seeded_users().filter(is_superuser=False))
    wanted = users - len(kept)
    made = [_make_user(person(seed, number), window) for number in range(len(known), wanted)]
    return [*kept, *known[:wanted], *made], len(made)


def _make_user(made: Person, window: Window) -> User:
    """Store a person who cannot log in: a seeded database opens no door."""
    attempt = 0
    while User.objects.filter(email=made.email(attempt)).exists():
        attempt += 1
    with clock.at(window.since):
        user = User.objects.create_user(
            made.email(attempt), password=None, full_name=made.full_name, timezone=made.timezone,
            preferred_currency=made.preferred_currency, risk_tolerance=made.risk_tolerance,
            trading_experience=made.trading_experience,
        )  # fmt: skip
    user.groups.add(Group.objects.get_or_create(name=GROUP)[0])
    return user


def _ideas(seed: int, number: int, user: User, algorithms: Numbers, outlook: Outlook) -> list[Idea]:
    """Give what a user and the algorithms that run for them want to trade."""
    by_hand = ideas_of(seed, number, (user.risk_tolerance, user.trading_experience), outlook)
    return by_hand + [
        idea
        for algorithm_id in algorithms.trading
        for idea in ideas_of_algorithm(seed, algorithm_id, outlook)
    ]


def _trade(user: User, ideas: list[Idea], numbers: Numbers, outlook: Outlook, report: Report) -> None:
    """Open the user's account and let it trade through the window."""
    is_first = not Account.objects.filter(user=user, is_default=True).exists()
    position, loss, algorithm = LIMITS[user.risk_tolerance]
    bounds = Bounds(
        max_position_percent=position, max_daily_loss_percent=loss, max_algorithm_percent=algorithm
    )
    part = f"trades of {user.get_full_name()}"
    report(part, 0, len(ideas))
    trade_through(
        user, name=FIRST_NAME if is_first else NEXT_NAME, is_default=is_first, bounds=bounds, outlook=outlook,
        ideas=ideas, numbers=numbers, report=lambda done: report(part, done, len(ideas)),
    )  # fmt: skip
    report(part, len(ideas), len(ideas))
