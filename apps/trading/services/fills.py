"""Record what the venue filled: cash, coins and the order move together, or not at all."""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import structlog
from django.db import connection
from django.db.models import F

from apps.trading.models import Account, Fill, Order
from apps.trading.records import BUY, Execution, FillRecord, VenueTrade
from apps.trading.signals import fill_recorded
from apps.trading.states import Status
from apps.trading.transitions import amend, move
from ohmycoins.core import clock
from ohmycoins.core.money import PRICE_STEP, ZERO, plain, round_aud

log = structlog.get_logger(__name__)

PAPER = Account.Mode.PAPER
# An order's fills are numbered within so many, so that orders and their fills sort by one number.
MOST_FILLS = 100_000
# A fill that leaves something open does not move an order out of these.
STAYING = (Status.CANCELLING, Status.CANCELLED)

ADD_TO_HOLDING = """
    INSERT INTO trading_holding AS held (account_id, algorithm_id, coin_type, quantity)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (account_id, coin_type, algorithm_id) DO UPDATE SET quantity = held.quantity + EXCLUDED.quantity
"""


def record_execution(
    order: Order,
    execution: Execution,
    *,
    fee_rate: Decimal,
    executed_at: datetime,
    number: int,
    actor: str,
) -> Fill:
    """Append a simulated venue's `number`th fill of an order; value and fee are rounded once, here."""
    value = round_aud(execution.quantity * execution.price)
    return _record(
        order, quantity=execution.quantity, price=execution.price, value_aud=value,
        fee_aud=round_aud(value * fee_rate), executed_at=executed_at, sequence=order.pk * MOST_FILLS + number,
        venue_fill_id=f"{order.account.venue}-{order.pk}-{number}", actor=actor,
    )  # fmt: skip


def record_trades(order: Order, trades: Iterable[VenueTrade], *, actor: str) -> None:
    """Append what a live venue says it filled, oldest first; facts, whatever our own limits say."""
    for trade in sorted(trades, key=lambda trade: trade.at):
        _record(
            order, quantity=trade.quantity, price=trade.price, value_aud=trade.value_aud, fee_aud=trade.fee_aud,
            executed_at=trade.at, sequence=0, venue_fill_id=trade.key, actor=actor,
        )  # fmt: skip


def add_to_holding(account_id: int, algorithm_id: int | None, coin_type: str, quantity: Decimal) -> None:
    """Add coins to a book of the locked account, or take them (negative)."""
    with connection.cursor() as cursor:
        cursor.execute(ADD_TO_HOLDING, [account_id, algorithm_id, coin_type, quantity])


def _record(
    order: Order, *, quantity: Decimal, price: Decimal, value_aud: Decimal, fee_aud: Decimal,
    executed_at: datetime, sequence: int, venue_fill_id: str, actor: str,
) -> Fill:  # fmt: skip
    """Append a fill of `order` and everything that follows from it, and tell the app above.

    Runs in the caller's transaction with the account locked. Raises IntegrityError when the venue's
    fill was recorded before.
    """
    buying = order.side == BUY
    fill = Fill.objects.create(
        account_id=order.account_id, order=order, algorithm_id=order.algorithm_id, ledger=order.ledger,
        coin_type=order.coin_type, side=order.side, quantity=quantity, price=price, value_aud=value_aud,
        fee_aud=fee_aud, executed_at=executed_at, sequence=sequence, venue_fill_id=venue_fill_id,
    )  # fmt: skip
    cash = -(value_aud + fee_aud) if buying else value_aud - fee_aud
    Account.objects.filter(pk=order.account_id).update(cash_aud=F("cash_aud") + cash)
    add_to_holding(order.account_id, order.algorithm_id, order.coin_type, quantity if buying else -quantity)
    _count(order, fill, actor)
    fill_recorded.send(sender=Fill, fill=as_record(fill, order.account))
    log.info("fill.recorded", fill_id=fill.pk, order_id=order.pk, account_id=order.account_id)
    return fill


def as_record(fill: Fill, account: Account) -> FillRecord:
    """Give the fill as the app above reads it."""
    return FillRecord(
        id=fill.pk,
        account_id=fill.account_id,
        algorithm_id=fill.algorithm_id,
        ledger=fill.ledger,
        coin_type=fill.coin_type,
        side=fill.side,
        kind=fill.kind,
        quantity=fill.quantity,
        price=fill.price,
        value_aud=fill.value_aud,
        fee_aud=fill.fee_aud,
        executed_at=fill.executed_at,
        sequence=fill.sequence,
        venue_fill_id=fill.venue_fill_id,
        timezone=account.timezone,
    )


def _mean_price(order: Order, fill: Fill, filled: Decimal) -> Decimal:
    before = order.filled_quantity * (order.average_fill_price or ZERO)
    mean: Decimal = (before + fill.quantity * fill.price) / filled
    return mean.quantize(PRICE_STEP, ROUND_HALF_EVEN)


def _count(order: Order, fill: Fill, actor: str) -> None:
    """Count the fill into the order, release what it no longer needs to reserve, and move it on.

    A fill beyond the order's amount is for a person to explain. One that comes after the order was
    cancelled, or while it is reviewed, is counted without moving it, unless it completes the order.
    """
    filled, open_before = order.filled_quantity + fill.quantity, order.open_quantity
    left = open_before - fill.quantity
    changes: dict[str, Any] = {
        "filled_quantity": filled,
        "average_fill_price": _mean_price(order, fill, filled),
        "fee_aud": order.fee_aud + fill.fee_aud,
        "filled_at": fill.executed_at if left <= 0 else None,
        "reserved_aud": round_aud(order.reserved_aud * left / open_before) if left > 0 else ZERO,
        "reserved_quantity": min(left, order.reserved_quantity) if left > 0 else ZERO,
    }
    said: dict[str, Any] = {
        "at": fill.executed_at if order.account.mode == PAPER else clock.now(),
        "actor": actor,
        "inputs": {"fill_id": fill.pk, "quantity": plain(fill.quantity), "price": plain(fill.price)},
    }
    if order.status == Status.NEEDS_REVIEW or (order.status in STAYING and left > 0):
        amend(order, type="order.filled", reason="filled while " + order.status, **said, **changes)
    elif left < 0:
        move(order, Status.NEEDS_REVIEW, reason="more was filled than was ordered", **said, **changes)
        log.error("order.overfilled", order_id=order.pk)
    else:
        target = Status.PARTIALLY_FILLED if left else Status.FILLED
        move(order, target, reason="filled", **said, **changes)
