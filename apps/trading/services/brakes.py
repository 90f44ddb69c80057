"""Engage and release brakes: what lets orders only sell, by itself, until its cause is gone.

A brake is engaged under the gate of the emergency stop (`services.control`), so no purchase that did not see it
is accepted or claimed once it is committed. Letting go needs no gate: an order that still sees the brake is denied.
Whoever watches engages as often as it likes: a cause is engaged once.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.trading.models import Account, Brake, Event, Stop
from apps.trading.services.activation import NotPermitted
from apps.trading.services.control import actor_name, insist, take_gate
from apps.trading.services.scopes import PERMISSION, Key, may_stop_all
from ohmycoins.core.errors import Conflict, DomainError

log = structlog.get_logger(__name__)

CLOCK = "clock"
"""Who released what ended by itself, as the trail names it."""
OWNERS_MAY_RELEASE = frozenset({"cooldown", "losing_sales", "low_profit", "drawdown"})
LONGEST_REASON = 300


class NoSuchBrake(DomainError):
    """The brake does not exist, or is not the user's to see; which of the two is not said."""

    code, status = "NOT_FOUND", 404


def engage(
    *, kind: str, cause: str, reason: str, actor: str, now: datetime, user_id: int | None = None,
    account_id: int | None = None, algorithm_id: int | None = None, coin_type: str = "", until: datetime | None = None,
    inputs: dict[str, Any] | None = None, once: bool = False,
) -> Brake | None:  # fmt: skip
    """Hold back purchases of all orders that match every column given, and return the brake; committed on return.

    None when there is nothing to do: the cause is engaged, `until` has passed, or (with `until`, or `once`) the cause
    was engaged before, so that what a person released stays released. Raises Unavailable when orders held the
    gate for 30 s, and must not be called in a transaction.
    """
    once = once or until is not None
    if (until is not None and until <= now) or _is_known(kind, cause, once=once):
        return None
    brake = Brake(
        kind=kind, cause=cause, reason=reason[:LONGEST_REASON], user_id=user_id, account_id=account_id,
        algorithm_id=algorithm_id, coin_type=coin_type, until=until, inputs=inputs or {}, engaged_at=now, engaged_by=actor,
    )  # fmt: skip
    return insist(
        lambda: _engage_once(brake, once=once),
        refused=f"The brake {kind} of {cause} was NOT engaged",
        code="BRAKE_NOT_ENGAGED",
    )


def release(brake_id: int, *, actor: str, reason: str, now: datetime) -> Brake:
    """Let orders buy again, as far as this brake goes. Raises NoSuchBrake, or Conflict when it is over."""
    with transaction.atomic():
        brake = _locked(brake_id)
        if brake is None:
            raise NoSuchBrake(f"There is no brake {brake_id}.")
        ended_at = brake.released_at or brake.until
        if ended_at is not None and (brake.released_at or ended_at <= now):
            raise Conflict(
                f"Brake {brake_id} is over since {ended_at:%Y-%m-%d %H:%M:%S} UTC.", code="BRAKE_STATE"
            )
        _end(brake, actor=actor, reason=reason, at=now)
    return brake


def release_as(user: User, brake_id: int, *, reason: str, now: datetime) -> Brake:
    """Release a brake as a person asks. Raises NoSuchBrake, NotPermitted, Conflict."""
    brake = Brake.objects.seen_by(user).select_related("account").filter(pk=brake_id).first()
    if brake is None:
        raise NoSuchBrake(f"There is no brake {brake_id}.")
    if not may_release(user, brake):
        raise NotPermitted(
            f"Brake {brake_id} ({brake.kind}) is released by who has the permission {PERMISSION}."
        )
    return release(brake_id, actor=actor_name(user), reason=reason, now=now)


def may_release(user: User, brake: Brake) -> bool:
    """Tell whether the person may release it: operators any, owners what guards their own results."""
    if may_stop_all(user):
        return True
    owner = brake.user_id or (brake.account.user_id if brake.account else None)
    return owner == user.pk and brake.kind in OWNERS_MAY_RELEASE


def release_gone(kind: str, causes_standing: Collection[str], *, actor: str, now: datetime) -> list[Brake]:
    """Release the engaged brakes of `kind` whose cause stands no more, and return them."""
    gone = Brake.objects.engaged(now).filter(kind=kind).exclude(cause__in=causes_standing)
    return release_all(gone, actor=actor, reason="what engaged it is gone", now=now)


def release_all(brakes: QuerySet[Brake], *, actor: str, reason: str, now: datetime) -> list[Brake]:
    """Release each, in a transaction of its own, and return those that were not over already."""
    return _end_each(brakes, actor=actor, reason=reason, now=now)


def end_overdue(now: datetime) -> list[Brake]:
    """Write down that brakes whose time is over ended then; they hold nothing back since. Return them."""
    return _end_each(Brake.objects.overdue(now), actor=CLOCK, reason="its time was over", now=now)


def engaged_on(account: Account, now: datetime) -> list[Brake]:
    """Give what is engaged on any order of the account, oldest first."""
    return list(Brake.objects.engaged(now).on(account).order_by("id"))


def _engage_once(brake: Brake, *, once: bool) -> Brake | None:
    if brake.account_id is not None:
        take_gate(Key(Stop.Scope.ACCOUNT, str(brake.account_id)))
    elif brake.user_id is not None:
        take_gate(Key(Stop.Scope.USER, user_id=brake.user_id))
    else:
        take_gate(Key(Stop.Scope.GLOBAL))
    if _is_known(brake.kind, brake.cause, once=once):
        return None
    brake.pk = None  # a try that was rolled back had given it one
    brake.save(force_insert=True)
    _record(brake, "brake.engaged", at=brake.engaged_at, actor=brake.engaged_by, reason=brake.reason)
    log.warning(
        "brake.engaged", brake_id=brake.pk, kind=brake.kind, cause=brake.cause, account_id=brake.account_id
    )
    return brake


def _is_known(kind: str, cause: str, *, once: bool) -> bool:
    known = Brake.objects.filter(kind=kind, cause=cause)
    return (known if once else known.filter(released_at=None)).exists()


def _end_each(brakes: QuerySet[Brake], *, actor: str, reason: str, now: datetime) -> list[Brake]:
    ended = []
    for brake_id in list(brakes.order_by("id").values_list("pk", flat=True)):
        with transaction.atomic():
            brake = _locked(brake_id)
            if brake and brake.released_at is None:
                over = brake.until is not None and brake.until <= now
                _end(brake, actor=actor, reason=reason, at=brake.until if over and brake.until else now)
                ended.append(brake)
    return ended


def _locked(brake_id: int) -> Brake | None:
    """Lock the brake after its account, which the trail's chain hangs on."""
    account_id = Brake.objects.filter(pk=brake_id).values_list("account_id", flat=True).first()
    if account_id is not None:
        Account.objects.locked().get(pk=account_id)
    return Brake.objects.select_for_update(no_key=True).filter(pk=brake_id).first()


def _end(brake: Brake, *, actor: str, reason: str, at: datetime) -> None:
    brake.released_at, brake.released_by, brake.release_reason = at, actor, reason[:LONGEST_REASON]
    brake.save(update_fields=["released_at", "released_by", "release_reason"])
    _record(brake, "brake.released", at=at, actor=actor, reason=reason)
    log.info("brake.released", brake_id=brake.pk, kind=brake.kind, actor=actor)


def _record(brake: Brake, type: str, *, at: datetime, actor: str, reason: str) -> None:
    event = Event(
        account_id=brake.account_id, type=type, at=at, actor=actor, reason=reason[:LONGEST_REASON],
        inputs=brake.inputs | {
            "brake": brake.pk, "kind": brake.kind, "cause": brake.cause, "user": brake.user_id,
            "algorithm": brake.algorithm_id, "coin": brake.coin_type,
            "until": brake.until.isoformat() if brake.until else None,
        },
    )  # fmt: skip
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError:  # the account's chain of events takes no more: no reason to watch nobody else
        event.account_id, event.inputs = None, event.inputs | {"account": brake.account_id}
        event.save(force_insert=True)
