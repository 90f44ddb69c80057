"""Change what a user may change of an account: its name, and where its days begin."""

from django.db import IntegrityError, transaction

from apps.trading.models import Account, DayStart, Event
from apps.trading.services.standing import local_day, read_day
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict


def change_account(
    account_id: int, *, actor: str, name: str | None = None, timezone: str | None = None
) -> Account:
    """Rename an account, or let its days begin elsewhere. Raises Conflict (name taken).

    Another time zone may make it another day at once; that day begins with what the one before began with,
    so that no loss is forgotten by it.
    """
    try:
        with transaction.atomic():
            account = Account.objects.locked().get(pk=account_id)
            account.name = name or account.name
            if timezone and timezone != account.timezone:
                _move_days(account, timezone, actor)
            account.save(update_fields=["name", "timezone"])
    except IntegrityError as error:
        raise Conflict(f"You already have an account named {name!r}.", code="ACCOUNT_EXISTS") from error
    return account


def _move_days(account: Account, timezone: str, actor: str) -> None:
    now = clock.now()
    day = read_day(account, now)
    before, account.timezone = account.timezone, timezone
    DayStart.objects.get_or_create(
        account=account, day=local_day(account, now),
        defaults={"equity_aud": day.base_aud, "unpriced": day.worth.unpriced, "at": now},
    )  # fmt: skip
    Event.objects.create(
        account=account, type="account.timezone", at=now, actor=actor, reason="asked for",
        inputs={"before": before, "after": timezone},
    )  # fmt: skip
