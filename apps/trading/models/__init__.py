"""Store accounts, orders with their events, and fills."""

from apps.trading.models.account import Account, Movement
from apps.trading.models.fill import Fill, Holding
from apps.trading.models.order import Order, OrderEvent

__all__ = ["Account", "Fill", "Holding", "Movement", "Order", "OrderEvent"]
