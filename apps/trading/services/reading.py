"""Read what an account's venue says of it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

from apps.trading.models import Account
from apps.trading.records import Reading
from apps.trading.services.credentials import keys_of
from apps.trading.services.nonces import take_nonce, take_read_nonce
from apps.trading.services.venue import live_venue
from ohmycoins.core import clock

ONE_DAY = timedelta(days=1)
TRANSFERS_FOR = timedelta(days=30)


def read_venue(account: Account, *, since: datetime, whole: bool = False) -> Reading:
    """Read the account's book and its trades since a day before `since`; see `LiveVenue.read`.

    `whole` also reads balances and the transfers of a month: a bank may be long about completing one.
    No transaction may be open. Raises NoCredentials, and what the venue's calls raise.
    """
    keys, now = keys_of(account), clock.now()
    nonce: Callable[[], int] = partial(take_nonce if keys.shared else take_read_nonce, account.pk)
    month = max(account.connected_at or now, now - TRANSFERS_FOR)
    return live_venue(account).read(
        nonce, keys.reading,
        since=_day_before(since), until=(now + ONE_DAY).date(), transfers_since=_day_before(month) if whole else None,
    )  # fmt: skip


def _day_before(instant: datetime) -> date:
    return (instant - ONE_DAY).astimezone(UTC).date()
