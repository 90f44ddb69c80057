"""Decide one slot of a deployment, once, and record all that it went by.

The slot's row, what was decided, and the order that follows are one transaction: a worker that dies
leaves the slot due, and the next one decides it by its own clock. Nothing decides twice, and no order is
placed without its decision.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from apps.trading import deciding
from apps.trading.algorithms.base import (
    HOLD,
    Algorithm,
    Input,
    Known,
    Parameters,
    Signal,
    as_json,
    code_digest,
    read_parameters,
)
from apps.trading.algorithms.rows import Ref
from apps.trading.algorithms.view import Book, View
from apps.trading.deciding import Verdict
from apps.trading.models import Account, Decision, Deployment, Evidence, Order, Twap
from apps.trading.records import Denial, Ticket
from apps.trading.services import books
from apps.trading.services.algorithms import rule_of
from apps.trading.services.deployments import pause
from apps.trading.services.knowing import read_known, settle_ledgers
from apps.trading.services.place import place_order
from apps.trading.services.promotions import is_approved_for_live
from apps.trading.services.standing import read_book_day
from apps.trading.services.twaps import start_twap
from apps.trading.states import IN_FLIGHT, values
from ohmycoins.core import clock, outbox

log = structlog.get_logger(__name__)

ORDER_LIVES = timedelta(seconds=60)
MOST_ATTEMPTS = 5
"""A slot that so many workers took up and did not decide is given up."""
FAILURES_IN_ROW = 5
"""After so many a deployment is paused."""
MOST_EVIDENCE = 100
TASK_SECONDS = 15
"""After so long a worker takes up no other slot of its message: a task may take 25 s."""


class TouchedDatabase(Exception):
    """A rule asked the database: it may know what the view shows, and nothing else."""


class TookTooLong(Exception):
    """A rule was still thinking when its worker's time ended."""


@dataclass(frozen=True, slots=True)
class Consulted:
    """What a rule was shown, what it said, and whether its inputs can be believed."""

    signal: Signal
    verdicts: tuple[Verdict, ...]
    read: tuple[Ref, ...]


def run_decisions(decision_ids: Sequence[int]) -> None:
    """Decide due slots, each by itself; those that there is no time left for are nudged for anew."""
    deadline = time.monotonic() + TASK_SECONDS
    for place, decision_id in enumerate(decision_ids):
        if time.monotonic() > deadline:
            outbox.nudge("trading.decide", *decision_ids[place:])
            return
        try:
            run_decision(decision_id)
        except (OperationalError, InterfaceError) as error:
            log.warning("decision.put_off", decision_id=decision_id, error=str(error))


def run_decision(decision_id: int) -> None:
    """Decide a due slot; one that is decided, or that another worker has, is left alone.

    Raises OperationalError or InterfaceError when the database is in trouble: the slot stays due, and that it
    was taken up does not count.
    """
    due = Decision.objects.waiting().filter(pk=decision_id)
    # Counted before anything can go wrong with it, so that what kills workers ends.
    if not due.update(attempts=F("attempts") + 1):
        return
    deployment = Deployment.objects.select_related("algorithm").get(decisions=decision_id)
    try:
        rule = rule_of(deployment.algorithm.slug)
        parameters = read_parameters(rule, deployment.parameters)
        inputs = rule.inputs(parameters)
        now = clock.now()
        settle_ledgers(inputs, now)
        _decide(decision_id, rule, parameters, inputs, now)
    except SoftTimeLimitExceeded:
        raise  # whoever was asked when the worker's time ended is not to blame
    except (OperationalError, InterfaceError):
        with suppress(OperationalError, InterfaceError):
            due.update(attempts=F("attempts") - 1)
        raise
    except Exception as error:  # the rule's, whatever it is
        _fail(decision_id, error)


def consult(
    rule: Algorithm, parameters: Parameters, inputs: Sequence[Input], known: Known, book: Book, now: datetime
) -> Consulted:
    """Ask a rule, cut off from the database. Raises whatever the rule does, and BadSignal."""
    view = View(now=now, parameters=parameters, book=book, inputs=inputs, known=known)
    try:
        with cut_off():
            signal = deciding.decide(rule, view)
            verdicts = deciding.judge_inputs(inputs, known, now)
    except SoftTimeLimitExceeded:
        raise TookTooLong("the rule did not answer within the time that a worker has") from None
    return Consulted(signal, verdicts, view.read)


@contextmanager
def cut_off() -> Iterator[None]:
    """Refuse every database statement within: a rule that could ask would not be replayable."""

    def refuse(*_: Any) -> None:
        raise TouchedDatabase("a rule may not ask the database: what it needs it declares as an input")

    with connection.execute_wrapper(refuse):
        yield


@transaction.atomic
def _decide(
    decision_id: int, rule: Algorithm, parameters: Parameters, inputs: Sequence[Input], now: datetime
) -> None:
    """Decide by what was known at `now`, which is settled; the order, if any, is placed by the market as it is."""
    decision = Decision.objects.waiting().select_for_update(skip_locked=True).filter(pk=decision_id).first()
    if decision is None:
        return
    whose = Deployment.objects.filter(pk=decision.deployment_id)
    account = Account.objects.locked().get(pk__in=whose.values("account"))
    # Read under the lock, which whoever pauses it takes.
    deployment = whose.select_related("user", "algorithm").get()
    if deployment.status == Deployment.Status.ACTIVE and account.mode == Account.Mode.LIVE:
        deployment = _approved_or_paused(deployment)
    if deployment.status != Deployment.Status.ACTIVE:
        Decision.objects.filter(pk=decision.pk).update(
            status=Decision.Status.SKIPPED, reason=f"the deployment is {deployment.status}"
        )
        return
    if deployment.daily_loss_limit_aud is not None:
        read_book_day(account, deployment.pk, now)  # the day's losses are counted from its first decision on
    book = books.shown_book(account, deployment.algorithm_id, deployment.position_limit_aud)
    found = consult(rule, parameters, inputs, read_known(inputs, now), book, now)
    signal, denials = found.signal, _gate(found, deployment)
    ticket = None
    if signal.action != HOLD and not denials:
        sized = deciding.size_of(signal, book)
        ticket, denials = (None, (sized,)) if isinstance(sized, Denial) else (sized, ())
    order = _order(decision, deployment, account, ticket, signal) if ticket else None
    said = [denial.as_json() for denial in denials]
    if order is not None and order.status == "denied":
        said = order.denials
    _record(decision, rule, parameters, book, found, said, now)
    Deployment.objects.filter(pk=deployment.pk).update(runs=F("runs") + 1, failures_in_row=0, last_run_at=now)
    log.info("decision.made", decision_id=decision.pk, deployment_id=deployment.pk, action=signal.action)


def _gate(found: Consulted, deployment: Deployment) -> tuple[Denial, ...]:
    own = Order.objects.filter(account=deployment.account_id, algorithm_id=deployment.algorithm_id)
    in_flight = (
        own.filter(status__in=values(IN_FLIGHT)).exists()
        or Twap.objects.active().filter(decision__deployment=deployment).exists()
    )
    return deciding.gate(found.signal, found.verdicts, in_flight=in_flight)


def _order(
    decision: Decision, deployment: Deployment, account: Account, ticket: Ticket, signal: Signal
) -> Order | None:
    """Place what the signal wants, at once or in slices; the order, or the first slice."""
    who: dict[str, Any] = {
        "user": deployment.user, "account": account, "ticket": ticket, "decision": decision,
        "algorithm_id": deployment.algorithm_id, "ledger": signal.ledger, "actor": f"deployment:{deployment.pk}",
    }  # fmt: skip
    if deployment.slices > 1:
        twap = start_twap(**who, slices=deployment.slices, slice_seconds=deployment.slice_seconds)
        return twap.orders.first()
    return place_order(**who, idempotency_key=f"decision-{decision.pk}", expires_at=clock.now() + ORDER_LIVES)


def _record(
    decision: Decision, rule: Algorithm, parameters: Parameters, book: Book, found: Consulted,
    denials: list[dict[str, Any]], now: datetime,
) -> None:  # fmt: skip
    signal = found.signal
    reads: dict[str, list[int]] = {}
    for ref in found.read:
        reads.setdefault(ref.table, []).append(ref.id)
    Evidence.objects.bulk_create(
        Evidence(
            decision=decision, place=place, ledger=ref.ledger, table=ref.table, row_id=ref.id, source=ref.source[:100]
        )
        for place, ref in enumerate(stored_evidence(signal))
    )  # fmt: skip
    Decision.objects.filter(pk=decision.pk).update(
        status=Decision.Status.DONE, decided_at=now, code_digest=code_digest(type(rule)), code_version=rule.version,
        parameters=as_json(parameters), book=books.as_json(book), reads=reads,
        quality=[verdict.as_json() for verdict in found.verdicts],
        **as_stored(signal), denials=denials,
    )  # fmt: skip


def stored_evidence(signal: Signal) -> list[Ref]:
    """Give the rows of a signal that are kept, each once, the most important first."""
    return list(dict.fromkeys(signal.evidence))[:MOST_EVIDENCE]


def as_stored(signal: Signal) -> dict[str, Any]:
    """Give a signal as a decision keeps it."""
    return {
        "action": signal.action,
        "coin_type": signal.coin_type,
        "quantity": signal.quantity and round(signal.quantity, 18),
        "fraction": signal.fraction and round(signal.fraction, 8),
        "amount_aud": signal.amount_aud and round(signal.amount_aud, 8),
        "confidence": round(signal.confidence, 4),
        "ledger": signal.ledger,
        "reason": signal.reason.replace("\0", "")[:500],
    }


@transaction.atomic
def _fail(decision_id: int, error: Exception) -> None:
    """Record that a slot came to nothing, and pause a deployment that only fails."""
    decision = Decision.objects.waiting().select_for_update().filter(pk=decision_id).first()
    if decision is None:
        return
    message = f"{type(error).__name__}: {error}"[:500]
    now = clock.now()
    Decision.objects.filter(pk=decision_id).update(
        status=Decision.Status.FAILED, decided_at=now, error=message
    )
    whose = Deployment.objects.filter(pk=decision.deployment_id)
    Account.objects.locked().get(pk__in=whose.values("account"))
    whose.update(
        runs=F("runs") + 1, failures=F("failures") + 1, failures_in_row=F("failures_in_row") + 1,
        last_error=message, last_run_at=now,
    )  # fmt: skip
    deployment = whose.get()
    if deployment.failures_in_row >= FAILURES_IN_ROW and deployment.status == Deployment.Status.ACTIVE:
        _pause(deployment, f"{deployment.failures_in_row} failures in a row: {message}")
    log.warning("decision.failed", decision_id=decision_id, deployment_id=deployment.pk, error=message)


def _approved_or_paused(deployment: Deployment) -> Deployment:
    """Pause a live deployment of which the code is no longer what two people let trade."""
    if is_approved_for_live(deployment.algorithm):
        return deployment
    return _pause(deployment, "its parameters or code are not those that were approved: promote it anew")


def _pause(deployment: Deployment, reason: str) -> Deployment:
    """Pause a deployment as a person would, and report it."""
    log.error("deployment.failing", deployment_id=deployment.pk, reason=reason)
    return pause(deployment.pk, actor="decider", reason=reason)


def give_up(decision_id: int) -> None:
    """Record that workers took a slot up again and again, and none decided it."""
    _fail(
        decision_id,
        RuntimeError(f"not decided in {MOST_ATTEMPTS} attempts: the workers ended, or could not store it"),
    )
