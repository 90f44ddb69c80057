"""What the tests of imports share: files, and accounts to import them into."""

from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Account
from apps.trading.records import Reading
from apps.trading.services.accounts import open_account
from apps.trading.services.balances import open_balances
from apps.trading.services.import_fills import Imported, import_fills
from apps.trading.services.invariants import check_invariants
from apps.trading.tests.histories import PLAIN
from ohmycoins.core import clock

SAMPLES = Path(__file__).parent / "samples"
BOUGHT = "2025-01-01T00:00:00Z,buy,BTC,2,40000,10,,"
SOLD = "2025-02-01T00:00:00Z,sell,BTC,1,50000,5,,"
CONNECTED = datetime(2026, 1, 1, tzinfo=UTC)


def csv(*rows: str) -> bytes:
    return "\n".join((PLAIN, *rows)).encode()


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def live(user: User | None = None) -> Account:
    """Give a live account that was not connected to its venue yet."""
    return open_account(user=user or UserFactory(), name="Live", venue="coinspot")


@transaction.atomic
def connect(account: Account, **balances: str) -> None:
    """Take over what the venue says the account has."""
    locked = Account.objects.locked().get(pk=account.pk)
    reading = Reading(
        began_at=CONNECTED, orders=(), trades=(), balances={coin: D(n) for coin, n in balances.items()}
    )
    open_balances(locked, reading, clock.now())


def state(account: Account) -> dict[str, D]:
    """Give what we say the account has."""
    account.refresh_from_db()
    held = {holding.coin_type: holding.quantity for holding in account.holdings.all() if holding.quantity}
    return {"AUD": account.cash_aud, **held}


def imported(account: Account, data: bytes) -> Imported:
    return import_fills(account.pk, data, actor="tests")


def sound(account: Account) -> bool:
    assert check_invariants([account.pk]) == []
    return True
