"""Build accounts and orders through the services that make them."""

from decimal import Decimal
from typing import Any

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Account, Order
from apps.trading.records import Ticket
from apps.trading.services.accounts import default_account, open_account
from apps.trading.services.execute import drain_account
from apps.trading.services.place import place_order


def make_account(user: User | None = None, *, cash: str | None = None) -> Account:
    user = user or UserFactory()
    if cash is None:
        return default_account(user)
    return open_account(user=user, name=f"with {cash}", venue="paper", opening_cash_aud=Decimal(cash))


def ticket(side: str = "buy", coin_type: str = "BTC", **amounts: Any) -> Ticket:
    """Give a ticket: a limit order if it has a price, else a market order."""
    exact = {name: Decimal(value) for name, value in amounts.items()}
    return Ticket(
        coin_type=coin_type, side=side, order_type="limit" if "price" in exact else "market", **exact
    )


def place(
    account: Account, side: str = "buy", coin_type: str = "BTC", *, key: str | None = None, **amounts: Any
) -> Order:
    return place_order(
        user=account.user, account=account, ticket=ticket(side, coin_type, **amounts), idempotency_key=key
    )


def trade(account: Account, side: str = "buy", coin_type: str = "BTC", **amounts: Any) -> Order:
    """Place an order, execute it, and give it as it then stands."""
    order = place(account, side, coin_type, **amounts)
    drain_account(account.pk)
    order.refresh_from_db()
    return order
