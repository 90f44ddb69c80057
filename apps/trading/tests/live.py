"""What the tests of live orders share: a venue over HTTP, and an account that trades on it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal as D
from typing import Any

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Credential, Order
from apps.trading.services import live
from apps.trading.services.accounts import open_account
from apps.trading.services.credentials import store_credentials
from apps.trading.tests.factories import set_limits
from ohmycoins.core import clock
from ohmycoins.sandbox.server import Sandbox
from ohmycoins.sandbox.venue.account import Truth

KEYS = {
    "api_key": "live-key-0123456789", "api_secret": "live-secret-0123456789",
    "read_only_key": "read-key-0123456789", "read_only_secret": "read-secret-0123456789",
}  # fmt: skip
KEY = KEYS["api_key"]
BALANCES = {"AUD": D(100_000), "BTC": D(1)}


@contextmanager
def sandbox(settings: Any) -> Iterator[Sandbox]:
    """Serve a venue with one account, and let live trading go there; BTC costs A$100,000 to A$100,200."""
    settings.TRADING_MODE = "live"
    settings.OMC_SUBMIT_DEADLINE_SECONDS = 0.5
    with Sandbox(0, seed=42) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        settings.COINSPOT_URL = server.url
        server.venue.set_prices({"BTC": {"bid": 100_000, "ask": 100_200}})
        server.venue.open_account(
            key=KEY, secret=KEYS["api_secret"], read_only_key=KEYS["read_only_key"],
            read_only_secret=KEYS["read_only_secret"], balances=BALANCES,
        )  # fmt: skip
        yield server
        server.shutdown()


def live_account(user: User | None = None, *, keys: dict[str, str] = KEYS) -> Account:
    """Give an active live account with keys, limits, and the venue's balances taken over."""
    make_price(bid=100_000, ask=100_200)
    account = open_account(user=user or UserFactory(), name="Live", venue="coinspot")
    store_credentials(account, **keys, actor="tests")
    now = clock.now()
    Credential.objects.filter(account=account).update(validated_at=now)
    Account.objects.filter(pk=account.pk).update(status="active", activated_at=now, next_reconcile_at=now)
    set_limits(account, position=100, loss=100, algorithm=100)
    live.work(account.pk)
    account.refresh_from_db()
    return account


def state_of(order: Order) -> str:
    order.refresh_from_db()
    return str(order.status)


def truth(server: Sandbox) -> Truth:
    return server.venue.truth(KEY)


def path_of(order: Order) -> list[str]:
    """Give the states that the order went through."""
    return [event.to_status for event in order.events.filter(type__in=["order.made", "order.moved"])]
