"""Let an account trade live: refused until everything that must be there is there."""

from django.conf import settings
from django.db import transaction

from apps.accounts.models import User
from apps.trading.models import Account, Credential, Discrepancy, Limits
from apps.trading.services.status import set_status
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict, DomainError, Refused

PERMISSION = "trading.activate_account"


class NotPermitted(DomainError):
    """The person may not do this."""

    code, status = "PERMISSION_DENIED", 403


class NotReady(Refused):
    """Something that live trading needs is missing; `detail` names all that is."""

    code = "NOT_READY"


def missing_for_live(account: Account) -> list[str]:
    """Name what the account still needs before it may be activated, in sentences."""
    missing = []
    if settings.TRADING_MODE != "live":
        missing.append("TRADING_MODE is not live.")
    if not Credential.objects.filter(account=account, validated_at__isnull=False).exists():
        missing.append("It has no API keys that the venue was seen to accept: store and validate them.")
    if not Limits.objects.filter(account=account).exists():
        missing.append("Its safety limits were never set: PUT /floor/safety/limits.")
    if Discrepancy.objects.filter(account=account, resolved_at=None).exists():
        missing.append("Its balances differ from the venue's, and nobody has explained that yet.")
    return missing


@transaction.atomic
def activate_account(account_id: int, *, by: User) -> Account:
    """Let the account's orders reach its venue; it is compared with the venue at once.

    A paper account, which is active from the start, needs nothing to be active again. Raises
    NotPermitted, NotReady, or Conflict when it is active already.
    """
    account = Account.objects.locked().get(pk=account_id)
    live = account.mode == Account.Mode.LIVE
    if live and not by.has_perm(PERMISSION):
        raise NotPermitted(f"Activating an account needs the permission {PERMISSION}.")
    if live and (missing := missing_for_live(account)):
        raise NotReady(" ".join(missing), detail={"missing": missing})
    if account.status != Account.Status.INACTIVE and (account.activated_at or not live):
        raise Conflict(f"Account {account_id} is {account.status} already.", code="ACCOUNT_STATE")
    now = clock.now()
    if live:
        account.activated_at = account.next_reconcile_at = now
        account.save(update_fields=["activated_at", "next_reconcile_at"])
    bad_day = account.reduce_only_until and account.reduce_only_until > now
    set_status(
        account, Account.Status.REDUCE_ONLY if bad_day else Account.Status.ACTIVE, at=now, actor=f"user:{by.pk}",
        reason="activated", until=account.reduce_only_until if bad_day else None,
    )  # fmt: skip
    return account


@transaction.atomic
def deactivate_account(account_id: int, *, actor: str, reason: str) -> Account:
    """Accept no more orders of an account; what rests at its venue stays there and is still compared."""
    account = Account.objects.locked().get(pk=account_id)
    if account.status == Account.Status.INACTIVE:
        raise Conflict(f"Account {account_id} is inactive already.", code="ACCOUNT_STATE")
    now = clock.now()
    account.activated_at = None
    account.save(update_fields=["activated_at"])
    set_status(account, Account.Status.INACTIVE, at=now, actor=actor, reason=reason)
    return account
