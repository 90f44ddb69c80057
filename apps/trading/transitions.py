"""Move orders between states: the only place that writes `Order.status` after creation."""

from datetime import datetime
from typing import Any

from apps.trading.models import Event, Order
from apps.trading.states import TERMINAL, Status, may_move
from ohmycoins.core.errors import Conflict


def move(
    order: Order,
    target: Status,
    *,
    at: datetime,
    actor: str,
    reason: str,
    inputs: dict[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Move `order` to `target`, with `changes` to its columns, and record the event.

    Runs in the caller's transaction, with the account locked; updates the instance too. A terminal
    order reserves nothing. Raises Conflict when the table has no such move, or when the row is no
    longer in the state the instance says.
    """
    if not may_move(order.status, target):
        raise Conflict(f"order {order.pk} is {order.status}: it cannot become {target}", code="ORDER_STATE")
    if target in TERMINAL:
        changes |= {"reserved_aud": 0, "reserved_quantity": 0, "next_at": None}
    moved = Order.objects.filter(pk=order.pk, status=order.status).update(status=target, **changes)
    if not moved:
        raise Conflict(f"order {order.pk} is no longer {order.status}", code="ORDER_STATE")
    record_event(order, order.status, target, at=at, actor=actor, reason=reason, inputs=inputs)
    order.status = target
    for name, value in changes.items():
        setattr(order, name, value)


def amend(
    order: Order, *, at: datetime, actor: str, type: str, reason: str, inputs: dict[str, Any] | None = None,
    **changes: Any,
) -> None:  # fmt: skip
    """Change columns of an order that stays in its state, and record why.

    Runs in the caller's transaction, with the account locked; updates the instance too. Raises Conflict
    when the row is no longer in the state the instance says.
    """
    if not Order.objects.filter(pk=order.pk, status=order.status).update(**changes):
        raise Conflict(f"order {order.pk} is no longer {order.status}", code="ORDER_STATE")
    Event.objects.create(
        account_id=order.account_id, order=order, type=type, from_status=order.status, to_status=order.status,
        at=at, actor=actor, reason=reason[:300], inputs=inputs or {},
    )  # fmt: skip
    for name, value in changes.items():
        setattr(order, name, value)


def record_event(
    order: Order,
    source: str,
    target: str,
    *,
    at: datetime,
    actor: str,
    reason: str,
    inputs: dict[str, Any] | None = None,
) -> None:
    """Append to the order's history; `source` is empty for a new order."""
    Event.objects.create(
        account_id=order.account_id,
        order=order,
        type="order.moved" if source else "order.made",
        from_status=source,
        to_status=target,
        at=at,
        actor=actor,
        reason=reason[:300],
        inputs=inputs or {},
    )
