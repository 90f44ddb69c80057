"""Say what a venue is: the seam behind the setting VENUES (docs/seams.md)."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

from apps.ledgers.records import Level
from apps.trading.records import Execution, Quote, Reading, Receipt
from ohmycoins.clients.coinspot import Key


class SimulatedVenue(Protocol):
    """A venue inside this process: it fills orders from recorded prices and depth. Stateless, no I/O.

    `levels` are the other side's of the order book, best first, of which no other fill of the order took
    anything yet; None when no depth is recorded to go by. What the fills leave open comes to rest.
    """

    slug: str
    """Its name everywhere: setting, API, rows, logs."""
    mode: str
    """paper or live."""
    opening_cash_aud: Decimal
    """What a new account starts with."""
    fee_rate: Decimal
    """The share of a fill's value that it takes as its fee."""

    def arrive(
        self,
        *,
        side: str,
        quantity: Decimal,
        limit_price: Decimal,
        quote: Quote,
        levels: Sequence[Level] | None,
    ) -> tuple[Execution, ...]:
        """Fill an order that has just arrived, as far as the market goes within its limit."""

    def rest(
        self,
        *,
        side: str,
        quantity: Decimal,
        limit_price: Decimal,
        quote: Quote,
        levels: Sequence[Level] | None,
    ) -> tuple[Execution, ...]:
        """Fill an order at rest, of which `quantity` is open, as far as the market has reached it."""


class LiveVenue(Protocol):
    """A venue outside. Stateless; every call is one HTTP request that nothing here repeats.

    A call whose nonce is not above every nonce that the venue saw of the key is refused by the venue:
    that is what fences late submits off. All raise NotSent, Refused or OutcomeUnknown
    (`ohmycoins.clients.coinspot`).
    """

    slug: str
    mode: str
    opening_cash_aud: Decimal
    fee_rate: Decimal

    def write_order(
        self, nonce: int, *, side: str, coin_type: str, quantity: Decimal, limit_price: Decimal
    ) -> str:
        """Write the body of a limit order, exactly as it will be signed and sent."""

    def submit(self, body: str, key: Key, *, side: str) -> Receipt:
        """Send an order that was written before, and give what the venue says it placed."""

    def cancel(self, nonce: int, key: Key, *, side: str, venue_order_id: str) -> None:
        """Ask the venue to take an order off its book; its answer proves nothing either way."""

    def fence(self, nonce: int, key: Key) -> None:
        """Return once the venue has accepted `nonce`: no earlier one of the key will be accepted after."""

    def read(
        self, nonce: Callable[[], int], key: Key, *, since: date, until: date, transfers_since: date | None
    ) -> Reading:
        """Read the account's book and its trades of [since, until], both days (UTC) included.

        With `transfers_since` also its balances, and its transfers since that day. `nonce` gives a fresh
        nonce for each call. Raises rather than give a part: a reading that is not complete proves nothing.
        """
