"""Find out what became of an order whose answer was lost; it is never sent again.

    fence     a signed call with a higher nonce gets through: the venue takes no late submit any more
    settle    wait until what it took before that must show in its lists; the reservation is kept
    look      read the book and the trades, twice when the first look shows nothing

One candidate is the order; none, twice, means that it was not placed; several are for a person. A call
that fails proves nothing and is made again, with growing pauses, for as long as it takes.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from apps.trading.matching import Candidate
from apps.trading.models import Account, Order
from apps.trading.records import Reading
from apps.trading.services.cancel import cancel_if_asked
from apps.trading.services.credentials import keys_of
from apps.trading.services.evidence import Search, as_json, search
from apps.trading.services.fills import record_trades
from apps.trading.services.nonces import take_nonce
from apps.trading.services.reading import read_venue
from apps.trading.services.reservations import reserved_again
from apps.trading.services.venue import FAILURES, live_venue
from apps.trading.states import Status
from apps.trading.transitions import move
from ohmycoins.core import clock
from ohmycoins.core.money import plain

log = structlog.get_logger(__name__)

ACTOR = "resolver"
LONGEST_PAUSE_SECONDS = 30.0


def settle_time() -> timedelta:
    return timedelta(seconds=settings.OMC_SETTLE_SECONDS)


def look_again_time() -> timedelta:
    """Give how far apart two looks are: 15 s for the production settle time."""
    return settle_time() / 4


def resolve(account_id: int) -> bool:
    """Take the account's unknown order one step further, if a step is due; tell whether one was taken."""
    now = clock.now()
    order = Order.objects.unknown_due(now).filter(account_id=account_id).select_related("account").first()
    if order is None:
        return False
    _put_off(order, now)  # first: whatever fails below is tried again later, not at once
    try:
        if order.fenced_at is None:
            _fence(order)
        else:
            _look(order)
    except FAILURES as error:
        log.warning("order.unresolved", order_id=order.pk, error=str(error))
    return True


def _fence(order: Order) -> None:
    keys = keys_of(order.account)
    live_venue(order.account).fence(take_nonce(order.account_id), keys.trading)
    fenced_at = clock.now()
    Order.objects.filter(pk=order.pk, status=Status.UNKNOWN, nonce=order.nonce).update(
        fenced_at=fenced_at, next_at=fenced_at + settle_time()
    )
    log.info("order.fenced", order_id=order.pk)


def _put_off(order: Order, now: datetime) -> None:
    """Try again after a tenth of the time that the order has been unknown, within bounds."""
    waited = now - (order.lease_until or order.submitted_at or now)
    pause = min(max(waited.total_seconds() / 10, 0.5), LONGEST_PAUSE_SECONDS)
    Order.objects.filter(pk=order.pk, status=Status.UNKNOWN).update(next_at=now + timedelta(seconds=pause))


def _look(order: Order) -> None:
    reading = read_venue(order.account, since=order.submitted_at or order.created_at)
    log.info("order.looked", order_id=order.pk)
    with transaction.atomic():
        account = Account.objects.locked().get(pk=order.account_id)
        locked = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
        if locked.status == Status.UNKNOWN and locked.nonce == order.nonce:
            locked.account = account
            _conclude(locked, reading)


def _conclude(order: Order, reading: Reading) -> None:
    now, found = clock.now(), search(order, reading)
    if only := found.only:
        link(order, only, actor=ACTOR, reason="the only order at the venue that it can be")
        order.account.look_soon(now)
    elif order.looked_at is None:  # a list may lag, or hold a row twice
        Order.objects.filter(pk=order.pk).update(
            looked_at=now, next_at=now + look_again_time(), candidates=_shown(order, found)
        )
    elif found.nothing and not order.candidates:
        move(
            order, Status.NOT_PLACED, at=now, actor=ACTOR, reason="fenced off, settled, and looked for twice: no trace",
            error="It did not reach the venue.",
        )  # fmt: skip
    else:
        move(
            order, Status.NEEDS_REVIEW, at=now, actor=ACTOR, next_at=None, candidates=_shown(order, found),
            reason=f"{len(found.candidates)} orders at the venue may be this one" if found.candidates
            else "the venue shows too much, or once showed something, that may be this order",
        )  # fmt: skip
        log.error("order.needs_review", order_id=order.pk, candidates=len(found.candidates))


def _shown(order: Order, found: Search) -> list[dict[str, Any]]:
    """Give what a person will be shown: all that was ever found, each once."""
    now = [as_json(candidate) for candidate in found.candidates]
    names = {candidate["name"] for candidate in now}
    return [*now, *(before for before in order.candidates if before["name"] not in names)]


def link(order: Order, candidate: Candidate, *, actor: str, reason: str) -> None:
    """Make the venue's order ours: its id, its trades, and the state that they leave it in.

    Runs in the caller's transaction with the account locked.
    """
    changes: dict[str, Any] = {
        "venue_order_id": candidate.venue_order_id, "lease_until": None, "looked_at": None, "next_at": None,
        "candidates": [], "error": "",
    }  # fmt: skip
    if order.status == Status.NOT_PLACED:
        changes |= reserved_again(order)
    move(
        order, Status.OPEN, at=clock.now(), actor=actor, reason=reason,
        inputs={"candidate": as_json(candidate)["name"], "remaining": plain(candidate.remaining)}, **changes,
    )  # fmt: skip
    record_trades(order, candidate.trades, actor=actor)
    cancel_if_asked(order)
