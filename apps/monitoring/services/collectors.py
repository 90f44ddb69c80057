"""Count what collectors did, from their runs since the newest mark.

Counted are runs that say something about the source: those that ended, and were not skipped. Figures go back
thirty days at most, or to the newest `MetricsMark`. The health in one word is that of `/collectors`: of the
last 20 counted runs, whatever the mark, so that everybody says the same of a source.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection

from apps.ledgers.health import health
from apps.ledgers.models import Source
from apps.ledgers.querysets import RECENT_RUNS
from apps.ledgers.services.control import off_because
from apps.monitoring.findings import LOW, MEDIUM, Finding
from apps.monitoring.models import MetricsMark, Type

log = structlog.get_logger(__name__)

LONGEST = timedelta(days=30)
SEVERITIES = {"failing": MEDIUM, "degraded": LOW}
WORST_FIRST = ("failing", "degraded", "healthy", "unknown", "off")
NOTHING = (0, 0, 0, 0, 0, 0, None, None, None, None, None, None, None)
"""The figures of no runs."""

# Latency in milliseconds; the 95th percentile lies between two runs where no run is at it (percentile_cont).
COUNTED = "status IN ('success', 'partial', 'failed')"
SUCCEEDED = "status IN ('success', 'partial')"
FIGURES = f"""
    WITH counted AS MATERIALIZED (
        SELECT source.name, run.*, extract(epoch FROM run.finished_at - run.started_at) * 1000 AS ms
        FROM ledgers_source source
        CROSS JOIN LATERAL (
            SELECT status, started_at, finished_at, stored, error FROM ledgers_collectionrun
            WHERE source_id = source.name AND started_at >= %(since)s AND status <> 'running'
        ) AS run
    ), figure AS (
        SELECT name, count(*) FILTER (WHERE {COUNTED}), count(*) FILTER (WHERE {SUCCEEDED}),
               count(*) FILTER (WHERE status = 'partial'), count(*) FILTER (WHERE status = 'failed'),
               count(*) FILTER (WHERE status = 'skipped'), coalesce(sum(stored), 0)::bigint,
               (avg(ms) FILTER (WHERE {COUNTED}))::float,
               percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) FILTER (WHERE {COUNTED}),
               max(finished_at) FILTER (WHERE {SUCCEEDED}), max(finished_at) FILTER (WHERE status = 'failed'),
               (array_agg(error ORDER BY started_at DESC) FILTER (WHERE error <> '' AND {COUNTED}))[1],
               coalesce(max(started_at) FILTER (WHERE status = 'failed'), %(since)s - interval '1 microsecond') AS failed_at
        FROM counted GROUP BY GROUPING SETS ((name), ())
    )
    SELECT figure.*, (SELECT min(started_at) FROM ledgers_collectionrun
                      WHERE source_id = figure.name AND started_at > figure.failed_at AND {SUCCEEDED})
    FROM figure
"""  # noqa: S608 - constants only
# How each source does now: the share of its newest runs that succeeded, and whether the last two failed.
NOW = f"""
    SELECT source.*, recent.* FROM ledgers_source source
    CROSS JOIN LATERAL (
        SELECT avg((status <> 'failed')::int)::float AS rate, count(*) AS counted,
               count(*) FILTER (WHERE place <= 2 AND status = 'failed') = 2 AS keeps_failing
        FROM (
            SELECT status, row_number() OVER (ORDER BY started_at DESC, id DESC) AS place FROM ledgers_collectionrun
            WHERE source_id = source.name AND {COUNTED} ORDER BY started_at DESC, id DESC LIMIT {RECENT_RUNS}
        ) AS newest
    ) AS recent ORDER BY source.name
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorFigures:
    """What a collector's runs come to; instants are UTC, null where no run says."""

    name: str
    ledger: str
    health: str
    """healthy, degraded or failing, of the last 20 counted runs; unknown, off."""
    off_because: str | None
    runs: int
    """Counted: successes and failures."""
    successes: int
    """Partial ones included."""
    partial: int
    failures: int
    skipped: int
    success_rate: float | None
    records: int
    avg_latency_ms: float | None
    p95_latency_ms: float | None
    last_success: datetime | None
    last_failure: datetime | None
    last_error: str | None
    uptime_since: datetime | None
    """When the first run began since which none failed; null while the newest failed."""


@dataclass(frozen=True, slots=True)
class Doing:
    """How a collector does now."""

    health: str
    off_because: str | None
    success_rate: float | None
    runs: int
    """Of how many."""
    keeps_failing: bool
    """Whether its last two runs failed: one is often the next one's to make good."""
    ledger: str


def counted_since(now: datetime) -> datetime:
    """Give from when runs count: the newest mark, or thirty days ago."""
    mark = MetricsMark.objects.filter(at__lte=now).values_list("at", flat=True).first()
    return max(mark, now - LONGEST) if mark else now - LONGEST


def figures_and_total(
    now: datetime, *, since: datetime | None = None, within: timedelta = LONGEST
) -> tuple[list[CollectorFigures], CollectorFigures]:
    """Give each collector's figures, and those of all together; `since` counts whatever the mark."""
    marked = counted_since(now)
    with connection.cursor() as cursor:
        cursor.execute(FIGURES, {"since": since or max(marked, now - within)})
        counted = {row[0]: row[1:] for row in cursor.fetchall()}
    each = [
        _figures(name, does.ledger, does.health, does.off_because, counted.get(name, NOTHING))
        for name, does in doing().items()
    ]
    return each, _together(each, counted[None])


def figures(now: datetime, *, within: timedelta = LONGEST) -> list[CollectorFigures]:
    """Give each collector's figures by name; of runs begun since the newest mark, and `within` that time."""
    return figures_and_total(now, within=within)[0]


def total(now: datetime, *, within: timedelta = LONGEST) -> CollectorFigures:
    """Give the figures of all collectors' runs together; its health is that of the worst."""
    return figures_and_total(now, within=within)[1]


def doing() -> dict[str, Doing]:
    """Say by name how each collector does now, by its newest runs, whatever the mark; of each, twenty are read."""
    sources: Any = Source.objects.raw(NOW)
    return {
        source.name: Doing(
            health=health(off=(off := off_because(source)) is not None, success_rate=source.rate), off_because=off,
            success_rate=source.rate, runs=source.counted, keeps_failing=source.keeps_failing, ledger=source.ledger,
        )
        for source in sources
    }  # fmt: skip


def look(now: datetime) -> Sequence[Finding]:
    """Give a finding for each collector that fails or is degraded; one that is off or never ran is none."""
    found = []
    for name, does in doing().items():
        if severity := SEVERITIES.get(does.health):
            found.append(
                Finding(
                    type=Type.COLLECTOR, key=f"collector:{name}", severity=severity,
                    message=f"{name} is {does.health}: of its last {does.runs} runs, {does.success_rate:.0%} succeeded.",
                    evidence={"collector": name, "ledger": does.ledger, "success_rate": does.success_rate},
                )
            )  # fmt: skip
    return found


def mark(*, now: datetime, actor: str, reason: str) -> MetricsMark:
    """Count collectors' figures from now on; runs stay where they are."""
    made = MetricsMark.objects.create(at=now, made_by=actor, reason=reason)
    log.info("metrics.marked", actor=actor, reason=reason)
    return made


def _figures(name: str, ledger: str, health: str, off: str | None, row: Any) -> CollectorFigures:
    runs, successes, partial, failures, skipped, records, avg, p95, succeeded, failed, error, _, uptime = row
    return CollectorFigures(
        name=name, ledger=ledger, health=health, off_because=off, runs=runs, successes=successes, partial=partial,
        failures=failures, skipped=skipped, success_rate=successes / runs if runs else None, records=records,
        avg_latency_ms=avg and round(avg, 3), p95_latency_ms=p95 and round(p95, 3), last_success=succeeded, last_failure=failed, last_error=error,
        uptime_since=uptime,
    )  # fmt: skip


def _together(each: list[CollectorFigures], row: Any) -> CollectorFigures:
    """Judge all together: as the worst of them does, and up since the last of those that run came up."""
    said = {one.health for one in each}
    word = next((word for word in WORST_FIRST if word in said), "unknown")
    ups = [one.uptime_since for one in each if one.health != "off" and one.runs]
    since = max((at for at in ups if at), default=None) if None not in ups else None
    return _figures("", "", word, None, (*row[:-1], since))
