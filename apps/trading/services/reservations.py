"""Reserve anew for orders that turn out to be at their venue."""

from decimal import Decimal

from apps.trading import safety
from apps.trading.models import Order
from ohmycoins.core import seams
from ohmycoins.core.money import ZERO


def reserved_again(order: Order) -> dict[str, Decimal]:
    """Give what an order that turned out to be at the venue takes; a fact, which no guard refuses."""
    sizing = safety.reserve(
        order.side, order.open_quantity, order.limit_price or ZERO, order.limit_price or ZERO,
        seams.load("VENUES")[order.account.venue].fee_rate,
    )  # fmt: skip
    return {"reserved_aud": sizing.reserved_aud, "reserved_quantity": sizing.reserved_quantity}
