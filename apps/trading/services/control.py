"""Hold trading back: the emergency stop's rows, and the gate that makes a stop final once it is committed.

The gate is an advisory lock. Whoever accepts or claims an order holds it shared, from before it reads the
stops until it commits; whoever changes a stop, or engages a brake, holds it alone. So when either is committed, everything
that did not see it is committed too, and everything later sees it. `FOR SHARE` on the stops' rows would
not do: a scope that was never stopped has no row to lock, every order would write to the one global row,
and readers keep passing a writer that waits, where an advisory lock makes them queue behind it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog
from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from psycopg import Cursor

from apps.accounts.models import User
from apps.trading.models import Account, Event, Stop
from apps.trading.records import SELL, BrakeView
from apps.trading.services.activation import NotPermitted
from apps.trading.services.scopes import PERMISSION, Key, key_of, may_stop_all, read_key
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict, Invalid, Unavailable
from ohmycoins.core.locks import advisory_lock

log = structlog.get_logger(__name__)

Changed = TypeVar("Changed")

GATE = "trading.stop"
UNREADABLE = "unreadable"
ACTIVE, REDUCE_ONLY, HALTED = Stop.State.ACTIVE, Stop.State.REDUCE_ONLY, Stop.State.HALTED
STRICTNESS = {state.value: rank for rank, state in enumerate((ACTIVE, REDUCE_ONLY, HALTED))}
CLEARED = "stop.cleared"
TYPES = {ACTIVE: CLEARED, REDUCE_ONLY: "stop.reduce_only", HALTED: "stop.halted"}
LONGEST_REASON = 300
# A change waits this long for claims to let it through: a connection gives up after 3 s, so it asks again.
PATIENCE_SECONDS = 30.0
LOCK_TIMEOUT, DEADLOCK = "55P03", "40P01"  # PostgreSQL, appendix A

# The stops that apply to an order, those of which nobody can say to what they apply, and the brakes: one query, since
# every order pays for it. Of a brake, `scope` is its kind and `target` its reason.
MOST_NAMED = 10
BRAKE = "brake"
STANDING = f"""
    SELECT CASE WHEN readable THEN state ELSE 'unreadable' END, scope, target, NULL::timestamptz,
        array_position(ARRAY['global', 'user', 'account', 'algorithm', 'coin'], scope::text) AS place, user_id, id
    FROM trading_stop, LATERAL (SELECT coalesce(CASE scope
        WHEN 'global' THEN target = '' AND user_id IS NULL
        WHEN 'user' THEN target = '' AND user_id IS NOT NULL
        WHEN 'account' THEN target ~ '^[1-9][0-9]{{0,18}}$'
        WHEN 'algorithm' THEN target ~ '^[1-9][0-9]{{0,18}}$'
        WHEN 'coin' THEN target ~ '^[A-Z0-9]{{1,20}}$'
    END, false) AS readable) AS its
    WHERE scope = 'global' OR (state <> 'active' AND (
        NOT readable
        OR (scope = 'user' AND user_id = %(user)s::bigint)
        OR (scope = 'account' AND target = %(account)s::bigint::text)
        OR (scope = 'algorithm' AND target = %(algorithm)s::bigint::text AND (user_id IS NULL OR user_id = %(user)s::bigint))
        OR (scope = 'coin' AND target = %(coin)s::text AND (user_id IS NULL OR user_id = %(user)s::bigint))
    ))
    UNION ALL (
        SELECT '{BRAKE}', kind, reason, until, {MOST_NAMED}, NULL, id FROM trading_brake
        WHERE released_at IS NULL AND (until IS NULL OR until > %(now)s::timestamptz)
          AND (user_id IS NULL OR user_id = %(user)s::bigint) AND (account_id IS NULL OR account_id = %(account)s::bigint)
          AND (algorithm_id IS NULL OR algorithm_id = %(algorithm)s::bigint) AND (coin_type = '' OR coin_type = %(coin)s::text)
        ORDER BY id LIMIT {MOST_NAMED}
    )
    ORDER BY place, user_id, id
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class StopView:
    """The strictest stop that applies to an order, the scope that says so, such as `coin:BTC`, and its brakes."""

    state: str
    scope: str
    brakes: tuple[BrakeView, ...] = ()

    def refuses(self, side: str) -> bool:
        """Tell whether orders of this side are held back."""
        if side == SELL:
            return self.state not in (ACTIVE, REDUCE_ONLY)
        return self.state != ACTIVE or bool(self.brakes)

    @property
    def name(self) -> str:
        """Say in words what holds back."""
        if self.state == ACTIVE and self.brakes:
            return f"a brake ({self.brakes[0].kind})"
        return f"an emergency stop ({self.scope})"


def hold_gate() -> None:
    """Keep stops from changing, and brakes from being engaged, until the current transaction ends; wait for one that is changing.

    Taken after the account's row and before stops are read, by all that accepts or claims an order.
    """
    advisory_lock(GATE, shared=True)


def standing_stop(
    *, user_id: int, account_id: int, algorithm_id: int | None, coin_type: str, now: datetime
) -> StopView:
    """Give the strictest stop that applies, and the oldest ten brakes, in one query; what cannot be read is halted.

    Unreadable are: no global row, a state that is not known, a row that does not say to what it applies.
    """
    given = {"user": user_id, "account": account_id, "coin": coin_type, "algorithm": algorithm_id, "now": now}
    connection.ensure_connection()
    # Prepared, past Django's cursor: every order asks twice, and planning is most of what it costs.
    with connection.wrap_database_errors:
        rows = Cursor(connection.connection).execute(STANDING, given, prepare=True).fetchall()
    brakes = tuple(BrakeView(kind, reason, until) for what, kind, reason, until, *_ in rows if what == BRAKE)
    stops = [(state, scope, target) for state, scope, target, *_ in rows if state != BRAKE]
    if not any(scope == Stop.Scope.GLOBAL and state != UNREADABLE for state, scope, _ in stops):
        return StopView(HALTED.value, UNREADABLE, brakes)
    strictest = StopView(ACTIVE.value, Stop.Scope.GLOBAL.value, brakes)
    for state, scope, target in stops:
        if state not in STRICTNESS:
            return StopView(HALTED.value, UNREADABLE, brakes)
        if STRICTNESS[state] > STRICTNESS[strictest.state]:
            strictest = StopView(state, f"{scope}:{target}" if target else scope, brakes)
    return strictest


def trip(
    *, scope: str, state: str, reason: str, actor: User | None, inputs: dict[str, Any] | None = None
) -> Stop:
    """Stop `scope` and return its row; the same state again changes nothing.

    Committed on return: whatever did not see it was claimed before, nothing is claimed after. `actor`
    None is who has a shell on the machine. Orders in flight are `stopping.sweep_stop`'s. Raises Invalid,
    NotPermitted, NoSuchAccount, NoSuchTarget, or Unavailable when claims held the gate for 30 s.
    """
    if state not in (REDUCE_ONLY, HALTED):
        raise Invalid(f"state={state!r} is not one of: {REDUCE_ONLY.value}, {HALTED.value}")
    return _change(read_key(scope, actor), Stop.State(state), _checked(reason), actor, inputs or {})


def clear(*, scope: str | Stop, reason: str, actor: User | None) -> Stop:
    """Let `scope`, or what a row is about, trade again. What was cancelled stays cancelled.

    Raises as `trip` does, Conflict when it is not stopped.
    """
    if isinstance(scope, Stop):
        if not may_stop_all(actor):
            raise NotPermitted(f"This needs the permission {PERMISSION}.")
        key = key_of(scope)
    else:
        key = read_key(scope, actor)
    return _change(key, ACTIVE, _checked(reason), actor, {})


def stops_seen_by(user: User) -> QuerySet[Stop]:
    """Give the rows that apply to the user, or all to who may change all, the global one first."""
    rows = Stop.objects.order_by("id")
    return rows if may_stop_all(user) else rows.filter(Q(user=None) | Q(user=user))


def state_for(user: User) -> str:
    """Give the strictest state that everything of the user's is in."""
    now = clock.now()
    return standing_stop(user_id=user.pk, account_id=0, algorithm_id=None, coin_type="", now=now).state


def _checked(reason: str) -> str:
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise Invalid(f"reason: say why, in 1 to {LONGEST_REASON} characters")
    return reason


def _change(key: Key, state: Stop.State, reason: str, actor: User | None, inputs: dict[str, Any]) -> Stop:
    return insist(
        lambda: _change_once(key, state, reason, actor, inputs),
        refused=f"The emergency stop of {key.name} was NOT changed",
        code="STOP_NOT_CHANGED",
    )


def insist(change: Callable[[], Changed], *, refused: str, code: str) -> Changed:
    """Commit `change`, which takes the gate alone, trying again while orders hold what it needs.

    After 30 s raises Unavailable, which begins with the words `refused`.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with transaction.atomic(durable=True):
                return change()
        except OperationalError as error:
            if not is_contention(error):
                raise
            if time.monotonic() >= deadline:
                log.exception("stop.gate_held", refused=refused)
                raise Unavailable(
                    f"{refused}: for {PATIENCE_SECONDS:.0f} s orders kept what it needs. Try again.",
                    code=code,
                ) from error
            log.warning("stop.waiting", refused=refused)


def is_contention(error: Exception) -> bool:
    """Tell whether the database gave up only because others held what was asked for."""
    return getattr(error.__cause__, "sqlstate", "") in (LOCK_TIMEOUT, DEADLOCK)


def _change_once(
    key: Key, state: Stop.State, reason: str, actor: User | None, inputs: dict[str, Any]
) -> Stop:
    take_gate(key)
    stop = (
        Stop.objects.select_for_update(no_key=True)
        .filter(scope=key.scope, target=key.target, user=key.user_id)
        .first()
    )
    if stop is None:
        stop = Stop(scope=key.scope, target=key.target, user_id=key.user_id, state=ACTIVE)
    # Without its row everything is halted: writing it is a change, whatever it says.
    before = stop.state if stop.pk or key.scope != Stop.Scope.GLOBAL else UNREADABLE
    if before == state:
        if state == ACTIVE:
            raise Conflict(f"{key.name} is not stopped.", code="STOP_STATE")
        if stop.changed_by == actor_name(actor):
            return stop
    if (
        STRICTNESS[state] < STRICTNESS.get(before, STRICTNESS[HALTED])
        and actor
        and _is_held_by_others(stop, actor)
    ):
        raise NotPermitted(f"Operators stopped {key.name}: it takes the permission {PERMISSION} to relax it.")
    stop.state, stop.reason, stop.fence = state, reason, stop.fence + 1
    stop.changed_at, stop.changed_by = clock.now(), actor_name(actor)
    stop.save()
    Event.objects.create(
        account_id=key.account_id, type=TYPES[state], from_status=before, to_status=state, at=stop.changed_at,
        actor=stop.changed_by, reason=reason, inputs=inputs
        | {"scope": key.name, "user": key.user_id, "stop": stop.pk, "fence": stop.fence},
    )  # fmt: skip
    log.warning("stop.changed", stop_id=stop.pk, scope=key.name, state=state, fence=stop.fence)
    return stop


def history_of(stop: Stop) -> QuerySet[Event]:
    """Give the events of the stop's changes, newest first."""
    events = Event.objects.filter(account=key_of(stop).account_id, order=None, type__startswith="stop.")
    return events.filter(inputs__stop=stop.pk).order_by("-id")


def _is_held_by_others(stop: Stop, actor: User) -> bool:
    """Tell whether someone else than `actor` took part in stopping it, and `actor` may not overrule them."""
    if may_stop_all(actor):
        return False
    for event in history_of(stop):
        if event.type == CLEARED:
            break
        if event.actor != actor_name(actor):
            return True
    return False


def take_gate(key: Key) -> None:
    """Hold the gate alone until the transaction ends, after the accounts that `key` is about."""
    accounts = Account.objects.locked().order_by("id")
    if key.scope == Stop.Scope.USER:
        list(accounts.filter(user=key.user_id).values_list("pk"))
    elif key.account_id is not None:
        list(accounts.filter(pk=key.account_id).values_list("pk"))
    advisory_lock(GATE)


def actor_name(actor: User | None) -> str:
    """Say who acted as the trail spells it."""
    return "manage.py" if actor is None else f"user:{actor.pk}"
