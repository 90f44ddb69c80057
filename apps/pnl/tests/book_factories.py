"""Build fills and coins that moved, booked as imported history is."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

from apps.trading.models import Account, Fill, Movement
from apps.trading.signals import history_recorded
from ohmycoins.core import clock
from ohmycoins.core.money import round_aud


def record_fill(account: Account, side: str = "buy", **fields: Any) -> Fill:
    """Record a fill, by default of 1 BTC at A$100 now, and have the coin's book kept anew."""
    values: dict[str, Any] = {
        "coin_type": "BTC", "quantity": D(1), "price": D(100), "fee_aud": D(0), "executed_at": clock.now(),
        "venue_fill_id": f"test-{Fill.objects.count()}",
    } | fields  # fmt: skip
    fill = Fill.objects.create(
        account=account, side=side, value_aud=round_aud(values["quantity"] * values["price"]), **values
    )
    history_recorded.send(sender=Fill, account=account, coins={fill.coin_type}, since=fill.executed_at)
    return fill


def record_receipt(account: Account, quantity: str = "1", **fields: Any) -> Movement:
    """Record BTC that came (or went, if negative) by no fill, a day ago, worth A$100 a coin."""
    values: dict[str, Any] = {
        "coin_type": "BTC", "unit_price": D(100), "occurred_at": clock.now() - timedelta(days=1),
        "kind": "receive" if D(quantity) > 0 else "send",
    } | fields  # fmt: skip
    movement = Movement.objects.create(account=account, quantity=D(quantity), **values)
    history_recorded.send(
        sender=Movement, account=account, coins={movement.coin_type}, since=movement.occurred_at
    )
    return movement
