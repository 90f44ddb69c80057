"""Send queued orders of a live account to its venue, each once (reference: the order protocol).

    claim     one transaction: check again, take a nonce, store the body, SUBMITTING; commit
    send      no transaction: the stored bytes, once, with a total deadline
    record    one transaction, if the order is still ours: OPEN, REJECTED, PENDING or UNKNOWN

A worker may die after any of these lines. What it leaves is a SUBMITTING order whose lease runs out;
then it is UNKNOWN (`services.resolve`), never sent again. The log's event names are the steps.
"""

import random
import time
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from apps.trading.matching import MOST_ROUNDING
from apps.trading.models import Account, Order
from apps.trading.records import Denial, Receipt, Submission
from apps.trading.services.cancel import cancel_if_asked
from apps.trading.services.claims import next_cleared
from apps.trading.services.control import standing_stop
from apps.trading.services.credentials import NoCredentials, keys_of
from apps.trading.services.nonces import take_nonce
from apps.trading.services.reservations import reserved_again
from apps.trading.services.venue import live_venue
from apps.trading.states import UNRESOLVED, Status
from apps.trading.transitions import amend, move
from ohmycoins.clients.coinspot import NotSent, OutcomeUnknown, Refused
from ohmycoins.core import clock
from ohmycoins.core.money import ZERO, plain

log = structlog.get_logger(__name__)

ACTOR = "executor"
LEASE_BEYOND_DEADLINE = timedelta(seconds=5)
MOST_ATTEMPTS = 5
RECORD_PAUSE_SECONDS = 0.2
# New submits begin in this time; the last may take its deadline longer, within the task's time limit.
DRAIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a submit, as far as its reply says."""

    status: Status
    reason: str
    receipt: Receipt | None = None


def drain_live(account_id: int, *, wait: bool = True, deadline: float | None = None) -> int:
    """Submit the account's queued orders, oldest first, until none may be sent; return how many were.

    Stops while an earlier one is unresolved. Waits for a worker that holds the account, unless `wait`
    is false; stops beginning submits after 10 s or at `deadline` (monotonic).
    """
    deadline = min(deadline or float("inf"), time.monotonic() + DRAIN_SECONDS)
    sent = 0
    while time.monotonic() < deadline and (submission := claim(account_id, wait=wait)):
        submit(submission)
        sent += 1
    return sent


@transaction.atomic
def claim(account_id: int, *, wait: bool = True) -> Submission | None:
    """Make the account's next order SUBMITTING, with its nonce and its exact body; None if there is none."""
    account = Account.objects.locked(skip_locked=not wait).filter(pk=account_id).first()
    if account is None or Order.objects.unresolved().filter(account=account).exists():
        return None
    # A cancel takes a nonce too: sent meanwhile, it would fence the submit off. Cancels go first.
    if Order.objects.cancel_due(clock.now()).filter(account=account).exists():
        return None
    now = clock.now()
    cleared = next_cleared(account, now, actor=ACTOR)
    if cleared is None:
        return None
    order, venue = cleared.order, live_venue(account)
    quantity, limit_price = order.quantity or ZERO, order.limit_price or ZERO  # a queued order has both
    nonce = take_nonce(account.pk)
    body = venue.write_order(
        nonce, side=order.side, coin_type=order.coin_type, quantity=quantity, limit_price=limit_price
    )
    lease_until = now + timedelta(seconds=settings.OMC_SUBMIT_DEADLINE_SECONDS) + LEASE_BEYOND_DEADLINE
    move(
        order, Status.SUBMITTING, at=now, actor=ACTOR, reason="claimed", inputs={"nonce": nonce},
        nonce=nonce, body=body, lease_until=lease_until, submitted_at=now, attempts=order.attempts + 1,
        next_at=None, fenced_at=None, looked_at=None,
    )  # fmt: skip
    return Submission(
        order_id=order.pk, account_id=account.pk, algorithm_id=order.algorithm_id, side=order.side,
        coin_type=order.coin_type, quantity=quantity, limit_price=limit_price, nonce=nonce, body=body,
        lease_until=lease_until,
    )  # fmt: skip


def submit(submission: Submission) -> None:
    """Send a claimed order and record what its reply says; never raises for what the venue does."""
    log.info("order.claimed", order_id=submission.order_id, account_id=submission.account_id)
    outcome = send(submission)
    log.info(
        "order.answered", order_id=submission.order_id, status=outcome.status, reason=outcome.reason,
        venue_order_id=outcome.receipt.id if outcome.receipt else None,
    )  # fmt: skip
    record(submission, outcome)
    log.info("order.recorded", order_id=submission.order_id, account_id=submission.account_id)


def send(submission: Submission) -> Outcome:
    """Send a claimed order's bytes, unless a stop or a brake came or its lease is over, and classify the reply."""
    account = Account.objects.get(pk=submission.account_id)
    stop = standing_stop(
        user_id=account.user_id, account_id=account.pk, algorithm_id=submission.algorithm_id,
        coin_type=submission.coin_type, now=clock.now(),
    )  # fmt: skip
    if stop.refuses(submission.side):
        return Outcome(Status.PENDING, f"{stop.name} came before it was sent")
    if clock.now() >= submission.lease_until:
        return Outcome(Status.UNKNOWN, "the worker was held up until its lease ended")
    try:
        keys = keys_of(account)
    except NoCredentials as error:
        return Outcome(Status.PENDING, f"not sent: {error.message}")
    log.info("order.sending", order_id=submission.order_id)
    try:
        receipt = live_venue(account).submit(submission.body, keys.trading, side=submission.side)
    except NotSent as error:
        return Outcome(Status.PENDING, f"not sent: {error}"[:300])
    except Refused as error:
        return Outcome(Status.REJECTED, str(error)[:300])
    except OutcomeUnknown as error:
        return Outcome(Status.UNKNOWN, str(error)[:300])
    return Outcome(Status.OPEN, "the venue placed it", receipt)


def record(submission: Submission, outcome: Outcome) -> None:
    """Record what became of a submit, unless the order has moved on under another nonce or state.

    Tries until the lease ends when the database is busy or away: an answer is had only once.
    """
    while True:
        try:
            _record(submission, outcome)
        except IntegrityError:
            # The venue's id is another order's already: whatever this reply is, it does not say where ours is.
            log.exception("order.id_reused", order_id=submission.order_id)
            outcome = Outcome(Status.UNKNOWN, "the venue answered with the id of another order")
        except (OperationalError, InterfaceError):
            if clock.now() >= submission.lease_until:
                log.exception("order.unrecorded", order_id=submission.order_id, outcome=str(outcome))
                raise
            connection.close_if_unusable_or_obsolete()
            time.sleep(RECORD_PAUSE_SECONDS)
        else:
            return


@transaction.atomic
def _record(submission: Submission, outcome: Outcome) -> None:
    account = Account.objects.locked().get(pk=submission.account_id)
    order = Order.objects.select_for_update(no_key=True).get(pk=submission.order_id)
    if order.nonce != submission.nonce:
        return
    now = clock.now()
    order.account = account
    if outcome.receipt and order.status in (*UNRESOLVED, Status.NOT_PLACED, Status.NEEDS_REVIEW):
        # Also after the lease: an answer with an id is the best evidence there can be.
        _record_receipt(order, outcome.receipt, outcome.reason)
        account.look_soon(now)
    elif order.status != Status.SUBMITTING:
        return
    elif outcome.status == Status.PENDING:
        _put_back(order, outcome.reason)
    elif outcome.status == Status.REJECTED:
        move(
            order,
            Status.REJECTED,
            at=now,
            actor=ACTOR,
            reason=outcome.reason,
            error=outcome.reason,
            lease_until=None,
        )
    else:
        move(order, Status.UNKNOWN, at=now, actor=ACTOR, reason=outcome.reason, lease_until=None, next_at=now)


def _record_receipt(order: Order, receipt: Receipt, reason: str) -> None:
    """Take the order as the venue placed it, if that is within what was asked for; else keep its id for a person.

    A venue may round to its ticks: the row then says what is there, and the event what was sent.
    """
    now = clock.now()
    sent = {"quantity": plain(order.quantity or ZERO), "limit_price": plain(order.limit_price or ZERO)}
    if _is_within(order, receipt) and order.status != Status.NEEDS_REVIEW:
        again = reserved_again(order) if order.status == Status.NOT_PLACED else {}
        move(
            order, Status.OPEN, at=now, actor=ACTOR, reason=reason,
            inputs={"venue_order_id": receipt.id, **sent}, venue_order_id=receipt.id,
            quantity=receipt.quantity, limit_price=receipt.limit_price, lease_until=None, looked_at=None, next_at=None,
            candidates=[], error="", **again,
        )  # fmt: skip
        cancel_if_asked(order)
        return
    said = {
        "name": receipt.id, "venue_order_id": receipt.id, "remaining": plain(receipt.quantity),
        "rate": plain(receipt.limit_price), "at": now.isoformat(), "trades": [],
    }  # fmt: skip
    if order.status == Status.SUBMITTING:
        move(
            order, Status.UNKNOWN, at=now, actor=ACTOR, reason="the venue says it placed something else",
            inputs={**sent, "said": said}, candidates=[said], lease_until=None, next_at=now,
        )  # fmt: skip
    else:
        amend(
            order, at=now, actor=ACTOR, type="order.answered", reason="the venue says it placed this",
            inputs={**sent, "said": said}, candidates=[*order.candidates, said],
        )  # fmt: skip
        log.error("order.answered_late", order_id=order.pk, status=order.status)


def _is_within(order: Order, receipt: Receipt) -> bool:
    """Tell whether what was placed takes no more than what is reserved, at a price that was accepted."""
    quantity, limit_price = order.quantity or ZERO, order.limit_price or ZERO
    near = abs(receipt.limit_price - limit_price) <= limit_price * MOST_ROUNDING
    buying = order.side == Order.Side.BUY
    no_worse = receipt.limit_price <= limit_price if buying else receipt.limit_price >= limit_price
    return near and no_worse and quantity * (1 - MOST_ROUNDING) <= receipt.quantity <= quantity


def _put_back(order: Order, reason: str) -> None:
    """Queue an order of which nothing left this machine, with growing pauses; at last give it up."""
    now = clock.now()
    pause = timedelta(seconds=2 ** (order.attempts - 1) * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
    move(
        order,
        Status.PENDING,
        at=now,
        actor=ACTOR,
        reason=reason,
        next_at=now + pause,
        lease_until=None,
        nonce=None,
        body="",
    )
    if order.cancel_requested_at:
        move(order, Status.CANCELLED, at=now, actor=ACTOR, reason="cancelled before it was sent")
    elif order.attempts >= MOST_ATTEMPTS:
        denial = Denial("VENUE_UNREACHABLE", f"The venue could not be reached in {order.attempts} attempts.")
        move(
            order, Status.DENIED, at=now, actor=ACTOR, reason=denial.code, denials=[denial.as_json()],
            error=f"{denial.message} {reason}"[:500],
        )  # fmt: skip


def reap(account_id: int) -> int:
    """Make submits whose lease ran out UNKNOWN: their worker died, or sleeps; return how many."""
    with transaction.atomic():
        Account.objects.locked().get(pk=account_id)
        now, reaped = clock.now(), 0
        for order in (
            Order.objects.lease_over(now).filter(account_id=account_id).select_for_update(no_key=True)
        ):
            move(
                order, Status.UNKNOWN, at=now, actor="reaper", reason="no reply was recorded within its lease",
                lease_until=None, next_at=now,
            )  # fmt: skip
            reaped += 1
    return reaped
