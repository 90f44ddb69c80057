"""Find what trading and the book already know to be wrong: rows that wait for a person, or for a worker."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, Max, OuterRef, Q
from django.db.models.functions import Coalesce

from apps.monitoring.findings import HIGH, MEDIUM, Finding
from apps.monitoring.models import Type
from apps.pnl.models import BookingFailure
from apps.trading.models import Account, Deployment, Discrepancy, Order, Stop
from apps.trading.services.decisions import FAILURES_IN_ROW
from apps.trading.states import Status
from ohmycoins.core.money import plain

MOST = 200
"""Of each kind in one round, the oldest: a thousand alerts of one cause say no more than two hundred, and none of them is said to
be over because another came."""
STUCK_AFTER = timedelta(minutes=2)
"""The poller looks every 2 s: what waits for so long waits for a worker that is not there."""
UNKNOWN_AFTER = timedelta(minutes=1)
"""Beyond what the venue may take to show an order."""
LATE_AFTER = timedelta(minutes=5)
BOOKED_WITHIN = timedelta(minutes=10)
"""A book is tried again and again; one that is still not kept after so long is not going to be."""


def discrepancies(now: datetime) -> Sequence[Finding]:
    """Give each coin, or cash, of which the venue says another balance than ours."""
    rows = Discrepancy.objects.filter(resolved_at=None).select_related("account").order_by("id")[:MOST]
    return [
        Finding(
            type=Type.DISCREPANCY, key=f"discrepancy:{row.pk}", severity=HIGH,
            message=f"The venue has {plain(row.theirs)} {row.coin_type} of account {row.account}, we have {plain(row.ours)}"
            + (f": A${plain(row.value_aud)} apart." if row.value_aud is not None else ", and no price to value it."),
            evidence={"discrepancy": row.pk, "ours": plain(row.ours), "theirs": plain(row.theirs)},
            user_id=row.account.user_id, account_id=row.account_id,
        )
        for row in rows
    ]  # fmt: skip


def bookings(now: datetime) -> Sequence[Finding]:
    """Give each coin whose book lacks something that was recorded."""
    rows = BookingFailure.objects.select_related("account").order_by("id")[:MOST]
    return [
        Finding(
            type=Type.BOOKING, key=f"booking:{row.account_id}:{row.coin_type}",
            severity=HIGH if now - row.failed_at > BOOKED_WITHIN else MEDIUM,
            message=f"The book of {row.coin_type or 'the past'} in account {row.account} lacks what happened since"
            f" {row.since:%Y-%m-%d %H:%M} UTC; tried {row.attempts} times: {row.error}",
            evidence={"fill": row.fill_id, "since": row.since.isoformat(), "attempts": row.attempts},
            user_id=row.account.user_id, account_id=row.account_id,
        )
        for row in rows
    ]  # fmt: skip


def orders(now: datetime) -> Sequence[Finding]:
    """Give the orders that wait for a person's word, for the venue's, or in vain for a worker."""
    waiting = Order.objects.select_related("account").order_by("id")
    sent_at = Max("events__at", filter=Q(events__from_status=Status.SUBMITTING))
    unknown: Any = waiting.filter(status=Status.UNKNOWN).annotate(since=Coalesce(sent_at, F("created_at")))
    long_ago = now - timedelta(seconds=settings.OMC_SETTLE_SECONDS) - UNKNOWN_AFTER
    # One order of an account at a time: behind one that is not resolved the others wait as they should.
    sibling = Order.objects.unresolved().filter(account=OuterRef("account"))
    stuck = waiting.filter(~Exists(sibling), status=Status.PENDING, next_at__lt=now - STUCK_AFTER)
    return [
        *(_about(row, HIGH, "needs a person to say what became of it") for row in waiting.filter(status=Status.NEEDS_REVIEW)[:MOST]),
        *(
            _about(row, HIGH, f"may or may not be at the venue, since {row.since:%H:%M:%S} UTC: nobody could find out")
            for row in unknown.filter(since__lt=long_ago)[:MOST]
        ),
        *(_about(row, MEDIUM, "was accepted, and no worker takes it up") for row in stuck[:MOST]),
    ]  # fmt: skip


def deployments(now: datetime) -> Sequence[Finding]:
    """Give the deployments that failed until they were paused, and those whose time passed without a decision."""
    rows = Deployment.objects.select_related("algorithm")
    failed = rows.filter(status=Deployment.Status.PAUSED, failures_in_row__gte=FAILURES_IN_ROW)
    late = rows.active().filter(next_run_at__lt=now - LATE_AFTER)
    return [
        *(_of(row, MEDIUM, f"was paused: {row.status_reason or row.last_error}") for row in failed[:MOST]),
        *(
            _of(row, MEDIUM, f"was due at {row.next_run_at:%H:%M} UTC, and nobody decided")
            for row in late[:MOST]
        ),
    ]


def held(now: datetime) -> Iterator[Finding]:
    """Give what people and guards stopped: accounts that may only sell, and emergency stops."""
    for account in Account.objects.filter(status=Account.Status.REDUCE_ONLY).order_by("id")[:MOST]:
        until = f" until {account.reduce_only_until:%Y-%m-%d %H:%M} UTC" if account.reduce_only_until else ""
        yield Finding(
            type=Type.BRAKE, key=f"account:{account.pk}", severity=MEDIUM,
            message=f"Account {account} may only sell{until}: {account.status_reason}",
            user_id=account.user_id, account_id=account.pk,
        )  # fmt: skip
    for stop in Stop.objects.exclude(state=Stop.State.ACTIVE).order_by("id")[:MOST]:
        yield Finding(
            type=Type.BRAKE, key=f"stop:{stop.pk}", severity=HIGH if stop.state == Stop.State.HALTED else MEDIUM,
            message=f"{stop.name} is {stop.state} since {stop.changed_at:%Y-%m-%d %H:%M} UTC, by {stop.changed_by}: {stop.reason}",
            user_id=stop.user_id,
        )  # fmt: skip


def _about(order: Order, severity: str, what: str) -> Finding:
    size = "" if order.quantity is None else f"{plain(order.quantity)} "
    return Finding(
        type=Type.ORDER, key=f"order:{order.pk}", severity=severity,
        message=f"Order {order.pk} ({order.side} {size}{order.coin_type} in account {order.account}) {what}.",
        evidence={"order": order.pk, "status": order.status, "venue_order_id": order.venue_order_id},
        user_id=order.user_id, account_id=order.account_id,
    )  # fmt: skip


def _of(deployment: Deployment, severity: str, what: str) -> Finding:
    return Finding(
        type=Type.DEPLOYMENT, key=f"deployment:{deployment.pk}", severity=severity,
        message=f"Deployment {deployment.pk} ({deployment.algorithm}) {what}",
        evidence={"deployment": deployment.pk, "error": deployment.last_error}, user_id=deployment.user_id,
        account_id=deployment.account_id,
    )  # fmt: skip
