"""Change what a user may change of an account: its name, and where its days begin."""

from django.db import IntegrityError, transaction

from apps.trading.models import Account, Event
from apps.trading.services.standing import local_day
from apps.trading.signals import timezone_changed
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict


def change_account(
    account_id: int, *, actor: str, name: str | None = None, timezone: str | None = None
) -> Account:
    """Rename an account, or let its days begin elsewhere. Raises Conflict: ACCOUNT_EXISTS (the name is taken), ANOTHER_DAY.

    The time zone changes only while both have the same date: the day's loss is measured from its start, and
    a day is begun once.
    """
    try:
        with transaction.atomic():
            account = Account.objects.locked().get(pk=account_id)
            account.name = name or account.name
            moved = timezone and timezone != account.timezone
            if timezone and moved:
                _move_days(account, timezone, actor)
            account.save(update_fields=["name", "timezone"])
            if moved:
                timezone_changed.send(sender=Account, account=account)
    except IntegrityError as error:
        raise Conflict(f"You already have an account named {name!r}.", code="ACCOUNT_EXISTS") from error
    return account


def _move_days(account: Account, timezone: str, actor: str) -> None:
    now = clock.now()
    before, today = account.timezone, local_day(account, now)
    account.timezone = timezone
    if local_day(account, now) != today:
        raise Conflict(
            f"It is another day in {timezone} now than in {before}: change when both have the same date.",
            code="ANOTHER_DAY",
        )
    Event.objects.create(
        account=account, type="account.timezone", at=now, actor=actor, reason="asked for",
        inputs={"before": before, "after": timezone},
    )  # fmt: skip
