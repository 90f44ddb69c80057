"""Measure the ledgers' quality, keep it, and say what stands against it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.ledgers.models import CollectionRun
from apps.monitoring.findings import HIGH, LOW, MEDIUM, Finding
from apps.monitoring.instants import iso, moment
from apps.monitoring.models import Outlier, QualityCheck, Type
from apps.monitoring.quality import (
    BAD,
    BOUNDS,
    Feed,
    Remark,
    Scores,
    judged,
    score_all,
    score_feed,
    score_ledger,
)
from apps.monitoring.remarks import Complaint, below, broken_in, complaint_of, nothing_in
from apps.monitoring.services.comparing import compare_sources
from apps.monitoring.services.coverage import remark_gaps
from apps.monitoring.services.feeds import Sources, read_sources
from apps.monitoring.services.outliers import doubted, find_outliers
from ohmycoins.core.money import plain

ERROR_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The ledgers' quality at an instant."""

    at: datetime
    sources: Sources
    ledgers: dict[str, Scores]
    overall: Scores
    complaints: list[Complaint]
    outliers: list[Outlier]

    def check(self) -> QualityCheck:
        """Give it as a row, not stored."""
        issues, warnings = self._issues(), self._warnings()
        return QualityCheck(
            checked_at=self.at, **self.overall.as_json(), ledgers=self._ledgers(), issues=_json(issues),
            warnings=_json(warnings), info=_json([*_off(self.sources), *_last_runs(self.sources)]),
        )  # fmt: skip

    def findings(self) -> Iterator[Finding]:
        if remark := below(self.overall):
            severity = HIGH if self.overall.overall < BAD else MEDIUM
            evidence = self.overall.as_json()
            yield _finding("quality:overall", severity, remark, evidence)
        for complaint in self.complaints:
            yield _finding(complaint.key, complaint.severity, complaint.remark, complaint.remark.as_json())
        for outlier in self.outliers:
            remark = _jumped(outlier)
            yield Finding(
                type=Type.OUTLIER, key=f"outlier:{outlier.coin_type}", severity=LOW, message=remark.message,
                evidence=remark.as_json() | {"outlier": outlier.pk},
            )  # fmt: skip

    def _issues(self) -> list[Remark]:
        overall = below(self.overall)
        empty = [nothing_in(ledger) for ledger in BOUNDS if not judged(self.sources.of(ledger))]
        issues = [complaint.remark for complaint in self.complaints if complaint.is_issue]
        return [*([overall] if overall else []), *empty, *issues]

    def _warnings(self) -> list[Remark]:
        broken = [remark for feed in self.sources.feeds if (remark := broken_in(feed))]
        return [
            *(complaint.remark for complaint in self.complaints if not complaint.is_issue), *broken,
            *map(_jumped, self.outliers), *compare_sources(self.at), *remark_gaps(self.at),
        ]  # fmt: skip

    def _ledgers(self) -> dict[str, Any]:
        return {name: scores.as_json() | self._of(name) for name, scores in self.ledgers.items()}

    def _of(self, ledger: str) -> dict[str, Any]:
        feeds = self.sources.of(ledger)
        newest = max((feed.newest_at for feed in feeds if feed.newest_at), default=None)
        counted = judged(feeds)
        return {
            "newest_at": iso(newest),
            "sources": {feed.source: _source(feed, self.at, counts=feed in counted) for feed in feeds},
        }


def look(now: datetime) -> Sequence[Finding]:
    """Judge the prices that came since the last check, measure the ledgers, keep what was measured; give what stands."""
    find_outliers(now)
    measured = measure(now)
    check = measured.check()
    values = {field.name: getattr(check, field.name) for field in check._meta.concrete_fields[1:]}
    QualityCheck.objects.update_or_create(checked_at=now, defaults=values)
    return list(measured.findings())


def measure(now: datetime) -> Measured:
    """Measure the ledgers as they are now, and keep nothing."""
    sources = read_sources(now)
    ledgers = {name: score_ledger(sources.of(name), now) for name in BOUNDS}
    counted = [feed for name in BOUNDS for feed in judged(sources.of(name))]
    return Measured(
        at=now, sources=sources, ledgers=ledgers, overall=score_all(ledgers), outliers=doubted(now),
        complaints=[complaint for feed in counted if (complaint := complaint_of(feed, now))],
    )  # fmt: skip


def newest_check(now: datetime) -> QualityCheck:
    """Give the newest check that was kept; before there is any, what would be measured now."""
    return QualityCheck.objects.first() or measure(now).check()


def _source(feed: Feed, now: datetime, *, counts: bool) -> dict[str, Any]:
    return score_feed(feed, now).as_json() | {
        "state": feed.state(now), "newest_at": iso(feed.newest_at), "off_because": feed.off_because, "counts": counts,
        "frozen_since": iso(feed.unmoved_since) if feed.is_frozen else None,
    }  # fmt: skip


def _off(sources: Sources) -> Iterator[Remark]:
    for feed in sources.feeds:
        if feed.off_because:
            yield Remark(
                ledger=feed.ledger, source=feed.source, message=f"{feed.source} is off: {feed.off_because}."
            )


def _last_runs(sources: Sources) -> Iterator[Remark]:
    """Say what the last run of each source left out."""
    ledger_of = {feed.source: feed.ledger for feed in sources.feeds}
    for run in sources.last_runs:
        for message in _left_out(run):
            yield Remark(
                ledger=ledger_of[run.source_id], source=run.source_id, message=message,
                rows=[("collectionrun", run.pk)],
            )  # fmt: skip


def _left_out(run: CollectionRun) -> Iterator[str]:
    if run.unpriced:
        markets = "1 market" if run.unpriced == 1 else f"{run.unpriced} markets"
        yield f"{markets} of {run.source_id} had no price at {moment(run.started_at)}: the venue itself gives none."
    if run.rejected:
        error = run.error[:ERROR_SHOWN]
        yield f"{run.source_id} rejected {run.rejected} of {run.fetched} at {moment(run.started_at)}: {error}"


def _jumped(outlier: Outlier) -> Remark:
    message = (
        f"{outlier} moved from {plain(outlier.before)} to {plain(outlier.last)}, {outlier.score:.0f} deviations of its own past; "
        f"the bound is {outlier.bound:.0f}."
    )
    return Remark(
        ledger="exchange", source="coinspot_prices", message=message, rows=[("price", outlier.price_id)]
    )


def _finding(key: str, severity: str, remark: Remark, evidence: dict[str, Any]) -> Finding:
    return Finding(type=Type.QUALITY, key=key, severity=severity, message=remark.message, evidence=evidence)


def _json(remarks: Sequence[Remark]) -> list[dict[str, Any]]:
    return [remark.as_json() for remark in remarks]
