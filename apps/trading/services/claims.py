"""Check a queued order once more before it is executed, under its account's lock."""

from dataclasses import dataclass
from datetime import datetime

from apps.trading import safety
from apps.trading.models import Account, Order
from apps.trading.records import LIMIT, Quote, Sizing, Ticket
from apps.trading.services.control import hold_gate
from apps.trading.services.place import read_market
from apps.trading.services.standing import read_standing
from apps.trading.services.status import end_bad_day, stop_buying_today
from apps.trading.states import Status
from apps.trading.transitions import move
from ohmycoins.core.money import ZERO


@dataclass(frozen=True, slots=True)
class Cleared:
    """A queued order that may be executed now, and the market that it was cleared by."""

    order: Order
    quote: Quote


def next_cleared(account: Account, now: datetime, *, actor: str) -> Cleared | None:
    """Give the account's oldest queued order that may be executed now; None when there is none.

    Runs in the caller's transaction with the account locked, and holds the emergency stop's gate until
    it ends. Orders before it that may not be executed any more are expired or denied.
    """
    hold_gate()
    end_bad_day(account, now)
    while order := Order.objects.due(now).filter(account=account).first_locked():
        order.account = account
        if cleared := _clear(order, now, actor):
            return cleared
    return None


def _clear(order: Order, now: datetime, actor: str) -> Cleared | None:
    if order.expires_at and order.expires_at <= now:
        move(order, Status.EXPIRED, at=now, actor=actor, reason="it was not submitted in time")
        return None
    market = read_market(order.coin_type)
    ticket = Ticket(
        coin_type=order.coin_type, side=order.side, order_type=order.order_type, quantity=order.quantity,
        price=order.price,
    )  # fmt: skip
    standing = read_standing(
        order.account, ticket, now=now, algorithm_id=order.algorithm_id, decision=order.decision, besides=order
    )  # fmt: skip
    found = safety.check_market(
        ticket, known=market.known, quote=market.quote, mode=order.account.mode, now=now
    )
    sizing = _sizing(order, market.quote) if market.quote else None
    denials = safety.check(ticket, sizing, standing, found)
    stop_buying_today(order.account, standing, now)
    if not denials and market.quote:
        return Cleared(order=order, quote=market.quote)
    move(
        order, Status.DENIED, at=now, actor=actor, reason=", ".join(denial.code for denial in denials)[:300],
        denials=[denial.as_json() for denial in denials],
        error=" ".join(denial.message for denial in denials)[:500],
    )  # fmt: skip
    return None


def _sizing(order: Order, quote: Quote) -> Sizing:
    """Give the size as it was accepted, valued at today's market."""
    valued = (
        order.limit_price if order.order_type == LIMIT else min(quote.ask, order.limit_price or quote.ask)
    )
    return Sizing(
        quantity=order.quantity or ZERO,
        limit_price=order.limit_price or ZERO,
        valued_price=valued or ZERO,
        reserved_aud=order.reserved_aud,
        reserved_quantity=order.reserved_quantity,
    )
