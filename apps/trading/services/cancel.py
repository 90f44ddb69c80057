"""Cancel orders that are not filled yet."""

import time
from datetime import timedelta
from math import inf

import structlog
from django.conf import settings
from django.db import transaction

from apps.trading.models import Account, Order
from apps.trading.services.credentials import keys_of
from apps.trading.services.nonces import take_nonce
from apps.trading.services.venue import FAILURES, live_venue
from apps.trading.states import RESTING, UNRESOLVED, Status
from apps.trading.transitions import amend, move
from ohmycoins.core import clock, outbox
from ohmycoins.core.errors import Conflict

log = structlog.get_logger(__name__)


@transaction.atomic
def cancel_order(order_id: int, *, actor: str, reason: str = "asked for") -> Order:
    """Cancel what is not filled yet and return the order; cancelling again changes nothing.

    On paper it is CANCELLED at once. At a live venue it is CANCELLING until the venue's lists show what
    became of it; one whose submit is under way is cancelled as soon as that is known, and one in review is
    taken off the book while a person decides. Cancels pass whatever is stopped. Raises Conflict
    (ORDER_STATE) when the order is finished.
    """
    account_id = Order.objects.values_list("account_id", flat=True).get(pk=order_id)
    account = Account.objects.locked().get(pk=account_id)
    order = Order.objects.select_for_update(no_key=True).get(pk=order_id)
    if order.status in (Status.CANCELLED, Status.CANCELLING):
        return order
    now = clock.now()
    if order.status == Status.PENDING:
        move(order, Status.CANCELLED, at=now, actor=actor, reason=reason)
    elif order.status in RESTING:
        move(
            order,
            Status.CANCELLING,
            at=now,
            actor=actor,
            reason=reason,
            cancel_requested_at=now,
            next_at=now,
            looked_at=None,
        )
        if account.mode == Account.Mode.PAPER:
            move(order, Status.CANCELLED, at=now, actor=actor, reason="nothing rests outside on paper")
        else:
            outbox.nudge("trading.execute", account_id)
    elif order.status in UNRESOLVED:
        if order.cancel_requested_at is None:
            amend(
                order,
                at=now,
                actor=actor,
                type="order.cancel_requested",
                reason=reason,
                cancel_requested_at=now,
            )
    elif order.status == Status.NEEDS_REVIEW and order.venue_order_id:
        # What it is, a person says; that it is not to rest there any more, the venue is asked at once.
        amend(
            order,
            at=now,
            actor=actor,
            type="order.cancel_requested",
            reason=reason,
            cancel_requested_at=now,
            next_at=now,
        )
        outbox.nudge("trading.execute", account_id)
    else:
        raise Conflict(f"Order {order_id} is {order.status}; it cannot be cancelled.", code="ORDER_STATE")
    log.info("order.cancelled", order_id=order_id, status=order.status)
    return order


def cancel_if_asked(order: Order) -> None:
    """Go on with a cancel that was asked for while nobody knew where the order was; account locked."""
    if order.cancel_requested_at and order.status in RESTING:
        now = clock.now()
        move(
            order,
            Status.CANCELLING,
            at=now,
            actor="executor",
            reason="asked for before it was placed",
            next_at=now,
        )


def send_cancel(account_id: int) -> bool:
    """Ask the venue to take an order off its book, if one is due; tell whether one was.

    The answer proves nothing, the next reading does; asked again while the order is still listed.
    """
    now = clock.now()
    order = (
        Order.objects.cancel_due(now)
        .filter(account_id=account_id)
        .select_related("account")
        .order_by("next_at", "id")
        .first()
    )
    if order is None:
        return False
    # First the time of the next attempt: a worker that dies here has sent it once at most.
    again = now + timedelta(seconds=max(settings.OMC_SETTLE_SECONDS / 4, 1))
    Order.objects.filter(pk=order.pk, status=order.status).update(next_at=again)
    _send_cancel(order)
    order.account.look_soon(clock.now())
    return True


def send_cancels(account_id: int, *, deadline: float = inf) -> int:
    """Send what cancels are due, beginning none after `deadline` (monotonic); return how many were sent."""
    sent = 0
    while time.monotonic() < deadline and send_cancel(account_id):
        sent += 1
    return sent


def _send_cancel(order: Order) -> None:
    if order.venue_order_id is None:
        return
    try:
        keys = keys_of(order.account)
        live_venue(order.account).cancel(
            take_nonce(order.account_id), keys.trading, side=order.side, venue_order_id=order.venue_order_id
        )
    except FAILURES as error:
        log.warning("order.cancel_unanswered", order_id=order.pk, error=str(error))
    else:
        log.info("order.cancel_sent", order_id=order.pk)
