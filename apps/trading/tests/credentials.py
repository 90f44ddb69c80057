"""What the tests of venue keys share: accounts, keys, orders at the venue, and what must never show."""

from collections.abc import Iterable
from typing import Any

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Account, Credential, Event, Order
from apps.trading.services.credentials import store_credentials
from ohmycoins.clients.coinspot import Key

TRADING = Key("trading-key-0123abcd", "trading-secret-AAAAAAAAAAAA")
READING = Key("reading-key-0123wxyz", "reading-secret-BBBBBBBBBBBB")
BODY = {"api_key": TRADING.key, "api_secret": TRADING.secret}
READ_ONLY = {"read_only_key": READING.key, "read_only_secret": READING.secret}
BOTH = BODY | READ_ONLY
SECRETS = (*BOTH.values(),)


def live_account(user: User | None = None, **columns: Any) -> Account:
    given = {"name": "CoinSpot", "venue": "coinspot", "mode": "live", "timezone": "UTC"} | columns
    return Account.objects.create(user=user or UserFactory(), **given)


def stored(account: Account | None = None, **keys: str) -> Credential:
    """Give the keys of an account, both of them if none are named."""
    return store_credentials(account or live_account(), **(keys or BOTH), actor="user:1")  # type: ignore[arg-type]


def order_in(account: Account, status: str) -> Order:
    return Order.objects.create(
        account=account, user=account.user, coin_type="BTC", side="buy", order_type="limit", quantity=1,
        limit_price=100, status=status, reserved_aud=0 if status != "pending" else 101,
    )  # fmt: skip


def assert_no_secret(text: str, secrets: Iterable[str] = SECRETS) -> None:
    assert text
    assert [secret for secret in secrets if secret in text] == []


def trail(account: Account) -> list[tuple[str, str]]:
    return list(Event.objects.filter(account=account).values_list("type", "actor"))
