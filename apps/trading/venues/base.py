"""Say what a venue is: the seam behind the setting VENUES (docs/seams.md)."""

from decimal import Decimal
from typing import Protocol

from apps.trading.records import Execution, Quote


class SimulatedVenue(Protocol):
    """A venue inside this process: it fills orders from recorded prices. Stateless, no I/O."""

    slug: str
    """Its name everywhere: setting, API, rows, logs."""
    mode: str
    """paper or live."""
    opening_cash_aud: Decimal
    """What a new account starts with."""
    fee_rate: Decimal
    """The share of a fill's value that it takes as its fee."""

    def arrive(self, *, side: str, quantity: Decimal, limit_price: Decimal, quote: Quote) -> Execution | None:
        """Fill an order that has just arrived, or None when it comes to rest."""

    def rest(self, *, side: str, quantity: Decimal, limit_price: Decimal, quote: Quote) -> Execution | None:
        """Fill an order at rest that the market has reached, or None."""
