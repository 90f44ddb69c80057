"""Run a collector once: claim, fetch, parse, store, close."""

from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F

from apps.ledgers.collectors.base import Collector
from apps.ledgers.models import CollectionRun, Source
from apps.ledgers.records import Parsed, UnreadablePage
from apps.ledgers.services.store import store_prices
from ohmycoins.core import clock, seams
from ohmycoins.core.errors import OutsideError
from ohmycoins.core.http import Page
from ohmycoins.core.locks import advisory_lock

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)  # longer than the task's hard time limit (40 s)
SAMPLE_BYTES = 64 * 1024
PARTIAL_ABOVE = 0.05  # share of rejects that makes a run partial and holds the watermark

Status = CollectionRun.Status


class PageFailure(Exception):
    """A page could not be read; carries its first bytes for a person to look at."""

    def __init__(self, reason: str, sample: bytes) -> None:
        super().__init__(reason)
        self.sample = sample


def collect(name: str) -> CollectionRun | None:
    """Run the collector `name` and return its closed run; None when it is switched off.

    A second run at the same time is recorded as skipped. A source that fails closes its run as
    failed and raises nothing: the next scheduled run is the retry. Anything unforeseen closes the
    run as failed too, and is raised. Raises KeyError for an unknown name.
    """
    collector: Collector = seams.load("COLLECTORS")[name]
    source = Source.objects.get(pk=name)
    if not source.enabled:
        return None
    run = _open_run(source)
    if run.status == Status.SKIPPED:
        log.info("collector.skipped", collector=name, run_id=run.pk)
        return run
    try:
        _fetch_and_store(collector, source, run)
    except (OutsideError, PageFailure) as error:
        _close_failed(run, str(error), getattr(error, "sample", None))
        log.warning("collector.failed", collector=name, run_id=run.pk, error=str(error))
    except BaseException as error:  # also the soft time limit: the row must not stay locked
        _close_failed(run, f"unforeseen: {type(error).__name__}")
        raise
    else:
        log.info("collector.finished", collector=name, run_id=run.pk, status=run.status, stored=run.stored)
    return run


def close_overdue_runs(*, now: datetime) -> int:
    """Fail the runs whose worker died; return how many."""
    return CollectionRun.objects.overdue(now).update(
        status=Status.FAILED, finished_at=now, error="the worker died or was stopped before it finished"
    )


def _open_run(source: Source) -> CollectionRun:
    now = clock.now()
    close_overdue_runs(now=now)
    try:
        with transaction.atomic():
            return CollectionRun.objects.create(source=source, started_at=now, lease_until=now + LEASE)
    except IntegrityError:  # the partial unique constraint: one is running
        return CollectionRun.objects.create(
            source=source, started_at=now, finished_at=now, lease_until=now,
            status=Status.SKIPPED, error="another run of this collector was still running",
        )  # fmt: skip


def _fetch_and_store(collector: Collector, source: Source, run: CollectionRun) -> None:
    """Read every page, then write them all, with the watermark and the run, in one transaction."""
    fetched = [(page, clock.now()) for page in collector.fetch(source.watermark)]
    parsed = [_parse(collector, page, read_at) for page, read_at in fetched]
    with transaction.atomic():
        # Readers of "as of now" wait for this lock, so nothing can appear later with an observed_at
        # that they have already read past.
        advisory_lock(f"ledgers.{source.pk}")
        observed_at = clock.now()
        for page in parsed:
            stored = store_prices(page.records, run=run, observed_at=observed_at)
            run.stored += stored
            run.duplicates += len(page.records) - stored
            run.rejected += len(page.rejects)
            run.unpriced += len(page.unpriced)
            run.fetched += len(page.records) + len(page.rejects) + len(page.unpriced)
        partial = run.rejected > PARTIAL_ABOVE * run.fetched
        run.status = Status.PARTIAL if partial else Status.SUCCESS
        run.finished_at = observed_at
        run.error = _describe_rejects(parsed)
        if not _close(run):
            raise PageFailure("the run took longer than its lease and was given up", b"")
        changes: dict[str, object] = {"records_stored": F("records_stored") + run.stored}
        if not partial:
            changes["watermark"] = fetched[0][1] if fetched else observed_at
        Source.objects.filter(pk=source.pk).update(**changes)


def _parse(collector: Collector, page: Page, read_at: datetime) -> Parsed:
    try:
        return collector.parse(page, read_at)
    except UnreadablePage as error:
        raise PageFailure(f"page not understood: {error}", page.body[:SAMPLE_BYTES]) from error


def _describe_rejects(parsed: list[Parsed]) -> str:
    rejects = [reject for page in parsed for reject in page.rejects]
    shown = "; ".join(f"{reject.item}: {reject.reason}" for reject in rejects[:5])
    return f"{shown}; and {len(rejects) - 5} more" if len(rejects) > 5 else shown


def _close_failed(run: CollectionRun, error: str, sample: bytes | None = None) -> None:
    run.status, run.finished_at, run.error, run.sample = Status.FAILED, clock.now(), error[:2000], sample
    run.stored = run.duplicates = 0
    _close(run)


def _close(run: CollectionRun) -> bool:
    """Write the run's outcome unless it was closed meanwhile, by whoever took its worker for dead."""
    names = (
        "status",
        "finished_at",
        "fetched",
        "stored",
        "duplicates",
        "rejected",
        "unpriced",
        "error",
        "sample",
    )
    outcome = {name: getattr(run, name) for name in names}
    return bool(CollectionRun.objects.running().filter(pk=run.pk).update(**outcome))
