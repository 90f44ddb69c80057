"""Record what the venue filled: cash, coins and the order move together, or not at all."""

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

import structlog
from django.db import connection
from django.db.models import F

from apps.trading.models import Account, Fill, Order
from apps.trading.records import BUY, SELL, FillRecord
from apps.trading.signals import fill_recorded
from apps.trading.states import Status
from apps.trading.transitions import move
from ohmycoins.core.money import PRICE_STEP, ZERO, plain, round_aud

log = structlog.get_logger(__name__)

ADD_TO_HOLDING = """
    INSERT INTO trading_holding AS held (account_id, algorithm_id, coin_type, quantity)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (account_id, coin_type, algorithm_id) DO UPDATE SET quantity = held.quantity + EXCLUDED.quantity
"""


def record_fill(
    order: Order, *, quantity: Decimal, price: Decimal, fee_rate: Decimal, executed_at: datetime,
    venue_fill_id: str, actor: str,
) -> Fill:  # fmt: skip
    """Append a fill of `order` and everything that follows from it, and tell the app above.

    Runs in the caller's transaction with the account locked. The value and the fee are rounded once,
    here. Raises IntegrityError when the venue's fill was recorded before.
    """
    value = round_aud(quantity * price)
    fee = round_aud(value * fee_rate)
    buying = order.side == BUY
    fill = Fill.objects.create(
        account_id=order.account_id, order=order, algorithm_id=order.algorithm_id, coin_type=order.coin_type,
        side=order.side, quantity=quantity, price=price, value_aud=value, fee_aud=fee, executed_at=executed_at,
        venue_fill_id=venue_fill_id,
    )  # fmt: skip
    cash = -(value + fee) if buying else value - fee
    Account.objects.filter(pk=order.account_id).update(cash_aud=F("cash_aud") + cash)
    with connection.cursor() as cursor:
        signed = quantity if buying else -quantity
        cursor.execute(ADD_TO_HOLDING, [order.account_id, order.algorithm_id, order.coin_type, signed])
    _move_order(order, fill, actor)
    fill_recorded.send(sender=Fill, fill=as_record(fill, order.account))
    log.info("fill.recorded", fill_id=fill.pk, order_id=order.pk, account_id=order.account_id)
    return fill


def as_record(fill: Fill, account: Account) -> FillRecord:
    """Give the fill as the app above reads it."""
    return FillRecord(
        id=fill.pk,
        account_id=fill.account_id,
        algorithm_id=fill.algorithm_id,
        coin_type=fill.coin_type,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        value_aud=fill.value_aud,
        fee_aud=fill.fee_aud,
        executed_at=fill.executed_at,
        timezone=account.timezone,
    )


def _mean_price(order: Order, fill: Fill, filled: Decimal) -> Decimal:
    before = order.filled_quantity * (order.average_fill_price or ZERO)
    mean: Decimal = (before + fill.quantity * fill.price) / filled
    return mean.quantize(PRICE_STEP, ROUND_HALF_EVEN)


def _move_order(order: Order, fill: Fill, actor: str) -> None:
    """Count the fill into the order and release what it no longer needs to reserve."""
    filled, left = order.filled_quantity + fill.quantity, order.open_quantity - fill.quantity
    move(
        order, Status.PARTIALLY_FILLED if left else Status.FILLED, at=fill.executed_at, actor=actor,
        reason="filled", inputs={"fill_id": fill.pk, "quantity": plain(fill.quantity), "price": plain(fill.price)},
        filled_quantity=filled, average_fill_price=_mean_price(order, fill, filled),
        fee_aud=order.fee_aud + fill.fee_aud, filled_at=None if left else fill.executed_at,
        reserved_aud=round_aud(order.reserved_aud * left / order.open_quantity),
        reserved_quantity=left if order.side == SELL else 0,
    )  # fmt: skip
