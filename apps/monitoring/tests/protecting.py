"""Build protections and what they watch."""

from decimal import Decimal
from typing import Any

from apps.ledgers.models import LatestPrice
from apps.ledgers.tests.factories import make_price
from apps.monitoring.models import Outlier, Protection
from apps.monitoring.protections import read_parameters
from apps.trading.models import Account, Brake
from apps.trading.tests.factories import trade
from ohmycoins.core import clock


def protect(kind: str, parameters: dict[str, Any] | None = None, **fields: Any) -> Protection:
    """Make a protection, everybody's unless told whose."""
    complete = read_parameters(kind, parameters or {}).model_dump(mode="json")
    return Protection.objects.create(kind=kind, parameters=complete, **fields)


def sell_at(account: Account, price: int, coin: str = "BTC", *, bought_at: int = 100_000) -> None:
    """Buy a hundredth of a coin, and sell it at once in a market that moved meanwhile."""
    make_price(coin)
    reprice(coin, bought_at - 1)
    trade(account, coin_type=coin, quantity="0.01")
    reprice(coin, price)
    trade(account, "sell", coin, quantity="0.01")


def reprice(coin: str, bid: int) -> None:
    """Let the market be there, whatever minute it is: the first price of a minute is the one kept."""
    LatestPrice.objects.filter(coin_type=coin, market="AUD").update(
        bid=bid, ask=bid + 1, last=bid, observed_at=clock.now()
    )


def make_outlier(coin: str = "BTC", **fields: Any) -> Outlier:
    values = {
        "price_id": Outlier.objects.count() + 1, "coin_type": coin, "occurred_at": clock.now(), "found_at": clock.now(),
        "before": Decimal(100), "last": Decimal(150), "score": 25.0, "bound": 10.0,
    } | fields  # fmt: skip
    return Outlier.objects.create(**values)


def engaged() -> list[Brake]:
    return list(Brake.objects.engaged(clock.now()).order_by("id"))
