"""Open accounts and find the one that is meant."""

from decimal import Decimal

import structlog
from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.trading.models import Account, Movement
from apps.trading.venues.base import LiveVenue, SimulatedVenue
from ohmycoins.core import clock, seams
from ohmycoins.core.errors import Conflict, DomainError

log = structlog.get_logger(__name__)

PAPER = Account.Mode.PAPER


class NoSuchAccount(DomainError):
    """The account does not exist or belongs to someone else; which of the two is not said."""

    code, status = "NOT_FOUND", 404


def account_of(user: User, account_id: int | None = None) -> Account:
    """Give the user's account `account_id`, or the default one, opened on first use.

    Raises NoSuchAccount.
    """
    if account_id is None:
        return default_account(user)
    account = Account.objects.of(user).filter(pk=account_id).first()
    if account is None:
        raise NoSuchAccount(f"You have no account {account_id}.")
    return account


def default_account(user: User) -> Account:
    """Give the user's default account; everyone has one, on paper."""
    found = Account.objects.of(user).filter(is_default=True).first()
    if found:
        return found
    try:
        return open_account(user=user, name="Paper", venue="paper", is_default=True)
    except Conflict:  # opened by another request at this moment
        return Account.objects.of(user).get(is_default=True)


def open_account(
    *, user: User, name: str, venue: str, is_default: bool = False, opening_cash_aud: Decimal | None = None,
    timezone: str | None = None,
) -> Account:  # fmt: skip
    """Open an account at `venue` with its opening cash as a movement. Raises Conflict (name taken).

    A live one is inactive until someone permitted activates it; its balances come from the venue.
    """
    implementation: SimulatedVenue | LiveVenue = seams.load("VENUES")[venue]
    cash = implementation.opening_cash_aud if opening_cash_aud is None else opening_cash_aud
    now = clock.now()
    try:
        with transaction.atomic():
            account = Account.objects.create(
                user=user, name=name, venue=venue, mode=implementation.mode, is_default=is_default,
                timezone=timezone or user.timezone, cash_aud=cash, created_at=now,
                status=Account.Status.ACTIVE if implementation.mode == PAPER else Account.Status.INACTIVE,
            )  # fmt: skip
            if cash:
                Movement.objects.create(
                    account=account,
                    kind=Movement.Kind.OPENING,
                    amount_aud=cash,
                    occurred_at=now,
                    recorded_at=now,
                )
    except IntegrityError as error:
        raise Conflict(f"You already have an account named {name!r}.", code="ACCOUNT_EXISTS") from error
    log.info("account.opened", account_id=account.pk, user_id=user.pk, venue=venue)
    return account
