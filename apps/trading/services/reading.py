"""Read what an account's venue says of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from apps.trading.models import Account
from apps.trading.records import Reading
from apps.trading.services.credentials import keys_of
from apps.trading.services.nonces import take_nonce, take_read_nonce
from apps.trading.venues.base import LiveVenue
from ohmycoins.core import clock, seams

ONE_DAY = timedelta(days=1)


def read_venue(account: Account, *, since: datetime, whole: bool = False) -> Reading:
    """Read the account's book and its trades since a day before `since`; see `LiveVenue.read`.

    No transaction may be open. Raises NoCredentials, and what the venue's calls raise.
    """
    venue: LiveVenue = seams.load("VENUES")[account.venue]
    keys = keys_of(account)
    nonce: Callable[[], int] = partial(take_nonce if keys.shared else take_read_nonce, account.pk)
    return venue.read(
        nonce, keys.reading,
        since=(since - ONE_DAY).astimezone(UTC).date(), until=(clock.now() + ONE_DAY).date(), whole=whole,
    )  # fmt: skip
