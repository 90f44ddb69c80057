"""Tell what was made up: users by their group, accounts by the event in their trail."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.trading.models import Account, Event
from ohmycoins.core.errors import Conflict

GROUP = "seeded"
EVENT = "account.seeded"
ACTOR = "seed"
LOCK = "ohmycoins.seed"


def seeded_users() -> QuerySet[User]:
    """Give the users that were made up, in the order in which they were; whoever leaves the group is real."""
    return User.objects.filter(groups__name=GROUP).order_by("pk")


def seeded_accounts() -> QuerySet[Account]:
    """Give the accounts that were made up."""
    return Account.objects.filter(pk__in=Event.objects.filter(type=EVENT).values("account_id"))


@contextmanager
def alone() -> Iterator[None]:
    """Let nobody else seed or clear meanwhile. Raises Conflict when somebody does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [LOCK])
        if not cursor.fetchone()[0]:
            raise Conflict("The database is being seeded or cleared at this moment.")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [LOCK])


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the apps' log to errors: a year of orders within a minute says nothing to anyone."""
    apps = logging.getLogger("apps")
    before = apps.level
    apps.setLevel(logging.ERROR)
    try:
        yield
    finally:
        apps.setLevel(before)
