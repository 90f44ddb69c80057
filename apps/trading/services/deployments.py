"""Deploy algorithms into accounts, on a schedule; pause, resume and stop them, and say how they do."""

from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from apps.accounts.models import User
from apps.trading.models import Account, Algorithm, Deployment, Event
from apps.trading.services.accounts import NoSuchAccount
from apps.trading.services.activation import NotReady
from apps.trading.services.algorithms import complete_over
from apps.trading.services.promotions import is_approved_for_live
from apps.trading.services.readiness import refusal_of
from apps.trading.services.recall import recall_orders
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict, DomainError, Invalid
from ohmycoins.core.frequency import Frequency, parse
from ohmycoins.core.locks import advisory_lock

log = structlog.get_logger(__name__)

LATE_AFTER = timedelta(minutes=1)
OK, LATE, FAILING, PAUSED, STOPPED = HEALTHS = ("ok", "late", "failing", "paused", "stopped")

Status = Deployment.Status


class NoSuchAlgorithm(DomainError):
    """The algorithm does not exist or belongs to someone else; which of the two is not said."""

    code, status = "NOT_FOUND", 404


def deploy(
    *, user: User, algorithm: Algorithm, account: Account, frequency: str, parameters: dict[str, Any] | None = None,
    position_limit_aud: Decimal | None = None, daily_loss_limit_aud: Decimal | None = None, slices: int = 1,
    slice_seconds: int = 60,
) -> Deployment:  # fmt: skip
    """Let the algorithm run in the account from now on; its first slot is the first after now.

    `parameters` are the deployment's own, on top of the algorithm's. Raises Invalid (frequency, parameters),
    NoSuchAccount, NoSuchAlgorithm, NotReady (naming what is missing), or Conflict when the account has it.
    """
    every = _frequency(frequency)
    if account.user_id != user.pk:
        raise NoSuchAccount(f"You have no account {account.pk}.")
    if algorithm.user_id != user.pk:
        raise NoSuchAlgorithm(f"You have no algorithm {algorithm.pk}.")
    with transaction.atomic():
        account = Account.objects.locked().get(pk=account.pk)
        algorithm = Algorithm.objects.select_for_update(no_key=True).get(pk=algorithm.pk)
        own = complete_over(algorithm.slug, algorithm.parameters, parameters or {})
        if missing := missing_to_run(algorithm, account, own):
            raise NotReady(" ".join(missing), detail={"missing": missing})
        other = Deployment.objects.standing().filter(account=account, algorithm=algorithm).first()
        if other:
            raise Conflict(
                f"Deployment {other.pk} of this algorithm is {other.status} in account {account.pk}: stop it first.",
                code="DEPLOYMENT_EXISTS", detail={"deployment_id": other.pk},
            )  # fmt: skip
        _require_room(user)
        now = clock.now()
        deployment = Deployment.objects.create(
            user=user, account=account, algorithm=algorithm, frequency=frequency.strip(), parameters=own,
            position_limit_aud=position_limit_aud, daily_loss_limit_aud=daily_loss_limit_aud, slices=slices,
            slice_seconds=slice_seconds, next_run_at=every.next_after(now, now), created_at=now,
        )  # fmt: skip
        _record(
            deployment, "deployment.made", before="", at=now, actor=f"user:{user.pk}", reason="asked for",
            inputs={"frequency": deployment.frequency, "parameters": own, "version": algorithm.version},
        )  # fmt: skip
    return deployment


def _frequency(text: str) -> Frequency:
    frequency, least = parse(text), settings.OMC_LEAST_INTERVAL_SECONDS
    if frequency.every is not None and frequency.every.total_seconds() < least:
        raise Invalid(
            f"frequency {text!r}: runs are {least:g} seconds apart or more, such as interval:{ceil(least)}:seconds",
            detail={"frequency": text, "least_seconds": least},
        )
    return frequency


def _require_room(user: User) -> None:
    """Refuse one deployment too many; the lock is the last, and makes those of other accounts wait."""
    advisory_lock(f"trading.deployments:{user.pk}")
    most = settings.OMC_MOST_DEPLOYMENTS
    if Deployment.objects.standing().filter(user=user).count() >= most:
        missing = (
            f"You have {most} deployments that are active or paused, the most there may be: stop one first."
        )
        raise NotReady(missing, detail={"missing": [missing]})


def missing_to_run(algorithm: Algorithm, account: Account, parameters: dict[str, Any]) -> list[str]:
    """Name what the algorithm still needs before it may run in the account with these parameters, in sentences."""
    live = account.mode == Account.Mode.LIVE
    missing = []
    if not live:
        if algorithm.status not in (Algorithm.Status.PAPER, Algorithm.Status.LIVE):
            missing.append(f"The algorithm is {algorithm.status}: promote it to paper first.")
        if account.status == Account.Status.INACTIVE:
            missing.append("The account is inactive: activate it first.")
        return missing
    if algorithm.status != Algorithm.Status.LIVE:
        missing.append(f"The algorithm is {algorithm.status}: it needs an approved promotion to live.")
    elif not is_approved_for_live(algorithm):
        missing.append("Its promotion to live was of another version, or of other code: promote it anew.")
    if account.status != Account.Status.ACTIVE:
        missing.append(f"The account is {account.status}, not active.")
    if refusal := refusal_of(account):
        missing.append(refusal)
    if parameters != algorithm.parameters:
        missing.append("What trades live has the parameters that were approved, and none of its own.")
    return missing


@transaction.atomic
def pause(deployment_id: int, *, actor: str, reason: str) -> Deployment:
    """Let nothing run until it is resumed, and take back what it has under way (`services.recall`).

    Raises Conflict unless it is active.
    """
    deployment = _locked(deployment_id)
    _require(deployment, Status.ACTIVE)
    deployment.next_run_at = None
    _move(deployment, Status.PAUSED, "deployment.paused", at=clock.now(), actor=actor, reason=reason)
    recall_orders(deployment, actor=actor, reason="its deployment was paused")
    return deployment


@transaction.atomic
def resume(deployment_id: int, *, actor: str, reason: str) -> Deployment:
    """Let it run again, at the first slot after now; what it missed stays missed.

    Raises Conflict unless it is paused, and NotReady when what it needs to run is gone.
    """
    deployment = _locked(deployment_id)
    _require(deployment, Status.PAUSED)
    algorithm = Algorithm.objects.select_for_update(no_key=True).get(pk=deployment.algorithm_id)
    if missing := missing_to_run(algorithm, deployment.account, deployment.parameters):
        raise NotReady(" ".join(missing), detail={"missing": missing})
    now = clock.now()
    deployment.next_run_at = parse(deployment.frequency).next_after(now, deployment.created_at)
    deployment.failures_in_row = 0
    _move(deployment, Status.ACTIVE, "deployment.resumed", at=now, actor=actor, reason=reason)
    return deployment


@transaction.atomic
def stop(deployment_id: int, *, actor: str, reason: str) -> Deployment:
    """End it for good, and take back what it has under way (`services.recall`); its coins stay.

    Raises Conflict when it is stopped already.
    """
    deployment = _locked(deployment_id)
    _require(deployment, Status.ACTIVE, Status.PAUSED)
    deployment.next_run_at = None
    _move(deployment, Status.STOPPED, "deployment.stopped", at=clock.now(), actor=actor, reason=reason)
    recall_orders(deployment, actor=actor, reason="its deployment was stopped")
    return deployment


def health_of(deployment: Any, now: datetime) -> str:
    """Say in a word how a deployment of `with_latest` does, whose `waiting_since` is its oldest open slot.

    Late comes before failing: what does not run does not fail any more either.
    """
    if deployment.status != Status.ACTIVE:
        return PAUSED if deployment.status == Status.PAUSED else STOPPED
    slots = (deployment.next_run_at, deployment.waiting_since)
    due = min((slot for slot in slots if slot is not None), default=None)
    if due is not None and now - due > LATE_AFTER:
        return LATE
    return FAILING if deployment.failures_in_row else OK


def _locked(deployment_id: int) -> Deployment:
    account_id = Deployment.objects.values_list("account_id", flat=True).get(pk=deployment_id)
    account = Account.objects.locked().get(pk=account_id)
    deployment = Deployment.objects.select_for_update(no_key=True).get(pk=deployment_id)
    deployment.account = account
    return deployment


def _require(deployment: Deployment, *statuses: str) -> None:
    if deployment.status not in statuses:
        raise Conflict(
            f"Deployment {deployment.pk} is {deployment.status}, not {' or '.join(statuses)}.",
            code="DEPLOYMENT_STATE",
        )


def _move(deployment: Deployment, status: str, type: str, *, at: datetime, actor: str, reason: str) -> None:
    before, deployment.status = deployment.status, status
    deployment.status_reason = "" if status == Status.ACTIVE else reason[:300]
    deployment.save(update_fields=["status", "status_reason", "next_run_at", "failures_in_row"])
    _record(deployment, type, before=before, at=at, actor=actor, reason=reason)


def _record(
    deployment: Deployment, type: str, *, before: str, at: datetime, actor: str, reason: str,
    inputs: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    Event.objects.create(
        account_id=deployment.account_id, type=type, from_status=before, to_status=deployment.status, at=at,
        actor=actor, reason=reason[:300],
        inputs={"deployment_id": deployment.pk, "algorithm_id": deployment.algorithm_id} | (inputs or {}),
    )  # fmt: skip
    log.info(type, deployment_id=deployment.pk, account_id=deployment.account_id)
