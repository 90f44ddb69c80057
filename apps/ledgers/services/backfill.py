"""Collect the past of a source that has one, part by part, resumable."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from apps.ledgers.collectors.base import HasPast, Missing
from apps.ledgers.models import CollectionRun, Source
from apps.ledgers.models.entry import Entry
from apps.ledgers.records import ItemRecord
from apps.ledgers.services.collect import (
    close_read,
    extend_lease,
    open_run,
    read_page,
)
from apps.ledgers.services.reading import Reading
from apps.ledgers.services.store import Past, store_items
from ohmycoins.core import clock, seams
from ohmycoins.core.errors import Conflict, OutsideError, Refused
from ohmycoins.core.locks import advisory_lock

RECENTLY = timedelta(days=1)
LEASE = timedelta(minutes=15)  # a part is one large page, asked for up to three times


@dataclass(frozen=True, slots=True)
class Part:
    """What came of one part: how many entries were new, or why it failed; None both when it was done before."""

    name: str
    stored: int | None = None
    error: str = ""


def past_of(name: str) -> HasPast:
    """Give the collector `name` if its source has a past. Raises Refused."""
    collector = seams.load("COLLECTORS").get(name)
    if collector is None or not hasattr(collector, "fetch_past"):
        able = [slug for slug, other in seams.load("COLLECTORS").items() if hasattr(other, "fetch_past")]
        raise Refused(f"{name} has no past to collect; those that have: {', '.join(able)}")
    if missing := collector.needs():
        raise Refused(f"{name} is off: set {missing}")
    return collector  # type: ignore[no-any-return]


def backfill(name: str, *, since: datetime, again: bool = False) -> Iterator[Part]:
    """Collect every part back to `since`, yielding each as it is done.

    A part that an earlier call has collected as far back is passed over, unless `again`. One that
    fails does not keep the others away, and is tried anew by the next call. Raises Refused (no past,
    or off) and Conflict (a run of this collector is in progress).
    """
    collector = past_of(name)
    source = Source.objects.get(pk=name)
    run = open_run(source, lease=LEASE)
    if run.status == CollectionRun.Status.SKIPPED:
        raise Conflict(f"{name} is running; try again when it is done")
    total, stored = Reading(), 0
    try:
        for name_of_part in collector.parts(since):
            if not again and _covered(source, name_of_part, since):
                yield Part(name_of_part)
                continue
            extend_lease(run, lease=LEASE)
            part, reading = _collect_part(collector, source, run, name_of_part, since)
            total.join(reading)
            stored += part.stored or 0
            yield part
    except BaseException as error:  # also Ctrl-C: what is stored is stored
        total.missing.append(Missing("the rest", f"stopped: {type(error).__name__} {error}"))
        raise
    finally:
        with transaction.atomic():
            close_read(run, total, stored=stored, now=clock.now())


def _covered(source: Source, part: str, since: datetime) -> bool:
    """Tell whether the part was collected back to `since` or further, and lately enough to leave no gap."""
    done = source.backfilled.get(part)
    if done is None:
        return False
    begin, end = (datetime.fromisoformat(done[name]) for name in ("since", "until"))
    return begin <= since and end > clock.now() - RECENTLY


def _collect_part(
    collector: HasPast, source: Source, run: CollectionRun, part: str, since: datetime
) -> tuple[Part, Reading]:
    """Read a part and, when it came whole, store it together with the mark that it is done."""
    reading = Reading()
    try:
        for answer in collector.fetch_past(part, since):
            if isinstance(answer, Missing):
                reading.missing.append(answer)
            else:
                parse = partial(collector.parse_past, answer, since, clock.now())
                read_page(reading, answer, parse, not_before=since)
    except OutsideError as error:
        reading.missing.append(Missing(part, str(error)))
    if reading.missing:
        return Part(part, error=reading.complaints), reading
    with transaction.atomic():
        advisory_lock(f"ledgers.{source.pk}")
        stored = store_items(
            [record for record in reading.kept if isinstance(record, ItemRecord)],
            source_id=source.pk, run=run, observed_at=clock.now(),
            past=Past(Entry.Origin.BACKFILL, collector.known_after),
        )  # fmt: skip
        locked = Source.objects.select_for_update().get(pk=source.pk)
        locked.backfilled[part] = {"since": since.isoformat(), "until": clock.now().isoformat()}
        locked.save(update_fields=["backfilled"])
    return Part(part, stored=stored), reading
