"""Check what must hold of our own rows whatever workers, venue and network did (the order protocol).

Each invariant is one SELECT of its breaches, so it sees one state of the database while others go on
writing: what moves together is committed together. Nothing is locked and nothing is mended; a breach is a
bug, or somebody's hand in the database, and is for a person. What the venue has beside our rows is the
reconciler's to compare (`services.balances`), and what follows from fills is `apps.pnl`'s.

Most are about rows that can be looked at some at a time, which is how `apps.monitoring` walks through a
large database; tests and commands look at all at once.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DataError, connection, transaction

from apps.trading.invariant import Breach, Invariant, Key, columns_of
from apps.trading.services.audit import CHAIN, NO_ACCOUNT, verify_chains
from apps.trading.services.conservation import ALL_FILLS, conserved
from apps.trading.services.order_invariants import IN_TIME, OF_ORDERS
from apps.trading.states import IN_FLIGHT, TERMINAL, TRANSITIONS, UNRESOLVED, values

__all__ = ["ALWAYS", "IN_TIME", "Breach", "check_invariants", "find_breaches", "find_breaches_of"]

GRACE = timedelta(seconds=60)
# What a new order may begin as: accepted or denied, or at the venue if it was made there.
FIRST = [">pending", ">denied", ">open"]
ALWAYS = (*conserved(ALL_FILLS), *OF_ORDERS)
MOST_AT_ONCE = 100
"""Of each invariant in a slice: what is broken everywhere need not be told a million times."""
UNREADABLE = "unreadable"

OF_ACCOUNTS = (
    "SELECT account_id, order_id, what, subject FROM ({0}) AS breach"
    " WHERE %(accounts)s::bigint[] IS NULL OR account_id = ANY(%(accounts)s::bigint[]) ORDER BY 1, 2, 4, 3"
)
# Materialised, or the limit makes the planner hope to find some soon, and read all where there are none.
SOME = f"""
    WITH breach AS MATERIALIZED ({{0}}) SELECT account_id, order_id, what, subject FROM breach LIMIT {MOST_AT_ONCE}
"""  # noqa: S608 - constants only
# A few rows of each table: the way by indexes is the short one, however large the planner knows a table to be.
FEW = """
    SELECT set_config(name, value, true) FROM (VALUES ('random_page_cost', '1'), ('enable_mergejoin', 'off'),
        ('max_parallel_workers_per_gather', '0')) AS plan (name, value)
"""


def check_invariants(
    account_ids: Collection[int] | None = None, *, now: datetime | None = None, chains: bool = True
) -> list[Breach]:
    """Give every breach in the accounts' rows (None: in all accounts'), empty when all is well.

    With `now` also what takes longer than it may while the venue answers: `unknown_too_long` says that
    nobody could ask the venue, or that nobody did. Without `chains` the events' digests are not walked,
    which reads every event; the other statements sum over all of an account's fills and events.
    """
    found = find_breaches((*ALWAYS, *(IN_TIME if now else ())), account_ids, now=now)
    return found + (_broken_chains(account_ids) if chains else [])


def find_breaches(
    invariants: Iterable[Invariant],
    account_ids: Collection[int] | None = None,
    *,
    now: datetime | None = None,
) -> list[Breach]:
    """Look at all rows, and give the breaches that are in the accounts' (None: in all)."""
    given = _given(now) | {"accounts": None if account_ids is None else list(account_ids)}
    return [
        breach
        for invariant in invariants
        for breach in _select(invariant.name, OF_ACCOUNTS.format(invariant.of_all()), given)
    ]


def find_breaches_of(
    invariants: Iterable[Invariant], keys: Sequence[Key] | None, *, now: datetime
) -> list[Breach]:
    """Look at the rows with these keys (None: at all), and give at most 100 breaches of each invariant.

    A row that cannot even be read, such as a number that is none, is a breach itself and hides no other invariant.
    """
    if keys is not None and not keys:
        return []
    given = _given(now) | ({} if keys is None else columns_of(keys))
    found: list[Breach] = []
    for invariant in invariants:
        statement = SOME.format(invariant.of_all() if keys is None else invariant.of_keys())
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                if keys is not None:
                    cursor.execute(FEW)
                found += _select(invariant.name, statement, given)
        except DataError as error:
            what = f"it could not be checked: {str(error).splitlines()[0][:200]}"
            found.append(Breach(invariant.name, None, None, what, UNREADABLE))
    return found


def _select(name: str, statement: str, given: dict[str, Any]) -> list[Breach]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return [Breach(name, *row) for row in cursor.fetchall()]


def _given(now: datetime | None) -> dict[str, Any]:
    return {
        "in_flight": values(IN_FLIGHT), "terminal": values(TERMINAL), "unresolved": values(UNRESOLVED),
        "moves": FIRST + [f"{source}>{target}" for source, targets in TRANSITIONS.items() for target in targets],
        "now": now, "grace": GRACE, "settle": timedelta(seconds=settings.OMC_SETTLE_SECONDS),
    }  # fmt: skip


def _broken_chains(account_ids: Collection[int] | None) -> list[Breach]:
    """Walk the events' chains (`services.audit`): of the accounts, or all of them and that of no account."""
    chains = (
        verify_chains()
        if account_ids is None
        else (verified for account_id in account_ids for verified in verify_chains(account_id))
    )
    return [
        Breach(CHAIN, verified.chain if verified.chain != NO_ACCOUNT else None, None, verified.fault)
        for verified in chains
        if verified.fault
    ]
