"""Build accounts and orders through the services that make them."""

from decimal import Decimal
from typing import Any

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Account, Limits, Order
from apps.trading.records import Ticket
from apps.trading.services.accounts import default_account, open_account
from apps.trading.services.execute import drain_account
from apps.trading.services.place import place_order


def make_account(user: User | None = None, *, cash: str | None = None, limited: bool = False) -> Account:
    """Give a paper account; it may put everything into one coin unless it is `limited` as others are."""
    user = user or UserFactory()
    if cash is None:
        account = default_account(user)
    else:
        account = open_account(user=user, name=f"with {cash}", venue="paper", opening_cash_aud=Decimal(cash))
    if not limited:
        set_limits(account, position=100, loss=100, algorithm=100)
    return account


def set_limits(account: Account, *, position: int = 20, loss: int = 5, algorithm: int = 30) -> Limits:
    return Limits.objects.create(
        account=account, max_position_percent=position, max_daily_loss_percent=loss,
        max_algorithm_percent=algorithm, set_by="tests",
    )  # fmt: skip


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
