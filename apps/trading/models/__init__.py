"""Store accounts, orders, fills, algorithms and their decisions, the trail of events, and what holds trading back."""

from apps.trading.models.account import Account, Movement
from apps.trading.models.algorithm import Algorithm, Promotion
from apps.trading.models.brake import Brake
from apps.trading.models.control import DayStart, Discrepancy, Limits, Stop, VolatileMarket
from apps.trading.models.credential import Credential
from apps.trading.models.decision import Decision, Evidence
from apps.trading.models.deployment import Deployment
from apps.trading.models.event import Chain, Event
from apps.trading.models.fill import Fill, Holding
from apps.trading.models.order import Order
from apps.trading.models.twap import Twap

__all__ = [
    "Account", "Algorithm", "Brake", "Chain", "Credential", "DayStart", "Decision", "Deployment", "Discrepancy", "Event",
    "Evidence", "Fill", "Holding", "Limits", "Movement", "Order", "Promotion", "Stop", "Twap", "VolatileMarket",
]  # fmt: skip
