"""Look at what the protections watch, and let people make, change and delete them.

In the round: drawdowns, failing collectors, outliers, what ended, and what is engaged as findings. What follows
from sales is `guard`'s, which beat calls every five seconds.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from apps.accounts.models import User
from apps.monitoring.findings import MEDIUM, Finding
from apps.monitoring.models import Protection, Type
from apps.monitoring.protections import read_parameters
from apps.monitoring.services.bad_data import look_at_collectors, look_at_outliers
from apps.monitoring.services.braking import release_all_but, release_of
from apps.monitoring.services.drawdowns import look_at_drawdowns
from apps.monitoring.services.guard import guard
from apps.trading.models import Account, Brake, Deployment, Event
from apps.trading.services import brakes
from ohmycoins.core import locks
from ohmycoins.core.errors import Invalid, Refused

__all__ = ["change_protection", "delete_protection", "guard", "look", "make_protection", "sync_protections"]

log = structlog.get_logger(__name__)

MOST = 20
"""Protections that a user may have."""
PREPARE, WATCH = "prepare", "watch"
SHIPPED: dict[str, dict[str, Any]] = {
    "failing_collectors": {},
    "outliers": {"minutes": 15},
    "drawdown": {"max_percent": "25", "window_days": 30},
}
"""Everybody's, made when missing."""

Kind = Protection.Kind


def look(now: datetime) -> Sequence[Finding]:
    """Engage and release what follows from how things stand, and give what is engaged."""
    brakes.end_overdue(now)
    enabled = list(
        Protection.objects.enabled().select_related("deployment__account", "deployment__algorithm").order_by("id")
    )  # fmt: skip
    release_all_but(enabled, actor=WATCH, now=now)
    look_at_drawdowns(_of(enabled, Kind.DRAWDOWN), now)
    look_at_collectors(_of(enabled, Kind.FAILING_COLLECTORS), now)
    look_at_outliers(_of(enabled, Kind.OUTLIERS), now)
    engaged = Brake.objects.engaged(now).select_related("account").order_by("id")
    return [_finding(brake) for brake in engaged]


def _of(protections: Sequence[Protection], kind: str) -> list[Protection]:
    return [protection for protection in protections if protection.kind == kind]


def _finding(brake: Brake) -> Finding:
    ends = "until that is over" if brake.kind == Kind.FAILING_COLLECTORS else "until somebody releases it"
    until = f"until {brake.until:%Y-%m-%d %H:%M:%S} UTC" if brake.until else ends
    return Finding(
        type=Type.BRAKE, key=f"brake:{brake.pk}", severity=MEDIUM, account_id=brake.account_id,
        message=f"Purchases{_where(brake)} are held back {until} ({brake.kind}): {brake.reason}",
        evidence=brake.inputs | {"brake": brake.pk, "kind": brake.kind, "engaged_at": brake.engaged_at.isoformat()},
        user_id=brake.user_id or (brake.account.user_id if brake.account else None),
    )  # fmt: skip


def _where(brake: Brake) -> str:
    parts = (
        f" of {brake.coin_type}" if brake.coin_type else "",
        f" by algorithm {brake.algorithm_id}" if brake.algorithm_id else "",
        f" in account {brake.account_id}" if brake.account_id else "",
    )
    return "".join(parts)


def sync_protections() -> list[str]:
    """Make the shipped protections that are missing; return their kinds. One that is switched off is not missing."""
    made = []
    with transaction.atomic():
        locks.advisory_lock("monitoring.protections")
        known = set(Protection.objects.everybodys().values_list("kind", flat=True))
        for kind, given in SHIPPED.items():
            if kind not in known:
                parameters = read_parameters(kind, given).model_dump(mode="json")
                Protection.objects.create(kind=kind, parameters=parameters, created_by=PREPARE)
                made.append(kind)
    return made


@transaction.atomic
def make_protection(
    *, kind: str, parameters: Any, user: User | None, actor: str, now: datetime, account: Account | None = None,
    deployment: Deployment | None = None, enabled: bool = True, limited: bool = True,
) -> Protection:  # fmt: skip
    """Watch from now on: a deployment, an account, all of a user's, or everybody's (`user` None).

    Account and deployment are the user's. Raises Invalid, or Refused when the user has as many as there may be;
    operators are not `limited`.
    """
    complete = read_parameters(kind, parameters).model_dump(mode="json")
    if account and deployment:
        raise Invalid("give account or deployment, not both: a deployment is in one account")
    if user is not None and limited:
        locks.advisory_lock(f"monitoring.protections:{user.pk}")
        if Protection.objects.filter(user=user).count() >= MOST:
            raise Refused(
                f"You have {MOST} protections, the most there may be: delete one first.",
                code="TOO_MANY_PROTECTIONS",
            )
    protection = Protection.objects.create(
        kind=kind, user=user, account=account, deployment=deployment, parameters=complete, enabled=enabled,
        created_at=now, created_by=actor,
    )  # fmt: skip
    _record(protection, "protection.made", actor, now)
    return protection


def change_protection(
    protection_id: int, *, actor: str, now: datetime, parameters: Any = None, enabled: bool | None = None
) -> Protection:
    """Set it to other parameters (all of them; None: as they are), or switch it on or off.

    Off, it holds back nothing any more. Other parameters count from the next look. Raises Invalid.
    """
    with transaction.atomic():
        protection = Protection.objects.select_for_update(no_key=True).get(pk=protection_id)
        if parameters is not None:
            protection.parameters = read_parameters(protection.kind, parameters).model_dump(mode="json")
        if enabled is not None:
            protection.enabled = enabled
        protection.save(update_fields=["parameters", "enabled"])
        _record(protection, "protection.changed", actor, now)
    if not protection.enabled:
        release_of(protection, actor=actor, now=now)
    return protection


def delete_protection(protection: Protection, *, actor: str, now: datetime) -> None:
    """Watch no more, and release what it holds back."""
    with transaction.atomic():
        _record(protection, "protection.deleted", actor, now)
        Protection.objects.filter(pk=protection.pk).delete()
    release_of(protection, actor=actor, now=now)


def _record(protection: Protection, type: str, actor: str, now: datetime) -> None:
    Event.objects.create(
        type=type, at=now, actor=actor, reason="asked for",
        inputs={
            "protection": protection.pk, "kind": protection.kind, "parameters": protection.parameters,
            "enabled": protection.enabled, "user": protection.user_id, "account": protection.account_id,
            "deployment": protection.deployment_id,
        },
    )  # fmt: skip
    log.info(type, protection_id=protection.pk, kind=protection.kind)
