"""Hold trading back: the emergency stop's rows, and the gate that makes a stop final once it is committed.

The gate is an advisory lock. Whoever accepts or claims an order holds it shared, from before it reads the
stops until it commits; whoever changes a stop holds it alone. So when a stop is committed, everything
that did not see it is committed too, and everything later sees it. `FOR SHARE` on the stops' rows would
not do: a scope that was never stopped has no row to lock, every order would write to the one global row,
and readers keep passing a writer that waits, where an advisory lock makes them queue behind it.
"""

from dataclasses import dataclass

from django.db import connection

from apps.trading.models import Stop
from ohmycoins.core.locks import advisory_lock

GATE = "trading.stop"
UNREADABLE = "unreadable"
ACTIVE, REDUCE_ONLY, HALTED = Stop.State.ACTIVE, Stop.State.REDUCE_ONLY, Stop.State.HALTED
STRICTNESS = {state.value: rank for rank, state in enumerate((ACTIVE, REDUCE_ONLY, HALTED))}

# The rows that apply to an order, and those of which nobody can say to what they apply.
STANDING = """
    SELECT CASE WHEN readable THEN state ELSE 'unreadable' END, scope, target
    FROM trading_stop, LATERAL (SELECT coalesce(CASE scope
        WHEN 'global' THEN target = '' AND user_id IS NULL
        WHEN 'user' THEN target = '' AND user_id IS NOT NULL
        WHEN 'account' THEN target ~ '^[1-9][0-9]{0,18}$'
        WHEN 'algorithm' THEN target ~ '^[1-9][0-9]{0,18}$'
        WHEN 'coin' THEN target ~ '^[A-Z0-9]{1,20}$'
    END, false) AS readable) AS its
    WHERE scope = 'global' OR (state <> 'active' AND (
        NOT readable
        OR (scope = 'user' AND user_id = %(user)s)
        OR (scope = 'account' AND target = %(account)s)
        OR (scope = 'algorithm' AND target = %(algorithm)s AND (user_id IS NULL OR user_id = %(user)s))
        OR (scope = 'coin' AND target = %(coin)s AND (user_id IS NULL OR user_id = %(user)s))
    ))
    ORDER BY array_position(ARRAY['global', 'user', 'account', 'algorithm', 'coin'], scope::text), user_id, id
"""


@dataclass(frozen=True, slots=True)
class StopView:
    """The strictest stop that applies to an order, and the scope that says so, such as `coin:BTC`."""

    state: str
    scope: str


def hold_gate() -> None:
    """Keep stops from changing until the current transaction ends; wait for one that is changing.

    Taken after the account's row and before stops are read, by all that accepts or claims an order.
    """
    advisory_lock(GATE, shared=True)


def standing_stop(*, user_id: int, account_id: int, algorithm_id: int | None, coin_type: str) -> StopView:
    """Give the strictest stop that applies, in one query; what cannot be read is halted.

    Unreadable are: no global row, a state that is not known, a row that does not say to what it applies.
    """
    with connection.cursor() as cursor:
        cursor.execute(STANDING, {
            "user": user_id, "account": str(account_id), "coin": coin_type,
            "algorithm": None if algorithm_id is None else str(algorithm_id),
        })  # fmt: skip
        rows = cursor.fetchall()
    if not any(scope == Stop.Scope.GLOBAL and state != UNREADABLE for state, scope, _ in rows):
        return StopView(HALTED.value, UNREADABLE)
    strictest = StopView(ACTIVE.value, Stop.Scope.GLOBAL.value)
    for state, scope, target in rows:
        if state not in STRICTNESS:
            return StopView(HALTED.value, UNREADABLE)
        if STRICTNESS[state] > STRICTNESS[strictest.state]:
            strictest = StopView(state, f"{scope}:{target}" if target else scope)
    return strictest
