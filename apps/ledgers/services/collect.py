"""Run a collector once: claim, fetch, parse, store, close."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F

from apps.ledgers.collectors.base import Collector, Missing, NeedsCredentials
from apps.ledgers.models import CollectionRun, Source
from apps.ledgers.records import Parsed, UnreadablePage
from apps.ledgers.services.reading import Reading
from apps.ledgers.services.store import storable, store
from ohmycoins.core import clock, seams
from ohmycoins.core.errors import OutsideError
from ohmycoins.core.http import Page
from ohmycoins.core.locks import advisory_lock
from ohmycoins.core.stopping import stopping

log = structlog.get_logger(__name__)

SAMPLE_BYTES = 64 * 1024
PROBE_AFTER = timedelta(days=1)  # when a source that wants credentials is asked again

Status = CollectionRun.Status


class RunFailed(Exception):
    """The run came to nothing; says why."""


def collect(name: str, *, probe: bool = False) -> CollectionRun | None:
    """Run the collector `name` and return its closed run; None when it is off.

    It is off when an operator switched it off, when it lacks a setting, and until tomorrow when its
    source asked for credentials, unless this is a `probe`. A second run at the same time is recorded
    as skipped. A source that fails closes its run as failed and raises nothing: the next scheduled
    run is the retry. Anything unforeseen closes the run as failed too, and is raised. Raises KeyError
    for an unknown name.
    """
    collector: Collector = seams.load("COLLECTORS")[name]
    source = Source.objects.get(pk=name)
    paused = source.paused_until is not None and clock.now() < source.paused_until and not probe
    if not source.enabled or collector.needs() or paused:
        return None
    run = open_run(source, lease=collector.lease)
    if run.status == Status.SKIPPED:
        log.info("collector.skipped", collector=name, run_id=run.pk)
        return run
    reading = Reading()
    try:
        _read(collector, source, run, reading)
        with transaction.atomic():
            _store(source, run, reading)
    except NeedsCredentials as error:
        _pause(source, str(error))
        close_failed(run, str(error), reading.sample)
    except (OutsideError, RunFailed) as error:
        close_failed(run, str(error), reading.sample)
    except BaseException as error:  # also the soft time limit: the row must not stay locked
        close_failed(run, f"unforeseen: {type(error).__name__}")
        raise
    else:
        log.info("collector.finished", collector=name, run_id=run.pk, status=run.status, stored=run.stored)
    return run


def close_overdue_runs(*, now: datetime) -> int:
    """Fail the runs whose worker died; return how many."""
    return CollectionRun.objects.overdue(now).update(
        status=Status.FAILED, finished_at=now, error="the worker died or was stopped before it finished"
    )


def open_run(source: Source, *, lease: timedelta) -> CollectionRun:
    """Start a run, or record that one was skipped because another is running."""
    now = clock.now()
    close_overdue_runs(now=now)
    try:
        with transaction.atomic():
            return CollectionRun.objects.create(source=source, started_at=now, lease_until=now + lease)
    except IntegrityError:  # the partial unique constraint: one is running
        return CollectionRun.objects.create(
            source=source, started_at=now, finished_at=now, lease_until=now,
            status=Status.SKIPPED, error="another run of this collector was still running",
        )  # fmt: skip


def extend_lease(run: CollectionRun, *, lease: timedelta) -> None:
    """Show that the run is alive. Raises RunFailed when it was given up meanwhile."""
    if not CollectionRun.objects.running().filter(pk=run.pk).update(lease_until=clock.now() + lease):
        raise RunFailed("the run took longer than its lease and was given up")


def read_page(
    reading: Reading, page: Page, parse: Callable[[], Parsed], *, not_before: datetime | None
) -> None:
    """Parse one page into `reading`; one that cannot be read is missing, and its beginning is kept."""
    try:
        reading.add(parse(), read_at=clock.now(), not_before=not_before)
    except UnreadablePage as error:
        reading.missing.append(Missing(page.about, f"page not understood: {error}"))
        reading.sample = reading.sample or page.body[:SAMPLE_BYTES]


def _read(collector: Collector, source: Source, run: CollectionRun, reading: Reading) -> None:
    not_before = _not_before(collector, source)
    for answer in collector.fetch(source.watermark):
        if stopping.is_set():
            raise RunFailed("the worker was told to stop; the next run catches up")
        extend_lease(run, lease=collector.lease)
        if isinstance(answer, Missing):
            reading.missing.append(answer)
        else:
            parse = partial(collector.parse, answer, clock.now())
            read_page(reading, answer, parse, not_before=not_before)
    if reading.missing and not reading.pages:
        raise RunFailed(reading.complaints)


def _not_before(collector: Collector, source: Source) -> datetime | None:
    if collector.keeps is None:
        return None
    usual = clock.now() - collector.keeps
    return min(usual, source.watermark) if source.watermark else usual


def _store(source: Source, run: CollectionRun, reading: Reading) -> None:
    """Write what was read, the watermark and the run's outcome, all or nothing."""
    # Readers of "as of now" wait for this lock, so nothing can appear later with an observed_at that
    # they have already read past.
    advisory_lock(f"ledgers.{source.pk}")
    observed_at = clock.now()
    stored = store(reading.kept, run=run, observed_at=observed_at)
    close_read(run, reading, stored=stored, now=observed_at)
    changes: dict[str, object] = {"paused_until": None, "paused_reason": ""}
    if not reading.worth_asking_again:
        changes["watermark"] = reading.began_at or observed_at
    Source.objects.filter(pk=source.pk).update(**changes)


def close_read(run: CollectionRun, reading: Reading, *, stored: int, now: datetime) -> None:
    """Close a run that read something, within the transaction that stores. Raises RunFailed when it was given up."""
    run.stored, run.duplicates = stored, len(reading.kept) - stored
    run.rejected, run.unpriced, run.fetched = len(reading.rejects), reading.unpriced, reading.fetched
    run.status = Status.PARTIAL if reading.partial else Status.SUCCESS
    run.finished_at, run.error, run.sample = now, storable(reading.complaints)[:2000], reading.sample
    if not _close(run):
        raise RunFailed("the run took longer than its lease and was given up")
    Source.objects.filter(pk=run.source_id).update(records_stored=F("records_stored") + stored)


def _pause(source: Source, reason: str) -> None:
    until = clock.now() + PROBE_AFTER
    Source.objects.filter(pk=source.pk).update(paused_until=until, paused_reason=storable(reason)[:200])
    log.warning("collector.off", collector=source.pk, reason=reason)


def close_failed(run: CollectionRun, error: str, sample: bytes | None = None) -> None:
    """Close the run as failed, with nothing stored."""
    run.status, run.finished_at, run.sample = Status.FAILED, clock.now(), sample
    run.error = storable(error)[:2000]
    run.stored = run.duplicates = 0
    _close(run)
    log.warning("collector.failed", collector=run.source_id, run_id=run.pk, error=run.error)


def _close(run: CollectionRun) -> bool:
    """Write the run's outcome unless it was closed meanwhile, by whoever took its worker for dead."""
    names = ("status", "finished_at", "fetched", "stored", "duplicates", "rejected", "unpriced", "error", "sample")  # fmt: skip
    outcome = {name: getattr(run, name) for name in names}
    return bool(CollectionRun.objects.running().filter(pk=run.pk).update(**outcome))
