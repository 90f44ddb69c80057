"""Trade on paper: real prices, no venue.

An arriving order that crosses the spread fills at once at the other side's price. One that does not
comes to rest and fills, at its own limit, when the market reaches it: someone who waits in the book
gets the price they wait at, never a better one.
"""

from decimal import Decimal

from apps.trading.records import BUY, Execution, Quote


class PaperVenue:
    slug = "paper"
    mode = "paper"
    opening_cash_aud = Decimal(100_000)
    fee_rate = Decimal("0.001")  # CoinSpot's order-book fee (its help centre)

    def arrive(self, *, side: str, quantity: Decimal, limit_price: Decimal, quote: Quote) -> Execution | None:
        if not _reached(side, limit_price, quote):
            return None
        return Execution(quantity=quantity, price=quote.ask if side == BUY else quote.bid)

    def rest(self, *, side: str, quantity: Decimal, limit_price: Decimal, quote: Quote) -> Execution | None:
        return Execution(quantity=quantity, price=limit_price) if _reached(side, limit_price, quote) else None


def _reached(side: str, limit_price: Decimal, quote: Quote) -> bool:
    return quote.ask <= limit_price if side == BUY else quote.bid >= limit_price
