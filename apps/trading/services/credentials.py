"""Keep the keys with which an account reaches CoinSpot, and ask CoinSpot whether it lets them in.

Keys are sealed in their account's row (`apps.trading.sealing`) and opened only here. They never show in
an error, a log line, an event or an answer: only their last four characters do.
"""

import hashlib
from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from apps.trading import sealing
from apps.trading.models import Account, Credential, Event, Order
from apps.trading.sealing import NotOpened, Secrets
from apps.trading.services.keycheck import Keys, find_fault
from ohmycoins.clients.coinspot import Key
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict, DomainError, Invalid, Refused
from ohmycoins.core.locks import advisory_lock
from ohmycoins.core.resealing import Resealing, reseal_each

log = structlog.get_logger(__name__)

VENUE = "coinspot"
LOCK = "trading.credentials"
SHOWN = 4  # of a key's characters; a key too short to hide the others shows none
SHORTEST_SHOWN = 2 * SHOWN


class NoCredentials(Refused):
    """The account has no keys, or they cannot be opened."""

    code = "NO_CREDENTIALS"


class NoSuchCredentials(DomainError):
    """There are no keys to show, replace or delete."""

    code, status = "NOT_FOUND", 404


def keys_of(account: Account) -> Keys:
    """Open the account's keys. Raises NoCredentials."""
    return _as_keys(_open(_find(account)))


def credential_of(account: Account) -> Credential:
    """Give the row that holds the account's keys. Raises NoSuchCredentials."""
    found = Credential.objects.filter(account=account).first()
    if found is None:
        raise NoSuchCredentials(f"Account {account} at {account.venue} has no keys.")
    return found


@transaction.atomic
def store_credentials(
    account: Account, *, api_key: str, api_secret: str, read_only_key: str | None = None,
    read_only_secret: str | None = None, actor: str, replacing: bool = False,
) -> Credential:  # fmt: skip
    """Seal the account's first keys or, `replacing`, others in their place; they are not validated yet.

    Raises Refused (PAPER_ACCOUNT), Invalid, NoSuchCredentials, and Conflict: CREDENTIALS_EXIST,
    KEY_IN_USE, ORDERS_OPEN while orders rest at the venue, or ORDERS_UNRESOLVED while an order may still reach the venue under the old key, which
    the nonces of a new one would not fence off.
    """
    require_live(account)
    secrets = _checked(Secrets(api_key, api_secret, read_only_key or None, read_only_secret or None))
    advisory_lock(LOCK)
    account = Account.objects.locked().get(pk=account.pk)
    if replacing:
        _require_same_venue(account, credential_of(account), secrets)
        _require_no_orders(account)
    elif Credential.objects.filter(account=account).exists():
        raise Conflict(f"Account {account} has keys already; PUT replaces them.", code="CREDENTIALS_EXIST")
    _require_unused(secrets, account)
    now = clock.now()
    credential, _ = Credential.objects.update_or_create(
        account=account,
        defaults={
            "sealed": sealing.seal(secrets, account_id=account.pk, keys=settings.VENUE_SECRET_KEYS),
            "api_key_end": _end(secrets.api_key), "read_only_key_end": _end(secrets.read_only_key or ""),
            "key_digest": _digest(secrets.api_key), "updated_at": now, "validated_at": None, "error": "",
        },
    )  # fmt: skip
    # A key may change its role: whichever sequence it comes from, the next nonce is above it.
    highest = Greatest(F("last_nonce"), F("last_read_nonce"))
    Account.objects.filter(pk=account.pk).update(last_nonce=highest, last_read_nonce=highest)
    _record(
        "credential.stored", credential, at=now, actor=actor, reason="replaced" if replacing else "stored"
    )
    return credential


@transaction.atomic
def delete_credentials(account: Account, *, actor: str, reason: str = "asked for") -> None:
    """Forget the account's keys. Raises NoSuchCredentials, and Conflict (ORDERS_UNRESOLVED)."""
    account = Account.objects.locked().get(pk=account.pk)
    credential = credential_of(account)
    _require_no_orders(account)
    credential.delete()
    _record("credential.deleted", credential, at=clock.now(), actor=actor, reason=reason)


def validate_credentials(account: Account, *, actor: str) -> Credential:
    """Ask CoinSpot whether it lets the account's keys in, by calls that only read, and keep the answer.

    Must be called outside a transaction. When CoinSpot cannot be asked, or its answer says nothing about
    the keys, nothing changes: raises Unavailable. Raises Refused (PAPER_ACCOUNT), NoCredentials, and
    Conflict: ORDERS_UNRESOLVED while an order is on its way, which a call with a later nonce would fence
    off, or CREDENTIALS_CHANGED when the keys were replaced meanwhile.
    """
    require_live(account)
    keys = keys_of(account)
    return _conclude(account, keys, find_fault(account.pk, keys), actor)


def reseal_credentials() -> Resealing:
    """Seal every account's keys with the newest key; those that no key opens are named by their account."""
    done = reseal_each(Credential.objects.all(), key="account_id", reseal=_resealed)
    log.info(
        "credentials.resealed", resealed=done.resealed, unchanged=done.unchanged, unopened=list(done.unopened)
    )
    return done


def _resealed(row: Credential) -> str | None:
    secrets, keys = _unseal(row), settings.VENUE_SECRET_KEYS
    if sealing.is_newest(row.sealed, keys):
        return None
    return sealing.seal(secrets, account_id=row.account_id, keys=keys)


def require_live(account: Account) -> None:
    """Raise Refused unless the account's venue wants keys."""
    if account.venue != VENUE:
        raise Refused(
            f"Account {account} is at {account.venue} and takes no keys: name an account at {VENUE} by `account`.",
            code="PAPER_ACCOUNT",
        )


def _find(account: Account) -> Credential:
    try:
        return credential_of(account)
    except NoSuchCredentials as error:
        raise NoCredentials(f"{error.message} POST them to /credentials/coinspot.") from None


def _open(credential: Credential) -> Secrets:
    try:
        return _unseal(credential)
    except NotOpened:
        raise NoCredentials(
            f"The keys of account {credential.account_id} cannot be opened: VENUE_SECRET_KEYS lacks the key "
            "that they were sealed with. Put it back, or store the keys again."
        ) from None


def _unseal(row: Credential) -> Secrets:
    return sealing.unseal(row.sealed, account_id=row.account_id, keys=settings.VENUE_SECRET_KEYS)


def _as_keys(secrets: Secrets) -> Keys:
    trading = Key(secrets.api_key, secrets.api_secret)
    if secrets.read_only_key is None or secrets.read_only_secret is None:
        return Keys(trading=trading, reading=trading, shared=True)
    return Keys(trading=trading, reading=Key(secrets.read_only_key, secrets.read_only_secret), shared=False)


def _checked(secrets: Secrets) -> Secrets:
    for name, text in (("api_key", secrets.api_key), ("api_secret", secrets.api_secret)):
        if not text:
            raise Invalid(f"{name}: may not be blank")
    if (secrets.read_only_key is None) != (secrets.read_only_secret is None):
        missing = "read_only_key" if secrets.read_only_key is None else "read_only_secret"
        raise Invalid(f"{missing}: a read-only key and its secret come together")
    if secrets.read_only_key == secrets.api_key:
        raise Invalid("read_only_key: is the trading key; leave it out to read with that")
    return secrets


def _require_no_orders(account: Account) -> None:
    """Raise Conflict while a submit under the present key may still arrive: no other key fences it off."""
    found = Order.objects.unresolved().filter(account=account).values_list("id", flat=True).first()
    if found:
        raise Conflict(
            f"It is not known yet whether CoinSpot has order {found} of account {account}: wait until it is.",
            code="ORDERS_UNRESOLVED",
        )


def _require_same_venue(account: Account, credential: Credential, secrets: Secrets) -> None:
    """Raise Conflict if another trading key would come while orders rest: it may be another login's.

    That one's lists would not show them, and they would be taken for cancelled.
    """
    if credential.key_digest == _digest(secrets.api_key):
        return
    if found := Order.objects.at_venue().filter(account=account).values_list("id", flat=True).first():
        raise Conflict(
            f"Order {found} of account {account} rests at CoinSpot: cancel what rests before another trading key"
            " comes. If the old key is gone for good, DELETE it first.",
            code="ORDERS_OPEN",
        )


def _require_unused(secrets: Secrets, account: Account) -> None:
    """Raise Conflict if another account signs with one of the keys: one sequence of nonces, one user of it."""
    given = {key for key in (secrets.api_key, secrets.read_only_key) if key}
    others = Credential.objects.exclude(account=account)
    if others.filter(key_digest__in=[_digest(key) for key in given]).exists() or any(
        _read_only_key(row) in given
        for row in others.filter(read_only_key_end__in=[_end(key) for key in given])
    ):
        raise Conflict("Another account uses this key; a key serves one account.", code="KEY_IN_USE")


def _read_only_key(row: Credential) -> str | None:
    try:
        return _unseal(row).read_only_key
    except NotOpened:
        return None


@transaction.atomic
def _conclude(account: Account, asked: Keys, fault: str, actor: str) -> Credential:
    account = Account.objects.locked().get(pk=account.pk)
    try:
        unchanged = keys_of(account) == asked
    except NoCredentials:
        unchanged = False
    if not unchanged:
        raise Conflict(
            f"The keys of account {account} were changed while CoinSpot was asked: validate them again.",
            code="CREDENTIALS_CHANGED",
        )
    credential, now = credential_of(account), clock.now()
    credential.validated_at, credential.error = (None, fault) if fault else (now, "")
    credential.save(update_fields=["validated_at", "error"])
    _record(
        "credential.refused" if fault else "credential.validated", credential, at=now, actor=actor,
        reason=fault or "CoinSpot let the keys in",
    )  # fmt: skip
    return credential


def _record(kind: str, credential: Credential, *, at: datetime, actor: str, reason: str) -> None:
    Event.objects.create(
        account_id=credential.account_id, type=kind, at=at, actor=actor, reason=reason[:300],
        inputs={"api_key_end": credential.api_key_end, "read_only_key_end": credential.read_only_key_end},
    )  # fmt: skip
    log.info(kind, account_id=credential.account_id)


def _end(key: str) -> str:
    return key[-SHOWN:] if len(key) >= SHORTEST_SHOWN else ""


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
