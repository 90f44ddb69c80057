"""Answer what was known at a moment, so that the answer never changes later."""

from datetime import datetime, timedelta

from django.db import transaction

from apps.ledgers.models.entry import Entry
from apps.ledgers.services.purge import cut_of
from ohmycoins.core import clock, seams
from ohmycoins.core.errors import Gone
from ohmycoins.core.locks import advisory_lock

SETTLING = timedelta(minutes=1)  # longer than any storing transaction may last


def knowable(instant: datetime, *, ledger: str, model: type[Entry]) -> datetime:
    """Give `instant` once everything observed up to it can be read from `model`.

    Raises Gone when a part of what was known then has been deleted.
    """
    cut = cut_of(model)
    if cut and instant < cut:
        raise Gone(
            f"what was known at {instant.isoformat()} was deleted up to {cut.isoformat()}",
            code="PAST_DELETED",
        )
    collectors = seams.load("COLLECTORS")
    settle(
        instant, sources=tuple(slug for slug, collector in collectors.items() if collector.ledger == ledger)
    )
    return instant


def settle(instant: datetime, *, sources: tuple[str, ...]) -> None:
    """Wait until everything that `sources` observed up to `instant` is committed.

    A transaction that is storing now has read its `observed_at` under the source's lock; sharing that
    lock for a moment outlasts it. Older instants have nothing in flight and cost nothing. Within a
    transaction nobody else stores until it ends.
    """
    if instant < clock.now() - SETTLING:
        return
    with transaction.atomic():
        for source in sorted(sources):
            advisory_lock(f"ledgers.{source}", shared=True)
