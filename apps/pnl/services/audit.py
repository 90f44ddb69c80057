"""Compute an account's book a second time from its fills, and compare it with what is stored, to the last digit.

The second computation is another one: arrays of integers (`exact`, `tally`), not Decimals one by one
(`fifo`) and sums in SQL. All is read in one snapshot, so that what is booked meanwhile is no difference.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from django.db import connection, transaction
from django.db.models import F

from apps.pnl.models import BookingFailure, Closing, Lot
from apps.pnl.services.columns import (
    ENTRIES,
    LEDGERS,
    NARROW,
    RESULTS,
    WIDE,
    Scope,
    coin_names,
    read_all,
    wide_coins,
)
from apps.pnl.services.comparison import Comparison, compare_totals
from apps.pnl.services.differences import WHOLE_ACCOUNT, Difference, Differences
from apps.pnl.services.equity import revalue
from apps.pnl.services.rebuild import forget_coin, rebuild_coin, take_time
from apps.pnl.services.rollups import rebuild_sums
from apps.pnl.tally import SUMS, Book, Columns, compute, group
from apps.trading.models import Account


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found in an account's book."""

    fills: int
    lots: int
    matches: int
    unbooked: tuple[str, ...]
    """Coins whose booking failed and is tried again; they are left out."""
    differences: tuple[Difference, ...]
    """The first ones …"""
    count: int
    """… of so many."""
    coins: tuple[str, ...]
    """Whose stored books differ; "" stands for the account's days."""


def audit_account(account: Account) -> Audit:
    """Compare everything that is booked of the account with what its fills and movements come to.

    Opens a transaction of its own, which reads only. Coins whose booking failed are left out, but for their
    part of the account's days as it is stored.
    """
    with _snapshot():
        account = Account.objects.get(pk=account.pk)
        unbooked = tuple(
            BookingFailure.objects.filter(account=account)
            .order_by("coin_type")
            .values_list("coin_type", flat=True)
        )
        differences = Differences(account.pk, coin_names(account))
        fills = lots = matches = 0
        days = [read_all(RESULTS, Scope(account, unbooked, among=True, places=WIDE))] if unbooked else []
        for scope in _scopes(account, unbooked):
            book = recompute(scope)
            fills += int((book.entries["source"] > 0).sum())
            lots += int(book.entries["comes"].sum())
            matches += len(book.settlement.lot)
            days.append(_days(book))
            Comparison(book, scope, differences).run()
        compare_totals(_totals(days), Scope(account, (), among=False, places=WIDE), differences)
    return Audit(
        fills,
        lots,
        matches,
        unbooked,
        tuple(differences.kept),
        differences.count,
        tuple(sorted(differences.coins)),
    )


def recompute(scope: Scope) -> Book:
    """Read what came and went, and compute all that it comes to."""
    return compute(read_all(ENTRIES, scope), timezone=scope.account.timezone, ledgers=len(LEDGERS))


@transaction.atomic
def mend_book(account: Account, audit: Audit) -> None:
    """Write the books that differed anew, and the account's days; takes the account's lock."""
    take_time()
    locked = Account.objects.locked().get(pk=account.pk)
    coins = {coin for coin in audit.coins if coin != WHOLE_ACCOUNT}
    for rows in (Lot.objects, Closing.objects):  # some may stand under the wrong coin: both are written anew
        strays = (
            rows.filter(account=locked).exclude(coin_type=F("fill__coin_type")).filter(fill__isnull=False)
        )
        coins.update(strays.values_list("fill__coin_type", flat=True))
    for coin in coins:
        forget_coin(locked, coin)
    for coin in sorted(coins):
        rebuild_coin(locked, coin)
    if WHOLE_ACCOUNT in audit.coins:
        rebuild_sums(locked)
    revalue(locked)


@contextmanager
def _snapshot() -> Iterator[None]:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        take_time()
        yield


def _scopes(account: Account, unbooked: tuple[str, ...]) -> Iterator[Scope]:
    wide = wide_coins(account).difference(unbooked)
    yield Scope(account, (*sorted(wide), *unbooked), among=False, places=NARROW)
    if wide:
        yield Scope(account, tuple(sorted(wide)), among=True, places=WIDE)


def _days(book: Book) -> Columns:
    return book.results | {"day": book.keys.day_of(book.results["key"])}


def _totals(days: list[Columns]) -> Columns:
    """Add days of coins up to the account's."""
    together = {name: np.concatenate([some[name] for some in days]) for name in ("day", *SUMS)}
    return group(together["day"], {name: partial(together.__getitem__, name) for name in SUMS})
