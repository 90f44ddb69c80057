"""Find out what became of an order whose answer was lost; it is never sent again.

    fence     a signed call with a higher nonce gets through: the venue takes no late submit any more
    settle    wait until what it took before that must show in its lists; the reservation is kept
    look      read the book and the trades, twice when the first look shows nothing

One candidate is the order; none, twice, means that it was not placed; several are for a person. A call
that fails proves nothing and is made again, with growing pauses, for as long as it takes.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from apps.trading import matching, safety
from apps.trading.matching import Candidate, Wanted
from apps.trading.models import Account, Fill, Order
from apps.trading.records import Reading, VenueTrade
from apps.trading.services.cancel import cancel_if_asked
from apps.trading.services.credentials import NoCredentials, keys_of
from apps.trading.services.fills import record_trades
from apps.trading.services.nonces import take_nonce
from apps.trading.services.reading import read_venue
from apps.trading.states import Status
from apps.trading.transitions import move
from apps.trading.venues.base import LiveVenue
from ohmycoins.clients.coinspot import NotSent, OutcomeUnknown, Refused
from ohmycoins.core import clock, seams
from ohmycoins.core.money import ZERO, plain

log = structlog.get_logger(__name__)

ACTOR = "resolver"
LONGEST_PAUSE_SECONDS = 30.0
FAILURES = (NotSent, Refused, OutcomeUnknown, NoCredentials)


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
    try:
        if order.fenced_at is None:
            _fence(order)
        else:
            _look(order)
    except FAILURES as error:
        log.warning("order.unresolved", order_id=order.pk, error=str(error))
        _put_off(order, now)
    return True


def _fence(order: Order) -> None:
    venue: LiveVenue = seams.load("VENUES")[order.account.venue]
    keys = keys_of(order.account)
    venue.fence(take_nonce(order.account_id), keys.trading)
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
    now = clock.now()
    found = find(order, reading)
    if len(found) == 1:
        link(order, found[0], actor=ACTOR, reason="the only order at the venue that it can be")
        order.account.look_soon(now)
    elif order.looked_at is None:  # a list may lag, or hold a row twice
        Order.objects.filter(pk=order.pk).update(looked_at=now, next_at=now + look_again_time())
    elif found:
        move(
            order, Status.NEEDS_REVIEW, at=now, actor=ACTOR,
            reason=f"{len(found)} orders at the venue may be this one",
            candidates=[as_json(candidate) for candidate in found], next_at=None,
        )  # fmt: skip
        log.error("order.needs_review", order_id=order.pk, candidates=len(found))
    else:
        move(
            order, Status.NOT_PLACED, at=now, actor=ACTOR, reason="fenced off, settled, and looked for twice: no trace",
            error="It did not reach the venue.",
        )  # fmt: skip


def find(order: Order, reading: Reading) -> list[Candidate]:
    """Give what at the venue a lost order may be, leaving out all that another order is linked to."""
    linked = set(
        Order.objects.filter(account_id=order.account_id, venue_order_id__isnull=False).values_list(
            "venue_order_id", flat=True
        )
    )
    return matching.candidates(
        as_wanted(order),
        [listed for listed in reading.orders if listed.id not in linked],
        [trade for trade in unrecorded(order.account_id, reading) if trade.order_id not in linked],
    )


def unrecorded(account_id: int, reading: Reading) -> list[VenueTrade]:
    """Give the trades of a reading that are no fills of ours yet."""
    keys = [trade.key for trade in reading.trades]
    known = set(
        Fill.objects.filter(account_id=account_id, venue_fill_id__in=keys).values_list(
            "venue_fill_id", flat=True
        )
    )
    return [trade for trade in reading.trades if trade.key not in known]


def as_wanted(order: Order) -> Wanted:
    """Give the order as `matching` looks for it."""
    return Wanted(
        id=order.pk, side=order.side, coin_type=order.coin_type, quantity=order.quantity or ZERO,
        limit_price=order.limit_price or ZERO, since=order.submitted_at or order.created_at,
        until=order.fenced_at, venue_order_id=order.venue_order_id, filled=order.filled_quantity,
    )  # fmt: skip


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
        inputs={"candidate": candidate.name, "remaining": plain(candidate.remaining)}, **changes,
    )  # fmt: skip
    record_trades(order, candidate.trades, actor=actor)
    cancel_if_asked(order)


def reserved_again(order: Order) -> dict[str, Decimal]:
    """Give what an order that turned out to be at the venue takes; a fact, which no guard refuses."""
    sizing = safety.reserve(
        order.side, order.open_quantity, order.limit_price or ZERO, order.limit_price or ZERO,
        seams.load("VENUES")[order.account.venue].fee_rate,
    )  # fmt: skip
    return {"reserved_aud": sizing.reserved_aud, "reserved_quantity": sizing.reserved_quantity}


def as_json(candidate: Candidate) -> dict[str, object]:
    """Give a candidate as it is kept for the person who chooses."""
    return {
        "name": candidate.name, "venue_order_id": candidate.venue_order_id,
        "remaining": plain(candidate.remaining), "at": candidate.at.isoformat(),
        "trades": trades_as_json(candidate.trades),
    }  # fmt: skip


def trades_as_json(trades: Iterable[VenueTrade]) -> list[dict[str, str]]:
    """Give trades as they are kept for the person who says whose they are."""
    return [
        {"key": trade.key, "quantity": plain(trade.quantity), "price": plain(trade.price),
         "value_aud": plain(trade.value_aud), "fee_aud": plain(trade.fee_aud), "at": trade.at.isoformat()}
        for trade in trades
    ]  # fmt: skip
