"""Cancel orders that are not filled yet."""

import structlog
from django.db import transaction

from apps.trading.models import Account, Order
from apps.trading.states import RESTING, Status
from apps.trading.transitions import move
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict

log = structlog.get_logger(__name__)


@transaction.atomic
def cancel_order(order_id: int, *, actor: str, reason: str = "asked for") -> Order:
    """Cancel what is not filled yet and return the order; cancelling again changes nothing.

    Raises Conflict (ORDER_STATE) when the order is finished or on its way to the venue.
    """
    account_id = Order.objects.values_list("account_id", flat=True).get(pk=order_id)
    Account.objects.locked().get(pk=account_id)
    order = Order.objects.select_for_update(no_key=True).get(pk=order_id)
    if order.status == Status.CANCELLED:
        return order
    now = clock.now()
    if order.status in RESTING:
        move(order, Status.CANCELLING, at=now, actor=actor, reason=reason)
        move(order, Status.CANCELLED, at=now, actor=actor, reason="nothing rests outside on paper")
    elif order.status == Status.PENDING:
        move(order, Status.CANCELLED, at=now, actor=actor, reason=reason)
    else:
        raise Conflict(f"Order {order_id} is {order.status}; it cannot be cancelled.", code="ORDER_STATE")
    log.info("order.cancelled", order_id=order_id)
    return order
