"""Store accounts, orders, fills, the trail of events, and what holds trading back."""

from apps.trading.models.account import Account, Movement
from apps.trading.models.control import DayStart, Discrepancy, Limits, Stop, VolatileMarket
from apps.trading.models.credential import Credential
from apps.trading.models.event import Chain, Event
from apps.trading.models.fill import Fill, Holding
from apps.trading.models.order import Order

__all__ = [
    "Account", "Chain", "Credential", "DayStart", "Discrepancy", "Event", "Fill", "Holding", "Limits", "Movement",
    "Order", "Stop", "VolatileMarket",
]  # fmt: skip
