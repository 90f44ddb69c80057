"""Read trading's rows in its own language."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.ledgers.models import LatestPrice
from apps.trading.states import IN_FLIGHT, QUEUED, RESTING

if TYPE_CHECKING:
    from apps.trading.models import Account, Order  # noqa: F401


class AccountQuerySet(QuerySet["Account"]):
    """Accounts of users."""

    def of(self, user: Any) -> Self:
        return self.filter(user=user)

    def locked(self, *, skip_locked: bool = False) -> Self:
        """Lock the rows, always the first lock of a transaction; references to them stay possible."""
        return self.select_for_update(no_key=True, skip_locked=skip_locked)


class OrderQuerySet(QuerySet["Order"]):
    """Orders by what is to be done with them."""

    def in_flight(self) -> Self:
        """Keep orders that may still change what an account has."""
        return self.filter(status__in=IN_FLIGHT)

    def due(self, now: datetime) -> Self:
        """Keep queued orders that a worker may take up."""
        return self.filter(status__in=QUEUED, next_at__lte=now)

    def reached(self, now: datetime) -> Self:
        """Keep resting orders whose limit the recorded market has reached, unless put off."""
        market = LatestPrice.objects.in_aud().filter(coin_type=OuterRef("coin_type"))
        bid_reached = Exists(market.filter(bid__gte=OuterRef("limit_price")))
        ask_reached = Exists(market.filter(ask__lte=OuterRef("limit_price")))
        due = Q(next_at=None) | Q(next_at__lte=now)
        return self.filter(due, status__in=RESTING).filter(
            Q(bid_reached, side="sell") | Q(ask_reached, side="buy")
        )
