"""Answer what was known at a moment, so that the answer never changes later."""

from datetime import datetime, timedelta

from django.db import transaction

from ohmycoins.core import clock
from ohmycoins.core.locks import advisory_lock

SETTLING = timedelta(minutes=1)  # longer than any storing transaction may last


def settle(instant: datetime, *, sources: tuple[str, ...]) -> None:
    """Wait until everything that `sources` observed up to `instant` is committed.

    A transaction that is storing now has read its `observed_at` under the source's lock; sharing that
    lock for a moment outlasts it. Older instants have nothing in flight and cost nothing.
    """
    if instant < clock.now() - SETTLING:
        return
    with transaction.atomic():
        for source in sorted(sources):
            advisory_lock(f"ledgers.{source}", shared=True)
