"""Take one safeguard away, to show that the suite notices: the product itself has no such switch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

FENCE, LOCK, INDEX = "fence", "lock", "index"
ALL = (FENCE, LOCK, INDEX)
DROP_INDEX = "DROP INDEX IF EXISTS order_one_unresolved"


def weaken(without: str) -> None:
    """Patch this process's copy of the product; call after Django is set up. Empty is no change."""
    if without:
        {FENCE: _no_fence, LOCK: _no_lock, INDEX: _no_index}[without]()


def weaken_database(without: str) -> None:
    """Take what the database holds of the safeguard away."""
    if without == INDEX:
        with connection.cursor() as cursor:
            cursor.execute(DROP_INDEX)


def _no_fence() -> None:
    """Believe at once that no late submit can arrive."""
    from apps.trading.venues.coinspot import CoinspotVenue

    CoinspotVenue.fence = lambda self, nonce, key: None


def _no_lock() -> None:
    """Read what limits and claims go by without the account's row lock, any number of workers at once."""
    from apps.trading.querysets import AccountQuerySet
    from apps.trading.services import live

    @contextmanager
    def always(account_id: int) -> Iterator[bool]:
        yield True

    def unlocked(self: Any, *, skip_locked: bool = False) -> Any:
        return self

    AccountQuerySet.locked = unlocked
    live._alone = always


def _no_index() -> None:
    """Claim orders of accounts that have an unresolved one."""
    from apps.trading.querysets import OrderQuerySet

    OrderQuerySet.unresolved = lambda self: self.none()
