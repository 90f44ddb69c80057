"""Say what a venue is: the seam behind the setting VENUES (docs/seams.md)."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Protocol

from apps.trading.records import Execution, Quote, Reading
from ohmycoins.clients.coinspot import Key


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

    def submit(self, body: str, key: Key, *, side: str, quantity: Decimal, limit_price: Decimal) -> str:
        """Send an order that was written before, and give the id that the venue gave it.

        An answer about another amount or price than asked for is OutcomeUnknown.
        """

    def cancel(self, nonce: int, key: Key, *, side: str, venue_order_id: str) -> None:
        """Ask the venue to take an order off its book; its answer proves nothing either way."""

    def fence(self, nonce: int, key: Key) -> None:
        """Return once the venue has accepted `nonce`: no earlier one of the key will be accepted after."""

    def read(self, nonce: Callable[[], int], key: Key, *, since: date, until: date, whole: bool) -> Reading:
        """Read the account's book and its trades of [since, until], both days (UTC) included.

        `whole` also reads balances and transfers. `nonce` gives a fresh nonce for each call. Raises
        rather than give a part: a reading that is not complete proves nothing.
        """
