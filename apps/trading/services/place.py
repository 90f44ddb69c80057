"""Accept or deny an order, in one transaction, under its account's lock."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Sum

from apps.accounts.models import User
from apps.ledgers.models import LatestPrice
from apps.trading import safety
from apps.trading.models import Account, Holding, Order
from apps.trading.records import SELL, Quote, Sizing, Standing, Ticket
from apps.trading.states import Status
from apps.trading.transitions import record_event
from apps.trading.venues.base import SimulatedVenue
from ohmycoins.core import clock, outbox, seams
from ohmycoins.core.errors import Conflict
from ohmycoins.core.money import ZERO, plain

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Market:
    """What the Exchange ledger says of a coin: whether it is known at all, and its AUD market."""

    known: bool
    quote: Quote | None


def place_order(*, user: User, account: Account, ticket: Ticket, idempotency_key: str | None = None) -> Order:
    """Store the order, PENDING and nudged or DENIED with every rule it breaks, and return it.

    The same key with the same body answers the order it made the first time, whatever became of it.
    Raises Conflict when the key was used with another body.
    """
    digest = _digest(account, ticket)
    try:
        with transaction.atomic():
            locked = Account.objects.locked().get(pk=account.pk)
            if idempotency_key and (earlier := _earlier(user, idempotency_key, digest)):
                return earlier
            order = _decide(user, locked, ticket, clock.now())
            order.idempotency_key, order.request_digest = idempotency_key, digest
            order.save(force_insert=True)
            _record_acceptance(order)
    except IntegrityError:
        # The key was used at this moment for another account of the same user.
        if idempotency_key and (earlier := _earlier(user, idempotency_key, digest)):
            return earlier
        raise
    log.info("order.denied" if order.denials else "order.accepted", order_id=order.pk, account_id=account.pk)
    return order


def read_market(coin_type: str) -> Market:
    """Read a coin's markets from the ledger, in one query."""
    rows = list(LatestPrice.objects.filter(coin_type=coin_type).order_by("market"))
    aud = next((row for row in rows if row.market == "AUD"), None)
    quote = Quote(bid=aud.bid, ask=aud.ask, last=aud.last, observed_at=aud.observed_at) if aud else None
    return Market(known=bool(rows), quote=quote)


def read_standing(account: Account, ticket: Ticket) -> Standing:
    """Count what the locked account can trade with, its orders in flight subtracted."""
    in_flight = Order.objects.in_flight().filter(account=account)
    if ticket.side == SELL:
        held = Holding.objects.filter(account=account, coin_type=ticket.coin_type).aggregate(
            all=Sum("quantity")
        )
        reserved = in_flight.filter(coin_type=ticket.coin_type).aggregate(all=Sum("reserved_quantity"))
        return Standing(
            is_active=account.status == Account.Status.ACTIVE,
            available_aud=account.cash_aud,
            available_quantity=(held["all"] or ZERO) - (reserved["all"] or ZERO),
        )
    reserved = in_flight.aggregate(all=Sum("reserved_aud"))
    return Standing(
        is_active=account.status == Account.Status.ACTIVE,
        available_aud=account.cash_aud - (reserved["all"] or ZERO),
        available_quantity=ZERO,
    )


def _decide(user: User, account: Account, ticket: Ticket, now: datetime) -> Order:
    """Build the order as the rules leave it, unsaved."""
    venue: SimulatedVenue = seams.load("VENUES")[account.venue]
    market = read_market(ticket.coin_type)
    denials = safety.check_market(ticket, known=market.known, quote=market.quote, mode=account.mode, now=now)
    sizing: Sizing | None = None
    if market.quote:
        sizing = safety.size(ticket, market.quote, venue.fee_rate)
        denials += safety.check_funds(ticket, sizing, read_standing(account, ticket))
    order = Order(
        account=account,
        user=user,
        coin_type=ticket.coin_type,
        side=ticket.side,
        order_type=ticket.order_type,
        requested_quantity=ticket.quantity,
        amount_aud=ticket.amount_aud,
        quantity=ticket.quantity,
        price=ticket.price,
        created_at=now,
    )
    if sizing and 0 < sizing.quantity < safety.LARGEST_QUANTITY:
        order.quantity, order.limit_price = sizing.quantity, sizing.limit_price
    if denials or sizing is None:
        order.status, order.denials = Status.DENIED, [denial.as_json() for denial in denials]
        order.error = " ".join(denial.message for denial in denials)[:500]
    else:
        order.status, order.next_at = Status.PENDING, now
        order.reserved_aud, order.reserved_quantity = sizing.reserved_aud, sizing.reserved_quantity
    return order


def _record_acceptance(order: Order) -> None:
    denied = order.status == Status.DENIED
    record_event(
        order, "", order.status, at=order.created_at, actor=f"user:{order.user_id}",
        reason=", ".join(denial["code"] for denial in order.denials) if denied else "accepted",
        inputs={"denials": order.denials} if denied else {
            "limit_price": plain(order.limit_price), "reserved_aud": plain(order.reserved_aud),
        },
    )  # fmt: skip
    if not denied:
        outbox.nudge("trading.execute", order.account_id)


def _digest(account: Account, ticket: Ticket) -> str:
    """Fingerprint what was asked for, so that a key is tied to one request."""
    said = {
        name: plain(value) if hasattr(value, "quantize") else value for name, value in asdict(ticket).items()
    }
    return hashlib.sha256(json.dumps([account.pk, said], sort_keys=True).encode()).hexdigest()


def _earlier(user: User, key: str, digest: str) -> Order | None:
    order = Order.objects.filter(user=user, idempotency_key=key).first()
    if order and order.request_digest != digest:
        raise Conflict(
            f"Idempotency-Key {key!r} was used for another order ({order.pk}); use a new key for a new order.",
            code="IDEMPOTENCY_KEY_REUSED",
            detail={"order_id": order.pk},
        )
    return order
