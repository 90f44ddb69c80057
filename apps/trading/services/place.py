"""Accept or deny an order, in one transaction, under its account's lock."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.ledgers.models import LatestPrice
from apps.trading import safety
from apps.trading.models import Account, Decision, Order, Twap
from apps.trading.records import Denial, Quote, Sizing, Ticket
from apps.trading.services.control import hold_gate
from apps.trading.services.standing import read_standing
from apps.trading.services.status import end_bad_day, stop_buying_today
from apps.trading.states import Status
from apps.trading.transitions import record_event
from ohmycoins.core import clock, outbox, seams
from ohmycoins.core.errors import Conflict
from ohmycoins.core.money import plain

log = structlog.get_logger(__name__)

TWINS_FOR = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Market:
    """What the Exchange ledger says of a coin: whether it is known at all, and its AUD market."""

    known: bool
    quote: Quote | None


def place_order(
    *, user: User, account: Account, ticket: Ticket, idempotency_key: str | None = None,
    algorithm_id: int | None = None, ledger: str = "", decision: Decision | None = None, twap: Twap | None = None,
    expires_at: datetime | None = None, actor: str = "",
) -> Order:  # fmt: skip
    """Store the order, PENDING and nudged or DENIED with every rule it breaks, and return it.

    The same key with the same body answers the order it made the first time, whatever became of it.
    An order with `expires_at` is not submitted after it; `ledger` is what its signal rested on, `decision`
    whose it is, and `twap` what it is a slice of. Raises Conflict when the key was used with another body.
    """
    digest = _digest(account, ticket)
    try:
        with transaction.atomic():
            locked = Account.objects.locked().get(pk=account.pk)
            hold_gate()
            if idempotency_key and (earlier := _earlier(user, idempotency_key, digest)):
                return earlier
            order = _decide(user, locked, ticket, clock.now(), algorithm_id, decision)
            order.idempotency_key, order.request_digest = idempotency_key, digest
            order.expires_at, order.ledger = expires_at, ledger
            order.decision, order.twap = decision, twap
            order.save(force_insert=True)
            _record_acceptance(order, actor or f"user:{user.pk}")
    except IntegrityError:
        # The key was used at this moment for another account of the same user.
        if idempotency_key and (earlier := _earlier(user, idempotency_key, digest)):
            return earlier
        raise
    log.info("order.denied" if order.denials else "order.accepted", order_id=order.pk, account_id=account.pk)
    return order


def was_denied(order: Order) -> bool:
    """Tell whether the order was denied when it came, and not later, at its claim: what a replay answers."""
    return order.events.order_by("id").values_list("to_status", flat=True)[0] == Status.DENIED


def read_market(coin_type: str) -> Market:
    """Read a coin's markets from the ledger, in one query."""
    rows = list(LatestPrice.objects.filter(coin_type=coin_type).order_by("market"))
    aud = next((row for row in rows if row.market == "AUD"), None)
    quote = Quote(bid=aud.bid, ask=aud.ask, last=aud.last, observed_at=aud.observed_at) if aud else None
    return Market(known=bool(rows), quote=quote)


def _decide(
    user: User, account: Account, ticket: Ticket, now: datetime, algorithm_id: int | None, decision: Decision | None
) -> Order:  # fmt: skip
    """Build the order as the rules leave it, unsaved."""
    fee_rate = seams.load("VENUES")[account.venue].fee_rate
    end_bad_day(account, now)
    market = read_market(ticket.coin_type)
    standing = read_standing(account, ticket, now=now, algorithm_id=algorithm_id, decision=decision)
    found = safety.check_market(ticket, known=market.known, quote=market.quote, mode=account.mode, now=now)
    sizing = safety.size(ticket, market.quote, fee_rate) if market.quote else None
    if sizing and account.mode == Account.Mode.LIVE and 0 < sizing.quantity < safety.LARGEST_QUANTITY:
        sizing, twin = _told_apart(account, ticket, sizing, fee_rate, now)
        found += twin
    denials = safety.check(ticket, sizing, standing, found)
    stop_buying_today(account, standing, now)
    order = Order(
        account=account, user=user, algorithm_id=algorithm_id, coin_type=ticket.coin_type, side=ticket.side,
        order_type=ticket.order_type, requested_quantity=ticket.quantity, amount_aud=ticket.amount_aud,
        quantity=ticket.quantity, price=ticket.price, created_at=now,
    )  # fmt: skip
    if sizing and 0 < sizing.quantity < safety.LARGEST_QUANTITY:
        order.quantity, order.limit_price = sizing.quantity, sizing.limit_price
        order.valued_price = sizing.valued_price
    if denials or sizing is None:
        order.status, order.denials = Status.DENIED, [denial.as_json() for denial in denials]
        order.error = " ".join(denial.message for denial in denials)[:500]
    else:
        order.status, order.next_at = Status.PENDING, now
        order.reserved_aud, order.reserved_quantity = sizing.reserved_aud, sizing.reserved_quantity
    return order


def _told_apart(
    account: Account, ticket: Ticket, sizing: Sizing, fee_rate: Decimal, now: datetime
) -> tuple[Sizing, tuple[Denial, ...]]:
    """Give the sizing an amount that no twin of the last two days has, or say that there is none.

    If possible no order of the coin and side has it, since trades do not show their order's price; at
    least none at the same price, which the book does show.
    """
    twins = list(Order.objects.twins(account, ticket.coin_type, ticket.side, since=now - TWINS_FOR))
    for taken in (
        {amount for amount, _ in twins},
        {amount for amount, price in twins if price == sizing.limit_price},
    ):
        quantity = safety.unlike(sizing.quantity, taken, sizing.limit_price)
        if quantity is not None:
            break
    if quantity is None:
        return sizing, (
            Denial("TWIN_ORDER", "Too many orders of this amount at this price in two days: change either."),
        )
    return (
        safety.reserve(ticket.side, quantity, sizing.limit_price, sizing.valued_price, fee_rate),
        (),
    )


def _record_acceptance(order: Order, actor: str) -> None:
    denied = order.status == Status.DENIED
    record_event(
        order, "", order.status, at=order.created_at, actor=actor,
        reason=", ".join(denial["code"] for denial in order.denials)[:300] if denied else "accepted",
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
