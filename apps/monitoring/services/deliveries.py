"""Send what was planned: each message once, again only after it failed, and by one worker at a time.

A message is claimed under a lease (one transaction), sent (none open), and its end recorded (another). Only
a worker that died in between leaves it open whether it was sent; after the lease it is sent again, under
the same key, by which a receiver may know it. Several are sent side by side, one at a time to a channel: a
channel that hangs holds up no other.
"""

import random
import time
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction

from apps.monitoring.addresses import Address, NotOpened
from apps.monitoring.messages import Message, Told, compose
from apps.monitoring.models import Alert, Delivery
from apps.monitoring.notifiers import sending
from apps.monitoring.notifiers.sending import Result
from apps.monitoring.services.channels import address_of
from apps.monitoring.services.planning import conclude
from ohmycoins.core import clock

log = structlog.get_logger(__name__)

FIRST_WAIT_SECONDS = 5
WAIT_GROWTH = 6
LONGEST_WAIT_SECONDS = 3600
RETRIES = 5
JITTER = 0.1  # of the wait, on top
AT_ONCE = 8
LEASE = timedelta(minutes=2)  # sending ends in 10 s; looking a name up takes what the system allows on top
WORK_SECONDS = 15.0  # nothing is claimed later
CUT_OFF = "its sending was cut off each time that it was tried: the workers died or were stopped"
LOCK = "SELECT pg_try_advisory_lock(hashtextextended('monitoring.deliver', 0))"
UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('monitoring.deliver', 0))"


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this worker alone sends for the length of its lease."""

    delivery_id: int
    attempt: int
    address: Address | None
    """None where no configured key opens it."""
    message: Message
    is_for_them: bool
    """Whether its user may sign in, and may see what it says, still."""
    is_last_word: bool
    """The message says that the alert is over."""


def deliver_due() -> int:
    """Send what is due; return how many were tried. Nothing while another worker is at it."""
    with _alone() as alone:
        return _deliver(None) if alone else 0


def deliver_now(delivery_ids: Collection[int]) -> None:
    """Send these alone, unless a worker has them: for a person who waits for what comes of it."""
    _deliver(delivery_ids)


def wait_seconds(failures: int) -> float:
    """Give how long to wait after so many failures, without jitter: 5, 30, 180, 1080, 3600 s."""
    return float(min(FIRST_WAIT_SECONDS * WAIT_GROWTH ** (failures - 1), LONGEST_WAIT_SECONDS))


def _deliver(delivery_ids: Collection[int] | None) -> int:
    tried, sending_now = 0, dict[Future[Result], Claim]()
    stop_at = time.monotonic() + WORK_SECONDS
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver") as threads:
        while True:
            if time.monotonic() < stop_at and (free := AT_ONCE - len(sending_now)):
                claims = _claim(clock.now(), free, delivery_ids)
                tried += len(claims)
                sending_now |= {threads.submit(_send, claim): claim for claim in claims}
            if not sending_now:
                return tried
            for done in wait(sending_now, timeout=1.0, return_when=FIRST_COMPLETED).done:
                _record(sending_now.pop(done), done.result(), clock.now())


def _send(claim: Claim) -> Result:
    """Send in a thread of its own, which touches no row."""
    if claim.attempt > RETRIES + 1:
        return Result(CUT_OFF, may_retry=False)
    if not claim.is_for_them:
        return Result("its user may not sign in, or see the alert, any more", may_retry=False)
    if claim.address is None:
        return Result(
            "VENUE_SECRET_KEYS lacks the key that the address was sealed with: store it again",
            may_retry=False,
        )
    return sending.send(claim.address, claim.message)


@transaction.atomic
def _claim(now: datetime, most: int, delivery_ids: Collection[int] | None) -> list[Claim]:
    """Take what is due longest, one a channel, and none of a channel that is being sent to."""
    due = Delivery.objects.due(now)
    if delivery_ids is not None:
        due = due.filter(pk__in=delivery_ids)
    busy = Delivery.objects.leased(now).values("channel")
    heads = due.exclude(channel__in=busy).order_by("channel", "next_at", "id").distinct("channel")
    first = sorted(heads.values_list("next_at", "pk"))[:most]
    rows = list(
        due.select_for_update(skip_locked=True, of=("self",))
        .filter(pk__in=[pk for _, pk in first])
        .select_related("alert", "channel__user")
    )
    for row in rows:
        row.attempts, row.leased_until = row.attempts + 1, now + LEASE
    Delivery.objects.bulk_update(rows, ["attempts", "leased_until"])
    return [_claimed(row) for row in rows]


def _claimed(row: Delivery) -> Claim:
    try:
        address = address_of(row.channel)
    except NotOpened:
        address = None
    told = _told(row.alert) if row.alert else None
    return Claim(
        delivery_id=row.pk, attempt=row.attempts, address=address, message=compose(row.pk, row.event, told),
        is_for_them=_is_for_them(row), is_last_word=told is not None and told.resolved_at is not None,
    )  # fmt: skip


def _is_for_them(row: Delivery) -> bool:
    user, about = row.channel.user, row.alert.user_id if row.alert else None
    return user.is_active and (about in (None, user.pk) or user.has_perm("monitoring.view_alert"))


def _told(alert: Alert) -> Told:
    return Told(
        id=alert.pk, type=alert.type, severity=alert.severity, message=alert.message, opened_at=alert.opened_at,
        resolved_at=alert.resolved_at,
    )  # fmt: skip


@transaction.atomic
def _record(claim: Claim, result: Result, now: datetime) -> None:
    """Keep what came of it, and plan what it makes due. A failure of ours counts only while the claim is ours."""
    rows = Delivery.objects.select_for_update().filter(pk=claim.delivery_id, status=Delivery.Status.PENDING)
    if not result.sent:
        rows = rows.filter(attempts=claim.attempt)
    row = rows.first()
    if row is None:  # its lease was over, or its rule or channel is deleted
        log.warning("delivery.not_ours", delivery_id=claim.delivery_id, sent=result.sent)
        return
    row.leased_until = None
    if result.sent:
        _end(row, Delivery.Status.SENT, now, says_resolved=claim.is_last_word)
    elif result.may_retry and row.attempts <= RETRIES:
        row.last_error = result.reason[:300]
        row.next_at = now + timedelta(seconds=_pause(row.attempts, result.retry_after))
        row.save(update_fields=["leased_until", "last_error", "next_at"])
        log.info("delivery.waits", delivery_id=row.pk, attempts=row.attempts, reason=row.last_error)
    else:
        row.last_error = result.reason[:300]
        _end(row, Delivery.Status.FAILED, now)


def _end(row: Delivery, status: Delivery.Status, now: datetime, *, says_resolved: bool = False) -> None:
    row.status, row.next_at, row.ended_at, row.says_resolved = status, None, now, says_resolved
    if status == Delivery.Status.SENT:
        row.last_error = ""
        log.info("delivery.sent", delivery_id=row.pk, channel_id=row.channel_id, attempts=row.attempts)
    else:
        log.error("delivery.failed", delivery_id=row.pk, channel_id=row.channel_id, reason=row.last_error)
    row.save(update_fields=["status", "next_at", "ended_at", "says_resolved", "last_error", "leased_until"])
    if row.alert_id is not None:
        # Read after the row was locked: who resolved the alert before has left this to us.
        conclude(Alert.objects.filter(pk=row.alert_id), now=now, channel=row.channel)


def _pause(failures: int, retry_after: float | None) -> float:
    """Give how long to wait, with jitter; longer if the receiver asked for it, an hour at most."""
    pause = wait_seconds(failures) * (1 + random.uniform(0, JITTER))  # noqa: S311 - spreads load, keeps no secret
    return max(pause, min(retry_after or 0.0, float(LONGEST_WAIT_SECONDS)))


@contextmanager
def _alone() -> Iterator[bool]:
    """Keep a second worker from waiting beside the first; what keeps them apart are the claims."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
        alone = bool(cursor.fetchone()[0])
    try:
        yield alone
    finally:
        if alone and connection.connection and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute(UNLOCK)
