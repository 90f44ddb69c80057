"""Walk the chains of events and say where one was tampered with.

An event's digest covers the digest before it, so a row that was changed breaks its own, and one that was
put in, taken out or moved breaks the next. The database renders a row as text (`models.event.TEXT`); it is
hashed here. What no chain can show by itself is a rewrite of everything from a row to the head: keep the
heads somewhere else.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from apps.trading.invariant import Breach
from apps.trading.models.event import TEXT

CHAIN = "chain"
NO_ACCOUNT = 0
ROWS_AT_ONCE = 500
CHAINS = """
    SELECT id FROM trading_chain UNION SELECT id FROM trading_account UNION SELECT 0 ORDER BY id
"""
# One statement is one snapshot: the head is the one that these rows had.
WALK = f"""
    SELECT e.id, e.seq, e.digest, {TEXT.format("e").strip()},
           (SELECT seq FROM trading_chain WHERE id = %(chain)s),
           (SELECT digest FROM trading_chain WHERE id = %(chain)s)
    FROM trading_event e WHERE coalesce(e.account_id, 0) = %(chain)s ORDER BY coalesce(e.account_id, 0), e.seq, e.id
"""  # noqa: S608 - constants only
HEAD = "SELECT seq FROM trading_chain WHERE id = %(chain)s"
# Each event beside the one before it; without that, the last one that there is.
LINKS = f"""
    SELECT e.id, e.account_id, e.order_id, e.seq, e.digest, {TEXT.format("e").strip()}, before.seq, before.digest
    FROM trading_event e LEFT JOIN LATERAL (
        SELECT seq, digest FROM trading_event
        WHERE coalesce(account_id, 0) = coalesce(e.account_id, 0) AND seq <= e.seq AND id <> e.id
        ORDER BY coalesce(account_id, 0) DESC, seq DESC LIMIT 1) AS before ON true
    WHERE e.id = ANY(%(ids)s::bigint[]) ORDER BY e.id
"""  # noqa: S608 - constants only
HEADS = """
    SELECT known.id, last.seq, last.digest, head.seq, head.digest
    FROM (SELECT 0 AS id UNION SELECT id FROM trading_account UNION SELECT id FROM trading_chain) AS known
    LEFT JOIN trading_chain head ON head.id = known.id
    LEFT JOIN LATERAL (
        SELECT seq, digest FROM trading_event WHERE coalesce(account_id, 0) = known.id
        ORDER BY coalesce(account_id, 0) DESC, seq DESC LIMIT 1) AS last ON true
    WHERE (coalesce(last.seq, 0), coalesce(last.digest, '')) <> (coalesce(head.seq, 0), coalesce(head.digest, ''))
       OR (head.id IS NULL) <> (last.seq IS NULL)
"""


@dataclass(frozen=True, slots=True)
class Verified:
    """A chain as it was found: how many events hold, its head, and the first fault, empty if there is none."""

    chain: int
    events: int
    digest: str
    fault: str = ""


def verify_chains(account_id: int | None = None) -> Iterator[Verified]:
    """Walk one account's chain (0: events of no account), or all of them, each to its first fault.

    Reads in batches, in one transaction a chain; events recorded meanwhile are left out.
    """
    if account_id is not None:
        yield _verify(account_id)
        return
    with connection.cursor() as cursor:
        cursor.execute(CHAINS)
        chains = [row[0] for row in cursor.fetchall()]
    for chain in chains:
        yield _verify(chain)


def verify_links(event_ids: Sequence[int]) -> list[Breach]:
    """Hash these events again, each after the one before it, and give those that do not follow from it."""
    with connection.cursor() as cursor:
        cursor.execute(LINKS, {"ids": list(event_ids)})
        rows = cursor.fetchall()
    found = []
    for row_id, account_id, order_id, seq, digest, text, seq_before, digest_before in rows:
        fault = _fault(row_id, seq, seq_before or 0)
        if not fault and digest != _digest(digest_before or "", text):
            fault = _edited(row_id, seq, seq - 1)
        if fault:
            found.append(Breach(CHAIN, account_id, order_id, fault, f"event:{row_id}"))
    return found


def verify_heads() -> list[Breach]:
    """Compare each chain's head with its last event; cheap, whatever its length."""
    with connection.cursor() as cursor:
        cursor.execute(HEADS)
        rows = cursor.fetchall()
    return [
        Breach(
            CHAIN, chain if chain != NO_ACCOUNT else None, None,
            _head_fault(seq or 0, digest or "", None if head_seq is None else (head_seq, head_digest)), "head",
        )
        for chain, seq, digest, head_seq, head_digest in rows
    ]  # fmt: skip


def _verify(chain: int) -> Verified:
    seq, digest = 0, ""
    head: tuple[int, str | None] | None
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(HEAD, {"chain": chain})
        found = cursor.fetchone()
        head = (found[0], None) if found else None
        for row_id, row_seq, row_digest, text, head_seq, head_digest in _rows(chain):
            head = None if head_seq is None else (head_seq, head_digest)
            if fault := _fault(row_id, row_seq, seq):
                return Verified(chain, seq, digest, fault)
            if row_digest != _digest(digest, text):
                return Verified(chain, seq, digest, _edited(row_id, row_seq, seq))
            seq, digest = row_seq, row_digest
    return Verified(chain, seq, digest, _head_fault(seq, digest, head))


def _digest(before: str, text: str) -> str:
    return hashlib.sha256((before + text).encode()).hexdigest()


def _edited(row_id: int, row_seq: int, seq: int) -> str:
    return (
        f"event {row_id} (seq {row_seq}) is not what was recorded after seq {seq}: it was edited,"
        " or events were reordered or put in"
    )


def _rows(chain: int) -> Iterator[tuple[int, int, str, str, int | None, str | None]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(WALK, {"chain": chain})
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield from rows


def _fault(row_id: int, row_seq: int, seq: int) -> str:
    if row_seq == seq + 1:
        return ""
    if row_seq <= seq:
        return f"event {row_id} has seq {row_seq}, which another has: it was put in"
    missing = f"seq {seq + 1}" if row_seq == seq + 2 else f"seq {seq + 1} to {row_seq - 1}"
    return f"{missing} was deleted: event {row_id} (seq {row_seq}) comes next"


def _head_fault(seq: int, digest: str, head: tuple[int, str | None] | None) -> str:
    if head is None:
        return f"its head was deleted, which said that it ends at seq {seq}" if seq else ""
    head_seq, head_digest = head
    if head_seq > seq:
        missing = f"seq {head_seq}" if head_seq == seq + 1 else f"seq {seq + 1} to {head_seq}"
        return f"{missing} was deleted: the chain's head is beyond its last event"
    if head_seq < seq:
        return f"seq {head_seq + 1} was put in behind the chain's head"
    return "" if head_digest in (None, digest) else f"its head was edited: it is not the digest of seq {seq}"
