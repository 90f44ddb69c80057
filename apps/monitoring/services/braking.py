"""Engage brakes for protections, each in its protection's name, and release those of one that is off."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Q

from apps.monitoring.models import Protection
from apps.monitoring.protections import PARAMETERS, Parameters, read_parameters
from apps.trading.models import Brake
from apps.trading.services import brakes

OFF = "its protection was switched off"


def rule_of(protection: Protection) -> Parameters:
    """Read what a protection was set to."""
    return read_parameters(protection.kind, protection.parameters)


def actor_of(protection: Protection) -> str:
    """Say who acts as the trail spells it."""
    return f"protection:{protection.pk}"


def cause_of(protection: Protection, about: str) -> str:
    """Name a cause so that no other protection's is the same."""
    return f"{protection.pk}:{about}"


def engage_for(
    protection: Protection, *, about: str, reason: str, now: datetime, inputs: dict[str, Any],
    account_id: int | None = None, algorithm_id: int | None = None, coin_type: str = "", until: datetime | None = None,
    once: bool = False,
) -> Brake | None:  # fmt: skip
    """Engage a brake on what a protection watches: the account given, or its own, or its user; of its algorithm, if any."""
    deployment = protection.deployment
    if account_id is None:
        account_id = deployment.account_id if deployment else protection.account_id
    return brakes.engage(
        kind=protection.kind, cause=cause_of(protection, about), reason=reason, actor=actor_of(protection), now=now,
        user_id=protection.user_id if account_id is None else None, account_id=account_id,
        algorithm_id=deployment.algorithm_id if deployment else algorithm_id, coin_type=coin_type, until=until,
        inputs=inputs | {"protection": protection.pk}, once=once,
    )  # fmt: skip


def release_of(protection: Protection, *, actor: str, now: datetime) -> list[Brake]:
    """Release all that a protection holds back."""
    own = Brake.objects.engaged(now).filter(kind=protection.kind, cause__startswith=cause_of(protection, ""))
    return brakes.release_all(own, actor=actor, reason=OFF, now=now)


def release_all_but(protections: Collection[Protection], *, actor: str, now: datetime) -> list[Brake]:
    """Release what protections other than these hold back: they are off, or deleted."""
    theirs = Q()
    for protection in protections:
        theirs |= Q(kind=protection.kind, cause__startswith=cause_of(protection, ""))
    engaged = Brake.objects.engaged(now).filter(kind__in=list(PARAMETERS))
    orphans = engaged.exclude(theirs) if theirs else engaged
    return brakes.release_all(orphans, actor=actor, reason=OFF, now=now)
