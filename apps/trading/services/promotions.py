"""Let algorithms come nearer to live money: each step on its grounds, the last one by two people.

draft → backtested → paper → live (docs/deployments.md). A step holds for the version of the parameters and
the code that it was taken with; other parameters start again, and other code needs its own record on paper
before it trades live anew.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import JSONField, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from apps.accounts.models import User
from apps.trading.models import Account, Algorithm, Decision, Deployment, Event, Limits, Order, Promotion
from apps.trading.services.activation import NotPermitted, NotReady
from apps.trading.services.algorithms import digest_of, move, record, withdraw_pending
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict, Invalid

PERMISSION = "trading.approve_promotion"
BACKTESTED = "algorithm.backtested"
PROMOTED = "algorithm.promoted"
LEAST_DECISIONS = 20
LEAST_FILLED_ORDERS = 1

Status, Target = Algorithm.Status, Promotion.Target


@dataclass(frozen=True, slots=True)
class PaperRecord:
    """What an algorithm has done on paper with its own parameters and the code of now."""

    since: datetime | None
    """When it first decided."""
    days: int
    """On how many days (UTC) it decided, counted up to those needed."""
    decisions: int
    """Counted up to those needed, as are orders: a long record is as quickly read as a short one."""
    filled_orders: int
    is_failing: bool
    """A deployment of it fails at the moment, or the newest run failed."""

    def as_json(self) -> dict[str, Any]:
        return {
            "since": self.since.isoformat() if self.since else None,
            "days": self.days,
            "decisions": self.decisions,
            "filled_orders": self.filled_orders,
            "is_failing": self.is_failing,
        }


@transaction.atomic
def mark_backtested(
    algorithm_id: int, *, version: int, code_digest: str, grounds: dict[str, Any], actor: str
) -> None:
    """Say that a backtest with the algorithm's own parameters succeeded, by this version and code.

    A draft becomes backtested; one that is backtested is so by this code from now on. Anything else, another
    version among it, is left as it is. `grounds` is JSON, and stays in the trail.
    """
    algorithm = Algorithm.objects.select_for_update(no_key=True).get(pk=algorithm_id)
    if algorithm.version != version or algorithm.status not in (Status.DRAFT, Status.BACKTESTED):
        return
    move(
        algorithm, Status.BACKTESTED, BACKTESTED, at=clock.now(), actor=actor, reason="a backtest succeeded",
        inputs={"code_digest": code_digest, "grounds": grounds},
    )  # fmt: skip


@transaction.atomic
def promote(algorithm_id: int, *, target: str, notes: str, user: User) -> Promotion:
    """Ask for the next step: paper is approved at once, live waits for a second person.

    Raises Invalid (no such target), Conflict (it is there already, or asked for already), or NotReady, naming
    everything that is missing.
    """
    if target not in Target.values:
        raise Invalid(f"target={target!r} is not one of: {', '.join(Target.values)}")
    algorithm = Algorithm.objects.select_for_update(no_key=True).get(pk=algorithm_id)
    now, digest = clock.now(), digest_of(algorithm.slug)
    _refuse_done(algorithm, target, digest)
    grounds, missing = _examine(algorithm, target, digest, now)
    if missing:
        raise NotReady(" ".join(missing), detail={"missing": missing})
    promotion = Promotion(
        algorithm=algorithm, version=algorithm.version, code_digest=digest, target=target, grounds=grounds,
        notes=notes, requested_by=user, requested_at=now,
    )  # fmt: skip
    actor = f"user:{user.pk}"
    if target == Target.PAPER:
        promotion.status, promotion.decided_at = Promotion.Status.APPROVED, now
        promotion.save()
        _grant(promotion, at=now, actor=actor, reason=notes or "asked for")
        return promotion
    withdraw_pending(algorithm, at=now, actor=actor, reason="withdrawn: asked for anew, with other code")
    promotion.save()
    record(
        algorithm, "promotion.requested", at=now, actor=actor, reason=notes or "asked for", inputs=_said(promotion)
    )  # fmt: skip
    return promotion


@transaction.atomic
def decide_promotion(promotion_id: int, *, approve: bool, reason: str, user: User) -> Promotion:
    """Answer a request for live trading, as a second person: neither its owner nor who asked.

    Raises NotPermitted, Conflict when it is answered, or NotReady when what spoke for it is gone; it waits
    on then.
    """
    algorithm_id = Promotion.objects.values_list("algorithm_id", flat=True).get(pk=promotion_id)
    algorithm = Algorithm.objects.select_for_update(no_key=True).get(pk=algorithm_id)
    promotion = Promotion.objects.select_for_update(no_key=True).get(pk=promotion_id)
    if not user.has_perm(PERMISSION):
        raise NotPermitted(f"Answering a promotion needs the permission {PERMISSION}.")
    if user.pk in (promotion.requested_by_id, algorithm.user_id):
        raise NotPermitted(
            "It takes a second person: neither the algorithm's owner nor who asked may answer."
        )
    if promotion.status != Promotion.Status.PENDING:
        raise Conflict(f"Promotion {promotion_id} is {promotion.status} already.", code="PROMOTION_STATE")
    now = clock.now()
    if approve:
        promotion.algorithm = algorithm
        _refuse_outdated(promotion, now)
    promotion.status = Promotion.Status.APPROVED if approve else Promotion.Status.REJECTED
    promotion.decided_by, promotion.decided_at, promotion.reason = user, now, reason
    promotion.save(update_fields=["status", "decided_by", "decided_at", "reason"])
    actor, why = f"user:{user.pk}", reason or "approved"
    if approve:
        _grant(promotion, at=now, actor=actor, reason=why)
    else:
        record(algorithm, "promotion.rejected", at=now, actor=actor, reason=why, inputs=_said(promotion))
    return promotion


def is_approved_for_live(algorithm: Algorithm) -> bool:
    """Tell whether it may trade live as it is now: this version of the parameters, and this code."""
    return (
        algorithm.status == Status.LIVE
        and _approvals(algorithm).filter(code_digest=digest_of(algorithm.slug)).exists()
    )


def read_paper_record(algorithm: Algorithm, code_digest: str) -> PaperRecord:
    """Read what the algorithm did on paper with its own parameters and this code, as far as it counts."""
    on_paper = Deployment.objects.filter(algorithm=algorithm, account__mode=Account.Mode.PAPER)
    as_it_is = on_paper.filter(parameters=algorithm.parameters)
    own = Decision.objects.decided().filter(code_digest=code_digest, parameters=algorithm.parameters)
    first = own.filter(deployment=OuterRef("pk")).order_by("decided_at")
    counted = as_it_is.annotate(pks=ArraySubquery(first.values("pk")[:LEAST_DECISIONS])).values_list(
        "pks", flat=True
    )
    since = _first_since(as_it_is, first, None)
    filled = Order.objects.filter(
        decision__in=own.filter(user=algorithm.user_id, action__in=("buy", "sell"), deployment__in=as_it_is),
        filled_quantity__gt=0,
    )
    return PaperRecord(
        since=since,
        days=_count_days(as_it_is, first, since),
        decisions=min(sum(map(len, counted)), LEAST_DECISIONS),
        filled_orders=filled[:LEAST_FILLED_ORDERS].count(),
        is_failing=_newest_failed(on_paper) or on_paper.standing().filter(failures_in_row__gt=0).exists(),
    )


def _first_since(
    deployments: QuerySet[Deployment], own: QuerySet[Decision], since: datetime | None
) -> datetime | None:
    """Give when any of the deployments first decided from then on; `own` are one's decisions, in order."""
    later = own if since is None else own.filter(decided_at__gte=since)
    firsts = deployments.annotate(first=Subquery(later.values("decided_at")[:1]))
    found: datetime | None = firsts.aggregate(at=Min("first"))["at"]
    return found


def _count_days(deployments: QuerySet[Deployment], own: QuerySet[Decision], since: datetime | None) -> int:
    """Leap from day to day, rather than read them."""
    days, at = 0, since
    while at is not None and days < settings.OMC_PAPER_DAYS:
        days += 1
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        at = _first_since(deployments, own, midnight)
    return days


def _newest_failed(deployments: QuerySet[Deployment]) -> bool:
    runs = Decision.objects.finished().filter(deployment=OuterRef("pk")).order_by("-slot")
    said = JSONObject(id="pk", status="status")
    newest = deployments.annotate(newest=Subquery(runs.values(said=said)[:1], output_field=JSONField()))
    found = [each for each in newest.values_list("newest", flat=True) if each]
    return bool(found) and max(found, key=lambda each: each["id"])["status"] == Decision.Status.FAILED


def _refuse_done(algorithm: Algorithm, target: str, digest: str) -> None:
    if algorithm.status == Status.ARCHIVED:
        raise Conflict(f"Algorithm {algorithm.pk} is archived: make another.", code="ALGORITHM_STATE")
    there = algorithm.status == Status.LIVE and (target == Target.PAPER or is_approved_for_live(algorithm))
    if there or algorithm.status == target == Target.PAPER:
        raise Conflict(f"Algorithm {algorithm.pk} is {algorithm.status} already.", code="ALGORITHM_STATE")
    pending = Promotion.objects.filter(
        algorithm=algorithm, status=Promotion.Status.PENDING, version=algorithm.version, code_digest=digest
    ).first()
    if pending:
        raise Conflict(
            f"Promotion {pending.pk} was asked for already, and waits for a second person.",
            code="PROMOTION_PENDING", detail={"promotion_id": pending.pk},
        )  # fmt: skip


def _examine(
    algorithm: Algorithm, target: str, digest: str, now: datetime
) -> tuple[dict[str, Any], list[str]]:
    """Give what speaks for the step, and what is missing, in sentences."""
    if target == Target.PAPER:
        return _examine_for_paper(algorithm, digest)
    return _examine_for_live(algorithm, digest, now)


def _examine_for_paper(algorithm: Algorithm, digest: str) -> tuple[dict[str, Any], list[str]]:
    if algorithm.status != Status.BACKTESTED:
        return {}, [
            f"It is {algorithm.status}, and paper needs a backtest of version {algorithm.version} that succeeded:"
            f" POST /lab/backtests with its algorithm_id, over {settings.OMC_BACKTEST_DAYS:g} days or more."
        ]  # fmt: skip
    backtested = (
        Event.objects.filter(account=None, order=None, type=BACKTESTED, inputs__algorithm_id=algorithm.pk)
        .order_by("-id")
        .first()
    )
    inputs = backtested.inputs if backtested else {}
    if inputs.get("version") != algorithm.version or inputs.get("code_digest") != digest:
        return {}, ["The rule's code has changed since its backtest: run another."]
    return {"backtest": inputs.get("grounds", {})}, []


def _examine_for_live(algorithm: Algorithm, digest: str, now: datetime) -> tuple[dict[str, Any], list[str]]:
    missing = []
    if algorithm.status not in (Status.PAPER, Status.LIVE):
        missing.append(f"It is {algorithm.status}, and live needs paper first.")
    done = read_paper_record(algorithm, digest)
    days = (now - done.since) / timedelta(days=1) if done.since else 0.0
    if days < settings.OMC_PAPER_DAYS:
        missing.append(
            f"It has decided on paper, as it is now, for {int(days * 10) / 10} days;"
            f" {settings.OMC_PAPER_DAYS:g} are needed."
        )
    if done.days < settings.OMC_PAPER_DAYS:
        missing.append(
            f"It has decided on paper, as it is now, on {done.days} days (UTC);"
            f" {settings.OMC_PAPER_DAYS:g} are needed."
        )
    if done.decisions < LEAST_DECISIONS:
        missing.append(
            f"It has made {done.decisions} decisions on paper, as it is now; {LEAST_DECISIONS} are needed."
        )
    if done.filled_orders < LEAST_FILLED_ORDERS:
        missing.append("None of its orders on paper was filled.")
    if done.is_failing:
        missing.append("It fails on paper: its newest run did, or the last of a deployment.")
    limited = _live_accounts_with_limits(algorithm)
    if not limited:
        missing.append("No live account of its owner has limits that somebody set: PUT /floor/safety/limits.")
    return {"paper": done.as_json(), "live_accounts_with_limits": limited}, missing


def _live_accounts_with_limits(algorithm: Algorithm) -> list[int]:
    accounts = Account.objects.filter(user=algorithm.user_id, mode=Account.Mode.LIVE)
    return list(
        accounts.filter(pk__in=Limits.objects.values("account"))
        .order_by("id")
        .values_list("pk", flat=True)
    )  # fmt: skip


def _refuse_outdated(promotion: Promotion, now: datetime) -> None:
    algorithm, digest = promotion.algorithm, digest_of(promotion.algorithm.slug)
    missing = []
    if promotion.version != algorithm.version:
        missing.append("Its parameters have changed since it was asked for: ask anew.")
    if promotion.code_digest != digest:
        missing.append("The rule's code has changed since it was asked for: ask anew.")
    missing += _examine(algorithm, promotion.target, digest, now)[1]
    if missing:
        raise NotReady(" ".join(missing), detail={"missing": missing})


def _grant(promotion: Promotion, *, at: datetime, actor: str, reason: str) -> None:
    move(
        promotion.algorithm, promotion.target, PROMOTED, at=at, actor=actor, reason=reason, inputs=_said(promotion)
    )  # fmt: skip


def _said(promotion: Promotion) -> dict[str, Any]:
    return {
        "promotion_id": promotion.pk, "target": promotion.target, "version": promotion.version,
        "code_digest": promotion.code_digest, "grounds": promotion.grounds, "notes": promotion.notes,
        "requested_by": promotion.requested_by_id,
    }  # fmt: skip


def _approvals(algorithm: Algorithm) -> Any:
    return Promotion.objects.filter(
        algorithm=algorithm, version=algorithm.version, target=Target.LIVE, status=Promotion.Status.APPROVED
    )
