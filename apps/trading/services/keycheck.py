"""Ask CoinSpot whether it lets an account's keys in, by calls that only read."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from apps.trading.models import Account, Order
from apps.trading.services.nonces import take_nonce, take_read_nonce
from apps.trading.states import Status
from ohmycoins.clients import coinspot
from ohmycoins.clients.coinspot import Call, Key
from ohmycoins.clients.coinspot_replies import BadReply
from ohmycoins.core.errors import Conflict, Unavailable

ASK_SECONDS = 5.0
NOT_OK = "the answer's status is not ok: "  # how `coinspot_replies.read_status` quotes the venue
LONGEST_QUOTE = 100


@dataclass(frozen=True, slots=True)
class Keys:
    """What an account's calls are signed with; no repr shows it."""

    trading: Key
    reading: Key
    shared: bool
    """Reading is done with the trading key: reads take their nonces from its sequence."""


def find_fault(account_id: int, keys: Keys) -> str:
    """Ask CoinSpot about both keys, and give what it has against them; empty if nothing.

    The trading key asks for its status, which does nothing; the reading key for the balances. Swapped
    keys are told by a read-only key that may ask for the status that the trading key may not. Raises
    Unavailable, and Conflict (ORDERS_UNRESOLVED).
    """

    def trading_nonce() -> int:
        return _take_nonce_between_orders(account_id)

    def reading_nonce() -> int:
        return trading_nonce() if keys.shared else take_read_nonce(account_id)

    reading = _ask(keys.reading, coinspot.balances, reading_nonce)
    if keys.shared and reading is not None:
        return f"CoinSpot does not let the trading key in: {reading}"
    trading = _ask(keys.trading, coinspot.status, trading_nonce)
    if keys.shared:
        return "" if trading is None else f"CoinSpot lets the trading key read, but not trade: {trading}"
    if trading is not None and _ask(keys.reading, coinspot.status, reading_nonce) is None:
        return "The keys are swapped: CoinSpot lets the read-only key trade, and not the trading key."
    answers = (("read-only", reading), ("trading", trading))
    return "; ".join(
        f"CoinSpot does not let the {name} key in: {said}" for name, said in answers if said is not None
    )


@transaction.atomic
def _take_nonce_between_orders(account_id: int) -> int:
    """Take a nonce of the trading key, but not while an order is on its way under an earlier one."""
    account = Account.objects.locked().get(pk=account_id)
    if Status.SUBMITTING in Order.objects.in_flight().filter(account=account).values_list(
        "status", flat=True
    ):
        raise Conflict(
            f"Account {account} has an order on its way to CoinSpot: try again in a moment.",
            code="ORDERS_UNRESOLVED",
        )
    return take_nonce(account_id)


def _ask(key: Key, prepare: Callable[[int], Call], nonce: Callable[[], int]) -> str | None:
    """Make one call and give None if the key is let in, else what CoinSpot says. Raises Unavailable."""
    try:
        coinspot.send(prepare(nonce()), key, total_seconds=ASK_SECONDS)
    except (coinspot.NotSent, coinspot.Refused, coinspot.OutcomeUnknown) as error:
        said = _quoted(error)
        if said is None:
            message = f"CoinSpot could not be asked: {error}. Nothing was changed."
        elif "nonce" in said.lower():
            message = (
                "CoinSpot could not be asked: it has seen a later call with the same key. Try again; if it "
                "stays so, another program uses the key. Nothing was changed."
            )
        else:
            return said
        raise Unavailable(message, code="VENUE_UNAVAILABLE") from error
    return None


def _quoted(error: Exception) -> str | None:
    """Give what CoinSpot itself said, if it did: an error page or a timeout says nothing of a key."""
    cause = error.__cause__
    if not isinstance(cause, BadReply) or not str(cause).startswith(NOT_OK):
        return None
    said = str(cause).removeprefix(NOT_OK)[:LONGEST_QUOTE]
    return "".join(letter if letter.isprintable() else " " for letter in said)
