"""Check what must hold of our own rows whatever workers, venue and network did (the order protocol).

Each invariant is one SELECT of its breaches, so it sees one state of the database while others go on
writing: what moves together is committed together. Nothing is locked and nothing is mended; a breach is a
bug, or somebody's hand in the database, and is for a person. What the venue has beside our rows is the
reconciler's to compare (`services.balances`), and what follows from fills is `apps.pnl`'s.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from apps.trading.services.audit import NO_ACCOUNT, verify_chains
from apps.trading.states import IN_FLIGHT, TERMINAL, TRANSITIONS, UNRESOLVED, values

GRACE = timedelta(seconds=60)
# Each fill rounds what its order still reserves, half to even: that may come to some 1e-8 too much.
ROUNDING_AUD = "0.01"
# What a new order may begin as: accepted or denied, or at the venue if it was made there.
FIRST = [">pending", ">denied", ">open"]

HOLDINGS = """
    SELECT account_id, NULL::bigint AS order_id,
           format('fills and movements of %%s come to %%s, the holding of book %%s is %%s', coin_type,
               trim_scale(sum(came)), coalesce(algorithm_id::text, 'manual'), trim_scale(sum(held))) AS what
    FROM (
        SELECT account_id, algorithm_id, coin_type, CASE side WHEN 'buy' THEN quantity ELSE -quantity END AS came,
               0 AS held FROM trading_fill
        UNION ALL SELECT account_id, NULL, coin_type, quantity, 0 FROM trading_movement WHERE coin_type <> ''
        UNION ALL SELECT account_id, algorithm_id, coin_type, 0, quantity FROM trading_holding
    ) AS entry
    GROUP BY account_id, algorithm_id, coin_type HAVING sum(came) <> sum(held)
"""
CASH = """
    SELECT account_id, NULL::bigint AS order_id, format('movements, fills and fees come to A$%%s, its cash is A$%%s',
               trim_scale(sum(came)), trim_scale(sum(cash))) AS what
    FROM (
        SELECT account_id, CASE side WHEN 'buy' THEN -value_aud ELSE value_aud END - fee_aud AS came, 0 AS cash
            FROM trading_fill WHERE kind = 'trade'
        UNION ALL SELECT account_id, amount_aud, 0 FROM trading_movement
        UNION ALL SELECT id, 0, cash_aud FROM trading_account
    ) AS entry
    GROUP BY account_id HAVING sum(came) <> sum(cash)
"""
ORDER_SUMS = """
    SELECT o.account_id, o.id AS order_id, format('it says that %%s were filled for a fee of A$%%s, its fills %%s for A$%%s',
               trim_scale(o.filled_quantity), trim_scale(o.fee_aud),
               trim_scale(coalesce(f.quantity, 0)), trim_scale(coalesce(f.fee, 0))) AS what
    FROM trading_order o
    LEFT JOIN (SELECT order_id, sum(quantity) AS quantity, sum(fee_aud) AS fee FROM trading_fill GROUP BY order_id) f
        ON f.order_id = o.id
    WHERE (o.filled_quantity, o.fee_aud) <> (coalesce(f.quantity, 0), coalesce(f.fee, 0))
"""
FILL_OF_ITS_ORDER = """
    SELECT f.account_id, f.order_id, format('fill %%s is of another account, book, coin or side', f.id) AS what
    FROM trading_fill f JOIN trading_order o ON o.id = f.order_id
    WHERE (f.account_id, f.coin_type, f.side) <> (o.account_id, o.coin_type, o.side)
       OR f.algorithm_id IS DISTINCT FROM o.algorithm_id
"""
STATE_AND_AMOUNT = """
    SELECT account_id, id AS order_id, format('it is %%s with %%s of %%s filled', status,
               trim_scale(filled_quantity), trim_scale(quantity)) AS what
    FROM trading_order
    WHERE (status = 'filled' AND filled_quantity <> quantity)
       OR (status IN ('pending', 'submitting', 'unknown', 'denied', 'expired', 'rejected') AND filled_quantity <> 0)
       OR (status = 'partially_filled' AND (filled_quantity = 0 OR filled_quantity >= quantity))
"""
TERMINAL_RESERVES = """
    SELECT account_id, id AS order_id, format('it is %%s and still reserves A$%%s and %%s %%s', status,
               trim_scale(reserved_aud), trim_scale(reserved_quantity), coin_type) AS what
    FROM trading_order
    WHERE status = ANY(%(terminal)s) AND (reserved_aud <> 0 OR reserved_quantity <> 0)
"""
# Facts that no guard refuses, since the newest of our orders in flight was accepted: orders made elsewhere
# and their fills, imported history, what was taken out, and orders that came back or were filled beyond what
# they reserved.
# Without one of these, nothing but our own orders, each guarded, moved what is there. All orders in flight
# are counted then, made elsewhere or not.
RESERVED = """
    WITH reserving AS (
        SELECT account_id, CASE WHEN reserved_aud > 0 THEN 'AUD' ELSE coin_type END AS coin, sum(reserved_aud) AS aud,
               sum(reserved_quantity) AS quantity, max(created_at) FILTER (WHERE origin = 'ours') AS guarded_at,
               max(id) FILTER (WHERE origin = 'ours') AS newest
        FROM trading_order WHERE status = ANY(%(in_flight)s) AND (reserved_aud > 0 OR reserved_quantity > 0)
        GROUP BY 1, 2
    )
    SELECT r.account_id, NULL::bigint AS order_id, format('orders in flight reserve %%s %%s, it has %%s', trim_scale(r.aud + r.quantity),
               r.coin, trim_scale(has.amount)) AS what
    FROM reserving r
    JOIN trading_account a ON a.id = r.account_id
    CROSS JOIN LATERAL (SELECT CASE r.coin WHEN 'AUD' THEN a.cash_aud ELSE (
        SELECT coalesce(sum(quantity), 0) FROM trading_holding h
        WHERE h.account_id = r.account_id AND h.coin_type = r.coin) END AS amount) AS has
    WHERE r.newest IS NOT NULL
      AND r.aud + r.quantity > has.amount + CASE r.coin WHEN 'AUD' THEN {rounding} ELSE 0 END
      AND NOT EXISTS (SELECT FROM trading_movement m WHERE m.account_id = r.account_id
          AND m.recorded_at >= r.guarded_at AND (m.amount_aud < 0 OR m.quantity < 0))
      AND NOT EXISTS (
          SELECT FROM trading_event e LEFT JOIN trading_order o ON o.id = e.order_id
          WHERE e.account_id = r.account_id AND e.seq >= (
                SELECT min(seq) FROM trading_event made WHERE made.order_id = r.newest)
            AND (e.type = 'fills.imported' OR o.origin = 'external' OR 'needs_review' IN (e.from_status, e.to_status)
                 OR e.from_status IN ('cancelled', 'not_placed', 'filled')))
""".replace("{rounding}", ROUNDING_AUD)
PATHS = """
    SELECT account_id, order_id, format('event %%s says %%s to %%s after %%s', id, coalesce(nullif(from_status, ''), 'new'),
               to_status, coalesce(nullif(before, ''), 'nothing')) AS what
    FROM (
        SELECT id, account_id, order_id, type, from_status, to_status,
               lag(to_status, 1, '') OVER (PARTITION BY order_id ORDER BY seq) AS before
        FROM trading_event WHERE order_id IS NOT NULL AND to_status <> ''
    ) AS step
    WHERE from_status <> before OR NOT CASE WHEN type IN ('order.made', 'order.moved')
        THEN from_status || '>' || to_status = ANY(%(moves)s) ELSE from_status = to_status END
"""
LAST_EVENT = """
    SELECT o.account_id, o.id AS order_id, format('it is %%s, its last event says %%s', o.status,
               coalesce(e.to_status, 'nothing')) AS what
    FROM trading_order o
    LEFT JOIN (
        SELECT DISTINCT ON (order_id) order_id, to_status FROM trading_event
        WHERE order_id IS NOT NULL AND to_status <> '' ORDER BY order_id, seq DESC
    ) e ON e.order_id = o.id
    WHERE e.to_status IS DISTINCT FROM o.status
"""
NONCES = """
    SELECT c.account_id, c.order_id, CASE
        WHEN c.nonce <= c.before THEN format('it was claimed with nonce %%s after %%s', c.nonce, c.before)
        WHEN c.nonce > a.last_nonce THEN format('its nonce %%s is above the last one, %%s', c.nonce, a.last_nonce)
        ELSE format('its nonce is %%s, it was claimed with %%s', o.nonce, c.nonce) END AS what
    FROM (
        SELECT account_id, order_id, nonce, lag(nonce) OVER (PARTITION BY account_id ORDER BY seq) AS before,
               row_number() OVER (PARTITION BY order_id ORDER BY seq DESC) AS nth_last
        FROM (SELECT account_id, order_id, seq, (inputs->>'nonce')::bigint AS nonce FROM trading_event
              WHERE to_status = 'submitting' AND inputs ->> 'nonce' IS NOT NULL) AS claimed
    ) AS c
    JOIN trading_account a ON a.id = c.account_id
    JOIN trading_order o ON o.id = c.order_id
    WHERE c.nonce <= c.before OR c.nonce > a.last_nonce OR (c.nth_last = 1 AND o.nonce <> c.nonce)
    UNION ALL
    SELECT o.account_id, o.id, format('its nonce %%s is of no claim', o.nonce)
    FROM trading_order o WHERE o.nonce IS NOT NULL AND NOT EXISTS (
        SELECT FROM trading_event e
        WHERE e.order_id = o.id AND e.to_status = 'submitting' AND e.inputs ->> 'nonce' = o.nonce::text)
"""
ONE_UNRESOLVED = """
    SELECT account_id, NULL::bigint AS order_id, format('orders %%s are unresolved at once', string_agg(id::text, ', ' ORDER BY id)) AS what
    FROM trading_order WHERE status = ANY(%(unresolved)s) GROUP BY account_id HAVING count(*) > 1
"""
ONE_ORDER_OF_AN_ID = """
    SELECT min(o.account_id) AS account_id, NULL::bigint AS order_id, format('orders %%s are all the venue''s %%s',
               string_agg(o.id::text, ', ' ORDER BY o.id), o.venue_order_id) AS what
    FROM trading_order o JOIN trading_account a ON a.id = o.account_id
    WHERE o.venue_order_id IS NOT NULL GROUP BY a.venue, o.venue_order_id HAVING count(*) > 1
"""
# Unless a person chose: what is found later wins over nothing that was found before.
ONE_ID_OF_AN_ORDER = """
    SELECT account_id, order_id, format('it was taken for all of %%s', string_agg(DISTINCT name, ', ')) AS what
    FROM (
        SELECT account_id, order_id, coalesce(inputs ->> 'venue_order_id', inputs ->> 'candidate') AS name
        FROM trading_event
        WHERE order_id IS NOT NULL AND to_status = 'open' AND actor NOT LIKE 'user:%%'
    ) AS link
    WHERE name IS NOT NULL GROUP BY account_id, order_id HAVING count(DISTINCT name) > 1
"""
SUBMITTING_TOO_LONG = """
    SELECT account_id, id AS order_id, format('its lease ended at %%s', coalesce(lease_until::text, 'no time at all')) AS what
    FROM trading_order WHERE status = 'submitting' AND coalesce(lease_until < %(now)s - %(grace)s, true)
"""
UNKNOWN_TOO_LONG = """
    SELECT o.account_id, o.id AS order_id, format('nobody knows where it is since %%s', e.at) AS what
    FROM trading_order o CROSS JOIN LATERAL (
        SELECT max(at) AS at FROM trading_event WHERE order_id = o.id AND from_status = 'submitting') AS e
    WHERE o.status = 'unknown' AND coalesce(e.at < %(now)s - %(settle)s - %(grace)s, true)
"""
ALWAYS = {
    "holdings": HOLDINGS, "cash": CASH, "order_sums": ORDER_SUMS, "fill_of_its_order": FILL_OF_ITS_ORDER,
    "state_and_amount": STATE_AND_AMOUNT, "terminal_reserves": TERMINAL_RESERVES, "reserved": RESERVED,
    "paths": PATHS, "last_event": LAST_EVENT, "nonces": NONCES, "one_unresolved": ONE_UNRESOLVED,
    "one_order_of_an_id": ONE_ORDER_OF_AN_ID, "one_id_of_an_order": ONE_ID_OF_AN_ORDER,
}  # fmt: skip
IN_TIME = {"submitting_too_long": SUBMITTING_TOO_LONG, "unknown_too_long": UNKNOWN_TOO_LONG}
OF_ACCOUNTS = (
    "SELECT account_id, order_id, what FROM ({0}) AS breach"
    " WHERE %(accounts)s::bigint[] IS NULL OR account_id = ANY(%(accounts)s::bigint[]) ORDER BY 1, 2, 3"
)


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that must never be: the invariant's name, where, and what was found there."""

    name: str
    account_id: int | None
    order_id: int | None
    what: str


def check_invariants(
    account_ids: Collection[int] | None = None, *, now: datetime | None = None, chains: bool = True
) -> list[Breach]:
    """Give every breach in the accounts' rows (None: in all accounts'), empty when all is well.

    With `now` also what takes longer than it may while the venue answers: `unknown_too_long` says that
    nobody could ask the venue, or that nobody did. Without `chains` the events' digests are not walked,
    which reads every event; the other statements sum over all of an account's fills and events.
    """
    found = find_breaches(
        ALWAYS | (IN_TIME if now else {}), account_ids,
        in_flight=values(IN_FLIGHT), terminal=values(TERMINAL), unresolved=values(UNRESOLVED), moves=_moves(), now=now,
        grace=GRACE, settle=timedelta(seconds=settings.OMC_SETTLE_SECONDS),
    )  # fmt: skip
    return found + (_broken_chains(account_ids) if chains else [])


def find_breaches(
    checks: Mapping[str, str], account_ids: Collection[int] | None = None, **given: Any
) -> list[Breach]:
    """Run checks, each a SELECT of (account_id, order_id, what) by the invariant's name, on the accounts' rows."""
    given["accounts"] = None if account_ids is None else list(account_ids)
    found = []
    for name, check in checks.items():
        with connection.cursor() as cursor:
            cursor.execute(OF_ACCOUNTS.format(check), given)
            found += [Breach(name, *row) for row in cursor.fetchall()]
    return found


def _moves() -> list[str]:
    return FIRST + [f"{source}>{target}" for source, targets in TRANSITIONS.items() for target in targets]


def _broken_chains(account_ids: Collection[int] | None) -> list[Breach]:
    """Walk the events' chains (`services.audit`): of the accounts, or all of them and that of no account."""
    chains = (
        verify_chains()
        if account_ids is None
        else (verified for account_id in account_ids for verified in verify_chains(account_id))
    )
    return [
        Breach("chain", verified.chain if verified.chain != NO_ACCOUNT else None, None, verified.fault)
        for verified in chains
        if verified.fault
    ]
