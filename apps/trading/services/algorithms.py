"""Set algorithms up: a rule, a user's parameters, and a version that says when they changed."""

import inspect
import json
from datetime import datetime
from typing import Any

import structlog
from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.trading.algorithms import base
from apps.trading.models import Algorithm, Deployment, Event, Promotion
from ohmycoins.core import clock, seams
from ohmycoins.core.errors import Conflict, Invalid

log = structlog.get_logger(__name__)

Status = Algorithm.Status


def find_rule(slug: str) -> base.Algorithm | None:
    """Give the rule, if the setting ALGORITHMS has it."""
    rule: base.Algorithm | None = seams.load("ALGORITHMS").get(slug)
    return rule


def rule_of(slug: str) -> base.Algorithm:
    """Give the rule. Raises Invalid, naming those that there are."""
    rule = find_rule(slug)
    if rule is None:
        accepted = sorted(seams.load("ALGORITHMS"))
        raise Invalid(
            f"slug={slug!r} is not one of: {', '.join(accepted)}",
            detail={"slug": slug, "accepted": accepted},
        )
    return rule


def digest_of(slug: str) -> str:
    """Fingerprint the code that a rule runs by now. Raises Invalid."""
    return base.code_digest(type(rule_of(slug)))


def complete(slug: str, given: dict[str, Any]) -> dict[str, Any]:
    """Give a rule's parameters as they are stored, defaults filled in. Raises Invalid, naming each that is wrong."""
    stored = base.as_json(base.read_parameters(rule_of(slug), given))
    if "\\u0000" in json.dumps(stored):
        raise Invalid(f"parameters of {slug}: they hold a NUL character, which no text here does")
    return stored


def complete_over(slug: str, stored: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Give `stored` with `given` on top, complete. What the rule has no more is dropped. Raises Invalid."""
    kept = {name: stored[name] for name in rule_of(slug).parameters.model_fields if name in stored}
    return complete(slug, kept | given)


def rationale_of(rule: base.Algorithm) -> str:
    """Give what the rule's author wrote for its users."""
    return inspect.getdoc(type(rule)) or ""


def inputs_of(algorithm: Algorithm) -> tuple[base.Input, ...]:
    """Give what the algorithm reads as it is set up; nothing where its rule cannot be set up so any more."""
    rule = find_rule(algorithm.slug)
    try:
        return rule.inputs(base.read_parameters(rule, algorithm.parameters)) if rule else ()
    except Invalid:
        return ()


def make_algorithm(
    *, user: User, slug: str, name: str, parameters: dict[str, Any], actor: str = ""
) -> Algorithm:
    """Store a draft: the rule `slug` with these parameters, those left out at their defaults.

    `actor` is the user unless it says otherwise. Raises Invalid, or Conflict when the user has one of that
    name.
    """
    stored, now = complete(slug, parameters), clock.now()
    try:
        with transaction.atomic():
            algorithm = Algorithm.objects.create(
                user=user, slug=slug, name=name, parameters=stored, created_at=now
            )
            record(
                algorithm, "algorithm.made", at=now, actor=actor or f"user:{user.pk}", reason="asked for",
                after=algorithm.status, inputs={"slug": slug, "name": name, "parameters": stored},
            )  # fmt: skip
    except IntegrityError as error:
        raise _name_taken(name) from error
    return algorithm


def change_algorithm(
    algorithm_id: int, *, name: str | None = None, parameters: dict[str, Any] | None = None, actor: str
) -> Algorithm:
    """Rename it, or change the parameters named; other parameters make it a draft of the next version.

    Raises Invalid, or Conflict: the name is taken, it is archived, or it would change under a deployment.
    """
    try:
        with transaction.atomic():
            algorithm = Algorithm.objects.select_for_update(no_key=True).get(pk=algorithm_id)
            if algorithm.status == Status.ARCHIVED:
                raise _archived(algorithm)
            _rename(algorithm, name, actor)
            if parameters is not None:
                _set_up_anew(
                    algorithm, complete_over(algorithm.slug, algorithm.parameters, parameters), actor
                )
    except IntegrityError as error:
        raise _name_taken(name or "") from error
    return algorithm


@transaction.atomic
def archive_algorithm(algorithm_id: int, *, actor: str, reason: str = "asked for") -> Algorithm:
    """Put it away for good; its books and its name stay. Raises Conflict while it is deployed."""
    algorithm = Algorithm.objects.select_for_update(no_key=True).get(pk=algorithm_id)
    if algorithm.status == Status.ARCHIVED:
        raise _archived(algorithm)
    _refuse_deployed(algorithm)
    now = clock.now()
    withdraw_pending(algorithm, at=now, actor=actor, reason="withdrawn: it was archived")
    move(algorithm, Status.ARCHIVED, "algorithm.archived", at=now, actor=actor, reason=reason)
    return algorithm


def move(
    algorithm: Algorithm, status: str, type: str, *, at: datetime, actor: str, reason: str,
    inputs: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Give the locked algorithm another status, and record the event."""
    before, algorithm.status = algorithm.status, status
    algorithm.save(update_fields=["status"])
    record(algorithm, type, at=at, actor=actor, reason=reason, before=before, after=status, inputs=inputs)


def record(
    algorithm: Algorithm, type: str, *, at: datetime, actor: str, reason: str, before: str = "", after: str = "",
    inputs: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Add to the trail what became of an algorithm; it is no account's."""
    Event.objects.create(
        account=None, type=type, from_status=before, to_status=after, at=at, actor=actor, reason=reason[:300],
        inputs={"algorithm_id": algorithm.pk, "user_id": algorithm.user_id, "version": algorithm.version}
        | (inputs or {}),
    )  # fmt: skip
    log.info(type, algorithm_id=algorithm.pk, version=algorithm.version, status=algorithm.status)


def withdraw_pending(algorithm: Algorithm, *, at: datetime, actor: str, reason: str) -> None:
    """Reject the locked algorithm's request that waits for an answer, if there is one: its ground is gone."""
    for promotion in Promotion.objects.filter(algorithm=algorithm, status=Promotion.Status.PENDING):
        promotion.status, promotion.decided_at, promotion.reason = Promotion.Status.REJECTED, at, reason
        promotion.save(update_fields=["status", "decided_at", "reason"])
        record(
            algorithm, "promotion.withdrawn", at=at, actor=actor, reason=reason,
            inputs={"promotion_id": promotion.pk, "target": promotion.target},
        )  # fmt: skip


def _rename(algorithm: Algorithm, name: str | None, actor: str) -> None:
    if name is None or name == algorithm.name:
        return
    before, algorithm.name = algorithm.name, name
    algorithm.save(update_fields=["name"])
    record(
        algorithm, "algorithm.renamed", at=clock.now(), actor=actor, reason="asked for",
        inputs={"before": before, "after": name},
    )  # fmt: skip


def _set_up_anew(algorithm: Algorithm, parameters: dict[str, Any], actor: str) -> None:
    if parameters == algorithm.parameters:
        return
    _refuse_deployed(algorithm)
    now = clock.now()
    withdraw_pending(algorithm, at=now, actor=actor, reason="withdrawn: its parameters changed")
    before, algorithm.parameters = algorithm.parameters, parameters
    algorithm.version += 1
    algorithm.save(update_fields=["parameters", "version"])
    move(
        algorithm, Status.DRAFT, "algorithm.changed", at=now, actor=actor, reason="other parameters",
        inputs={"before": before, "after": parameters},
    )  # fmt: skip


def _refuse_deployed(algorithm: Algorithm) -> None:
    running = Deployment.objects.standing().filter(algorithm=algorithm).order_by("id")
    if ids := list(running.values_list("pk", flat=True)):
        raise Conflict(
            f"Algorithm {algorithm.pk} is deployed: stop its deployments first"
            f" ({', '.join(map(str, ids))}).",
            code="ALGORITHM_DEPLOYED", detail={"deployments": ids},
        )  # fmt: skip


def _name_taken(name: str) -> Conflict:
    return Conflict(
        f"There is an algorithm named {name!r} already; names are a user's only once.",
        code="ALGORITHM_EXISTS",
    )


def _archived(algorithm: Algorithm) -> Conflict:
    return Conflict(f"Algorithm {algorithm.pk} is archived: make another.", code="ALGORITHM_STATE")
