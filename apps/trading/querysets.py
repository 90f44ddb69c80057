"""Read trading's rows in its own language."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, JSONObject

from apps.ledgers.models import LatestPrice
from apps.trading.states import IN_FLIGHT, QUEUED, RESTING, TERMINAL, UNRESOLVED, Status

# How long an order that ended, or was not placed, may still have trades that show late.
LATE_TRADES = timedelta(hours=48)

if TYPE_CHECKING:
    from apps.trading.models import Account, Brake, Decision, Deployment, Fill, Order, Twap  # noqa: F401


class AccountQuerySet(QuerySet["Account"]):
    """Accounts of users."""

    def of(self, user: Any) -> Self:
        return self.filter(user=user)

    def locked(self, *, skip_locked: bool = False) -> Self:
        """Lock the rows, always the first lock of a transaction; references to them stay possible."""
        return self.select_for_update(no_key=True, skip_locked=skip_locked)

    def with_live_work(self, now: datetime) -> Self:
        """Keep accounts at a venue outside for which something is due."""
        orders = apps.get_model("trading", "Order").objects.filter(account=OuterRef("pk"))
        return self.filter(mode="live").filter(
            Q(next_reconcile_at__lte=now)
            | Exists(orders.due(now))
            | Exists(orders.lease_over(now))
            | Exists(orders.unknown_due(now))
            | Exists(orders.cancel_due(now))
        )


class OrderQuerySet(QuerySet["Order"]):
    """Orders by what is to be done with them."""

    def in_flight(self) -> Self:
        """Keep orders that may still change what an account has."""
        return self.filter(status__in=IN_FLIGHT)

    def unresolved(self) -> Self:
        """Keep orders that may or may not have reached their venue."""
        return self.filter(status__in=UNRESOLVED)

    def lease_over(self, now: datetime) -> Self:
        """Keep submits that nobody will record any more."""
        return self.filter(status=Status.SUBMITTING, lease_until__lte=now)

    def unknown_due(self, now: datetime) -> Self:
        """Keep lost orders for which the next step is due."""
        return self.filter(status=Status.UNKNOWN, next_at__lte=now)

    def cancel_due(self, now: datetime) -> Self:
        """Keep orders that the venue is to be asked, or asked again, to take off its book: it listed them last."""
        review = Q(status=Status.NEEDS_REVIEW, cancel_requested_at__isnull=False)
        return self.filter(Q(status=Status.CANCELLING, looked_at=None) | review, next_at__lte=now)

    def at_venue(self) -> Self:
        """Keep orders that rest at their venue, or rested there when it was last read."""
        return self.filter(status__in=RESTING | {Status.CANCELLING})

    def watched(self, now: datetime, venue_ids: Collection[str] = ()) -> Self:
        """Keep orders that their venue may still say something new of, and those that it speaks of now.

        A late trade may complete an order up to two days after it was sent or its cancel was asked for.
        """
        recent = now - LATE_TRADES
        known = Q(venue_order_id__isnull=False)
        ended = Q(status__in=(Status.CANCELLED, Status.FILLED))
        return self.filter(
            Q(status__in=RESTING | {Status.CANCELLING})
            | (known & Q(status=Status.NEEDS_REVIEW))
            | (known & ended & (Q(submitted_at__gte=recent) | Q(cancel_requested_at__gte=recent)))
            | Q(venue_order_id__in=venue_ids)
        )

    def with_end(self) -> Self:
        """Give each order `ended_at`: when it was last cancelled, if it was."""
        return self.annotate(ended_at=Max("events__at", filter=Q(events__to_status=Status.CANCELLED)))

    def first_locked(self) -> Order | None:
        """Lock and give the oldest."""
        return self.select_for_update(no_key=True, of=("self",)).order_by("id").first()

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

    def refused(self) -> Self:
        """Keep orders that the rules, or their venue, turned down."""
        return self.filter(status__in=(Status.DENIED, Status.REJECTED))

    def to_cancel(self) -> Self:
        """Keep orders of ours that may still trade, and that nobody asked to be cancelled yet."""
        in_doubt = Q(status__in=UNRESOLVED) | Q(status=Status.NEEDS_REVIEW, venue_order_id__isnull=False)
        waiting = Q(status__in=QUEUED | RESTING) | (in_doubt & Q(cancel_requested_at=None))
        return self.filter(waiting, origin="ours")

    def placed(self, start: datetime | None, end: datetime | None) -> Self:
        """Keep orders that were made in [start, end); None leaves that end open."""
        kept = self if start is None else self.filter(created_at__gte=start)
        return kept if end is None else kept.filter(created_at__lt=end)

    def outcomes(self) -> dict[str, int]:
        """Count them as `total`, and those that ended as `filled` if any of it was filled, else `failed`."""
        ended = Q(status__in=TERMINAL)
        return self.aggregate(
            total=Count("pk"),
            filled=Count("pk", filter=ended & Q(filled_quantity__gt=0)),
            failed=Count("pk", filter=ended & Q(filled_quantity=0)),
        )

    def twins(
        self, account: Account, coin_type: str, side: str, *, since: datetime
    ) -> QuerySet[Order, tuple[Decimal | None, Decimal | None]]:
        """Give (amount, price) of the orders that a lost one could be taken for."""
        return (
            self.filter(account=account, coin_type=coin_type, side=side)
            .filter(Q(created_at__gte=since) | Q(status__in=IN_FLIGHT))
            .exclude(status=Status.DENIED)
            .values_list("quantity", "limit_price")
        )


class FillQuerySet(QuerySet["Fill"]):
    """Fills."""

    def executed(self, start: datetime | None, end: datetime | None) -> Self:
        """Keep fills of [start, end); None leaves that end open."""
        kept = self if start is None else self.filter(executed_at__gte=start)
        return kept if end is None else kept.filter(executed_at__lt=end)

    def fees(self) -> Decimal:
        """Add up what they cost in fees, AUD."""
        return Decimal(self.aggregate(sum=Sum("fee_aud", default=Decimal(0)))["sum"])


class DeploymentQuerySet(QuerySet["Deployment"]):
    """Algorithms on their schedules."""

    def active(self) -> Self:
        return self.filter(status="active")

    def standing(self) -> Self:
        """Keep what was not stopped."""
        return self.exclude(status="stopped")

    def due(self, now: datetime) -> Self:
        """Keep what should have run by now."""
        return self.active().filter(next_run_at__lte=now)

    def with_latest(self) -> Self:
        """Give each `last_decision` (its newest that is over, as a dict) and `waiting_since` (its oldest open slot)."""
        own = apps.get_model("trading", "Decision").objects.filter(deployment=OuterRef("pk"))
        names = ("id", "slot", "status", "action", "coin_type", "reason", "denials", "error", "decided_at")
        newest = own.exclude(status="due").order_by("-slot")
        return self.annotate(
            last_decision=Subquery(
                newest.values(said=JSONObject(**dict(zip(names, names, strict=True))))[:1]
            ),
            waiting_since=Subquery(own.waiting().order_by("slot").values("slot")[:1]),
        )


class DecisionQuerySet(QuerySet["Decision"]):
    """What algorithms decided."""

    def waiting(self) -> Self:
        """Keep slots that nobody has decided yet."""
        return self.filter(status="due")

    def decided(self) -> Self:
        return self.filter(status="done")

    def finished(self) -> Self:
        """Keep runs: what was decided, and what failed."""
        return self.filter(status__in=("done", "failed"))


class TwapQuerySet(QuerySet["Twap"]):
    """Orders in slices."""

    def active(self) -> Self:
        return self.filter(status="active")

    def due(self, now: datetime) -> Self:
        """Keep those whose next slice should be placed by now."""
        return self.active().filter(next_at__lte=now)

    def with_orders(self) -> Self:
        """Give each `order_ids`, first slice first, and `filled_quantity`, what they filled so far."""
        slices = apps.get_model("trading", "Order").objects.filter(twap=OuterRef("pk"))
        filled = slices.order_by().values("twap").annotate(sum=Sum("filled_quantity")).values("sum")
        return self.annotate(
            order_ids=ArraySubquery(slices.order_by("id").values("id")),
            filled_quantity=Coalesce(Subquery(filled), Decimal(0)),
        )


class BrakeQuerySet(QuerySet["Brake"]):
    """What holds purchases back by itself."""

    def engaged(self, now: datetime) -> Self:
        """Keep those that hold back purchases now."""
        return self.filter(released_at=None).filter(Q(until=None) | Q(until__gt=now))

    def over(self, now: datetime) -> Self:
        """Keep those that hold back nothing any more."""
        return self.filter(Q(released_at__isnull=False) | Q(until__lte=now))

    def overdue(self, now: datetime) -> Self:
        """Keep those whose time is over, which nobody wrote down yet."""
        return self.filter(released_at=None, until__lte=now)

    def on(self, account: Account) -> Self:
        """Keep those that can match an order of the account."""
        whose = Q(user=None) | Q(user=account.user_id)
        return self.filter(whose, Q(account=None) | Q(account=account))

    def seen_by(self, user: Any) -> Self:
        """Keep what is on the user's own trading or on everybody's; all for who may view or release all."""
        if user.has_perm("trading.view_brake") or user.has_perm("trading.change_stop"):
            return self
        return self.filter(Q(user=user) | Q(account__user=user) | Q(user=None, account=None))
