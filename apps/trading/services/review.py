"""Let a person say what became of an order, and resolve discrepancies: decisions, recorded with a reason."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction

from apps.trading.matching import Candidate
from apps.trading.models import Account, Discrepancy, Event, Fill, Order
from apps.trading.records import VenueTrade
from apps.trading.services.cancel import cancel_if_asked
from apps.trading.services.evidence import DISMISSED
from apps.trading.services.fills import record_trades
from apps.trading.services.reservations import reserved_again
from apps.trading.services.resolve import link
from apps.trading.states import Status
from apps.trading.transitions import move
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict, Invalid
from ohmycoins.core.money import plain

log = structlog.get_logger(__name__)

# What a person may say without naming a candidate.
VERDICTS = {
    "not_placed": (Status.NOT_PLACED, "it never reached the venue"),
    "cancelled": (Status.CANCELLED, "it is gone from the venue; what was recorded of it stands"),
    "open": (Status.OPEN, "it rests at the venue as we have it"),
    "filled": (Status.FILLED, "it is done; what was recorded of it stands"),
}


@transaction.atomic
def decide_review(order_id: int, *, verdict: str, actor: str, reason: str) -> Order:
    """Give an order in review the state that a person says it has, and return it.

    `verdict` is one of VERDICTS, or the `name` of one of its candidates, which links the order to it and
    records its trades. Raises Invalid for another verdict or without a reason, and Conflict when the
    order is not in review, or when the candidate became another order's meanwhile.
    """
    if not reason.strip():
        raise Invalid("reason: say why; it is kept with the order")
    account_id = Order.objects.values_list("account_id", flat=True).get(pk=order_id)
    account = Account.objects.locked().get(pk=account_id)
    order = Order.objects.select_for_update(no_key=True).get(pk=order_id)
    if order.status != Status.NEEDS_REVIEW:
        raise Conflict(f"Order {order_id} is {order.status}; nobody needs to review it.", code="ORDER_STATE")
    order.account = account
    named = {candidate["name"]: candidate for candidate in order.candidates if candidate["name"] != DISMISSED}
    now = clock.now()
    if verdict in named:
        _take(order, named[verdict], actor, reason)
    elif verdict in VERDICTS:
        _conclude(order, verdict, now, actor, reason)
    else:
        raise Invalid(f"verdict: {verdict!r} is not one of: {', '.join([*VERDICTS, *named])}")
    account.look_soon(now)
    log.warning("order.reviewed", order_id=order_id, status=order.status)
    return order


def _conclude(order: Order, verdict: str, now: datetime, actor: str, reason: str) -> None:
    status, meaning = VERDICTS[verdict]
    if reason_against := _contradiction(order, status):
        raise Conflict(f"Order {order.pk} {reason_against}", code="ORDER_STATE")
    dismissed = [trade for candidate in order.candidates for trade in candidate["trades"]]
    changes: dict[str, Any] = {
        "looked_at": None, "next_at": None,
        "candidates": [{"name": DISMISSED, "trades": dismissed}] if dismissed else [],
    }  # fmt: skip
    if status == Status.OPEN:
        changes |= reserved_again(order)
    if status == Status.FILLED and order.open_quantity != 0:
        # What was ordered is made what was filled, or the row would contradict itself; the event keeps both.
        changes["quantity"] = order.filled_quantity
    move(
        order, status, at=now, actor=actor, reason=reason, **changes,
        inputs={"verdict": meaning, "quantity": plain(order.quantity or Decimal(0))},
    )  # fmt: skip
    cancel_if_asked(order)


def _contradiction(order: Order, status: Status) -> str:
    """Give why the row cannot be what a person says, as the end of a sentence; empty if it can."""
    at_venue = order.venue_order_id is not None
    if status == Status.OPEN and not at_venue:
        return "has no id at the venue: choose a candidate."
    if status in (Status.OPEN, Status.CANCELLED) and order.filled_quantity and order.open_quantity <= 0:
        return "is filled: it can only be filled."
    if status == Status.NOT_PLACED and (at_venue or order.filled_quantity):
        return "has an id at the venue, or fills: it was placed. Say that it is cancelled or filled."
    if status == Status.FILLED and not order.filled_quantity:
        return "has no fills: choose a candidate, or say that it is cancelled."
    return ""


def _take(order: Order, candidate: dict[str, Any], actor: str, reason: str) -> None:
    """Link the order to the candidate, or record the trades that were in doubt."""
    trades = _trades(order, candidate["trades"])
    taken = Fill.objects.filter(
        account_id=order.account_id, venue_fill_id__in=[trade.key for trade in trades]
    )
    venue_order_id = candidate.get("venue_order_id")
    others = Order.objects.filter(account_id=order.account_id, venue_order_id=venue_order_id).exclude(
        pk=order.pk
    )
    if taken.exists() or (venue_order_id and others.exists()):
        raise Conflict(
            f"{candidate['name']} became another order's meanwhile: choose another verdict.",
            code="CANDIDATE_TAKEN",
        )
    if "remaining" not in candidate:
        record_trades(order, trades, actor=actor)
        order.candidates = []
        if order.open_quantity <= 0:
            _conclude(order, "filled", clock.now(), actor, reason)
        else:
            _conclude(order, "open", clock.now(), actor, reason)
        return
    if "rate" in candidate:  # placed otherwise than it was sent: the row says what is there
        order.quantity, order.limit_price = Decimal(candidate["remaining"]), Decimal(candidate["rate"])
        order.reserved_aud, order.reserved_quantity = reserved_again(order).values()
        order.save(update_fields=["quantity", "limit_price", "reserved_aud", "reserved_quantity"])
    link(
        order,
        Candidate(
            venue_order_id,
            Decimal(candidate["remaining"]),
            tuple(trades),
            datetime.fromisoformat(candidate["at"]),
        ),
        actor=actor,
        reason=reason,
    )


def _trades(order: Order, kept: Iterable[dict[str, str]]) -> list[VenueTrade]:
    return [
        VenueTrade(
            key=trade["key"], side=order.side, coin_type=order.coin_type, quantity=Decimal(trade["quantity"]),
            price=Decimal(trade["price"]), value_aud=Decimal(trade["value_aud"]), fee_aud=Decimal(trade["fee_aud"]),
            at=datetime.fromisoformat(trade["at"]), order_id=order.venue_order_id,
        )
        for trade in kept
    ]  # fmt: skip


@transaction.atomic
def resolve_discrepancy(discrepancy_id: int, *, actor: str, reason: str) -> Discrepancy:
    """Record that a person has explained a difference; our balances stay what our rows say.

    Raises Invalid without a reason, and Conflict when it is resolved already.
    """
    if not reason.strip():
        raise Invalid("reason: say what explains the difference; it is kept with it")
    account_id = Discrepancy.objects.values_list("account_id", flat=True).get(pk=discrepancy_id)
    account = Account.objects.locked().get(pk=account_id)
    row = Discrepancy.objects.select_for_update().get(pk=discrepancy_id)
    if row.resolved_at:
        raise Conflict(f"Discrepancy {discrepancy_id} is resolved already.", code="DISCREPANCY_STATE")
    row.resolved_at, row.resolved_by, row.resolution = clock.now(), actor, reason[:300]
    row.save(update_fields=["resolved_at", "resolved_by", "resolution"])
    Event.objects.create(
        account=account, type="balance.explained", at=row.resolved_at, actor=actor, reason=reason[:300],
        inputs={"coin": row.coin_type, "ours": plain(row.ours), "theirs": plain(row.theirs)},
    )  # fmt: skip
    return row
