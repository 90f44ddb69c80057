"""Trade on paper: real prices and order books, no venue.

An arriving order takes the recorded levels within its limit, best first, a fill for each. What is left
comes to rest and fills, at its own limit, when the market reaches it, by as much as the book then shows
there: someone who waits in the book gets the price they wait at, never a better one. Where no depth is
recorded an order fills whole: at the other side's price when it arrives, at its limit later.
"""

from collections.abc import Sequence
from decimal import Decimal

from apps.ledgers.records import Level
from apps.trading.records import BUY, Execution, Quote
from ohmycoins.core.money import ZERO, floor_quantity


class PaperVenue:
    slug = "paper"
    mode = "paper"
    opening_cash_aud = Decimal(100_000)
    fee_rate = Decimal("0.001")  # CoinSpot's order-book fee (its help centre)

    def arrive(
        self,
        *,
        side: str,
        quantity: Decimal,
        limit_price: Decimal,
        quote: Quote,
        levels: Sequence[Level] | None,
    ) -> tuple[Execution, ...]:
        price = _other_side(side, quote)
        if levels is None:
            return (Execution(quantity, price),) if _within(side, price, limit_price) else ()
        return _take(side, quantity, limit_price, levels)

    def rest(
        self,
        *,
        side: str,
        quantity: Decimal,
        limit_price: Decimal,
        quote: Quote,
        levels: Sequence[Level] | None,
    ) -> tuple[Execution, ...]:
        if not _within(side, _other_side(side, quote), limit_price):
            return ()
        if levels is None:
            return (Execution(quantity, limit_price),)
        taken = sum((part.quantity for part in _take(side, quantity, limit_price, levels)), ZERO)
        return (Execution(taken, limit_price),) if taken else ()


def _take(
    side: str, quantity: Decimal, limit_price: Decimal, levels: Sequence[Level]
) -> tuple[Execution, ...]:
    """Take what the levels within the limit hold, at their prices; amounts have 8 decimals as orders have."""
    parts = []
    for level in levels:
        part = min(quantity, floor_quantity(level.quantity))
        if part <= 0 or not _within(side, level.price, limit_price):
            continue
        parts.append(Execution(part, level.price))
        quantity -= part
    return tuple(parts)


def _other_side(side: str, quote: Quote) -> Decimal:
    return quote.ask if side == BUY else quote.bid


def _within(side: str, price: Decimal, limit_price: Decimal) -> bool:
    return price <= limit_price if side == BUY else price >= limit_price
