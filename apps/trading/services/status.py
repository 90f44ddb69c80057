"""Change what an account may do, and record who did it and why."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction

from apps.trading.models import Account, Event
from apps.trading.records import Standing
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict
from ohmycoins.core.money import plain

log = structlog.get_logger(__name__)

GUARD = "safety"


def set_status(
    account: Account, status: str, *, at: datetime, actor: str, reason: str, until: datetime | None = None,
    inputs: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Give the locked account another status, and record the event; the same status changes nothing."""
    if account.status == status:
        return
    before, account.status = account.status, status
    account.status_reason = "" if status == Account.Status.ACTIVE else reason[:200]
    if status != Account.Status.INACTIVE:  # what a day was too bad for is not forgotten by a pause
        account.reduce_only_until = until
    account.save(update_fields=["status", "status_reason", "reduce_only_until"])
    Event.objects.create(
        account=account, type="account.moved", from_status=before, to_status=status, at=at, actor=actor,
        reason=reason[:300], inputs=inputs or {},
    )  # fmt: skip
    log.warning("account.moved", account_id=account.pk, status=status, reason=reason)


def reduce_only(
    account: Account, *, at: datetime, actor: str, reason: str, inputs: dict[str, Any] | None = None
) -> None:
    """Let the locked account only sell until a person says otherwise, whatever it may do now."""
    if account.status == Account.Status.ACTIVE:
        set_status(account, Account.Status.REDUCE_ONLY, at=at, actor=actor, reason=reason, inputs=inputs)
    elif account.reduce_only_until:  # a new day alone no longer ends it
        account.reduce_only_until, account.status_reason = None, reason[:200]
        account.save(update_fields=["status_reason", "reduce_only_until"])
        Event.objects.create(
            account=account, type="account.held", from_status=account.status, to_status=account.status, at=at,
            actor=actor, reason=reason[:300], inputs=inputs or {},
        )  # fmt: skip


def reduce_only_without_trail(
    account: Account, *, at: datetime, actor: str, reason: str, inputs: dict[str, Any]
) -> None:
    """Let the locked account only sell although its chain of events takes no more; those of no account keep it."""
    before, account.status, account.status_reason = account.status, Account.Status.REDUCE_ONLY, reason[:200]
    account.reduce_only_until = None
    account.save(update_fields=["status", "status_reason", "reduce_only_until"])
    Event.objects.create(
        account=None, type="account.moved", from_status=before, to_status=account.status, at=at, actor=actor,
        reason=reason[:300], inputs=inputs | {"account": account.pk},
    )  # fmt: skip
    log.warning("account.moved", account_id=account.pk, status=account.status, reason=reason)


def end_bad_day(account: Account, now: datetime) -> None:
    """Let the locked account buy again when the day that it lost too much on is over."""
    if account.reduce_only_until and account.reduce_only_until <= now:
        set_status(account, Account.Status.ACTIVE, at=now, actor=GUARD, reason="a new day began")


def stop_buying_today(account: Account, standing: Standing, now: datetime) -> None:
    """Let the locked account only sell until its next midnight, if it lost what it may lose in a day."""
    if account.status != Account.Status.ACTIVE or not 0 < standing.day_loss_aud >= standing.max_loss_aud:
        return
    zone = ZoneInfo(account.timezone)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    set_status(
        account, Account.Status.REDUCE_ONLY, at=now, actor=GUARD,
        reason="lost as much today as it may",
        until=datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone),
        inputs={"loss": plain(standing.day_loss_aud), "limit": plain(standing.max_loss_aud)},
    )  # fmt: skip


@transaction.atomic
def restore_account(account_id: int, *, actor: str, reason: str) -> Account:
    """Let an account that may only sell trade again: a person's decision. Raises Conflict otherwise."""
    account = Account.objects.locked().get(pk=account_id)
    if account.status != Account.Status.REDUCE_ONLY:
        raise Conflict(f"Account {account_id} is {account.status}, not reduce_only.", code="ACCOUNT_STATE")
    set_status(account, Account.Status.ACTIVE, at=clock.now(), actor=actor, reason=reason)
    return account
