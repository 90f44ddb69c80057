"""Measure how much of what was due each series has: sources by their runs, markets by their candles."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from django.db import connection
from django.db.models import OuterRef, Subquery

from apps.ledgers.models import Candle, CollectionRun, LatestPrice, Source
from apps.ledgers.schedules import collector_schedules
from apps.ledgers.services.candles import EPOCH
from apps.ledgers.services.control import off_because
from apps.monitoring.coverage import Gap, Series, count_due, find_gaps
from apps.monitoring.instants import moment
from apps.monitoring.quality import Remark
from apps.monitoring.remarks import span
from apps.monitoring.services.feeds import PRICES
from ohmycoins.core import frequency, seams
from ohmycoins.core.errors import Invalid
from ohmycoins.core.frequency import Frequency

RUNS = "runs"
DAY = timedelta(days=1)
FINE_UP_TO = DAY
"""Longer windows are measured in hours, not in stretches of 5 minutes."""
WIDTHS = {Candle.Interval.FIVE_MINUTES: timedelta(minutes=5), Candle.Interval.HOUR: timedelta(hours=1)}
ROLLED_AFTER = timedelta(minutes=5)
"""A candle is written within that after its interval."""

Looked: TypeAlias = tuple[Any, Frequency | None, datetime]
"""A source that is on, when it is due, and from when on it is looked at: not before its first run."""

MARKETS = """
    WITH seen AS (
        SELECT coin_type, market, occurred_at, readings,
               lag(occurred_at, 1, %(since)s - %(width)s) OVER (PARTITION BY coin_type, market ORDER BY occurred_at) AS previous
        FROM ledgers_candle
        WHERE "interval" = %(interval)s AND origin = 'observed' AND occurred_at >= %(since)s AND occurred_at < %(until)s
    )
    SELECT coin_type || '/' || market, sum(readings)::bigint, max(occurred_at) + %(width)s,
           coalesce(array_agg(previous + %(width)s ORDER BY occurred_at) FILTER (WHERE occurred_at - previous > %(width)s), '{}'),
           coalesce(array_agg(occurred_at ORDER BY occurred_at) FILTER (WHERE occurred_at - previous > %(width)s), '{}')
    FROM seen GROUP BY coin_type, market
"""


def measure_coverage(now: datetime, *, hours: int, ledger: str = "", source: str = "") -> list[Series]:
    """Measure the series of the last `hours`, of one ledger or source where that is given."""
    sources = _sources(now - timedelta(hours=hours), ledger=ledger, source=source)
    series = list(_of_runs(sources, now))
    for each, due, begin in sources:
        if each.pk == PRICES:
            series += _of_markets(due, begin, now, hours=hours)
    return series


def remark_gaps(now: datetime) -> list[Remark]:
    """Name the sources that were not read for a while in the last day, and the runs that failed then."""
    since = now - DAY
    sources = [each for each in _sources(since) if each[0].first_run]
    failed = _runs_of(sources, since, [CollectionRun.Status.FAILED])
    return [
        Remark(ledger=series.ledger, source=series.source, message=_said(series.source, series.gaps),
               rows=[("collectionrun", pk) for pk, at in failed[series.source] if _within(series.gaps, at)])
        for series in _of_runs(sources, now) if series.gaps
    ]  # fmt: skip


def _sources(since: datetime, *, ledger: str = "", source: str = "") -> list[Looked]:
    first = CollectionRun.objects.filter(source=OuterRef("pk")).order_by("started_at", "id")
    known: Any = Source.objects.annotate(first_run=Subquery(first.values("started_at")[:1]))
    wanted = {name: value for name, value in (("ledger", ledger), ("pk", source)) if value}
    schedules = collector_schedules()
    return [
        (each, _frequency_of(each.pk, schedules), max(since, each.first_run or since))
        for each in known.filter(**wanted)
        if off_because(each) is None
    ]


def _frequency_of(name: str, schedules: dict[str, str]) -> Frequency | None:
    """Give when a collector is due: as operators say, else as it says itself; None where nothing runs it."""
    try:
        return frequency.parse(schedules.get(name) or seams.load("COLLECTORS")[name].schedule)
    except Invalid:  # paused
        return None


def _of_runs(sources: Sequence[Looked], now: datetime) -> Iterator[Series]:
    earliest = min((begin for *_, begin in sources), default=now)
    succeeded = _runs_of(sources, earliest, [CollectionRun.Status.SUCCESS, CollectionRun.Status.PARTIAL])
    for source, due, begin in sources:
        times = [at for _, at in succeeded[source.pk] if at >= begin]
        yield Series(
            ledger=source.ledger, source=source.pk, series=RUNS, found=len(times),
            expected=None if due is None else count_due(due, begin, now),
            gaps=() if due is None else find_gaps(due, times, since=begin, until=now),
        )  # fmt: skip


def _runs_of(
    sources: Sequence[Looked], since: datetime, statuses: Sequence[str]
) -> dict[str, list[tuple[int, datetime]]]:
    """Give by source the id and the beginning of the runs since then that ended so, the oldest first."""
    runs: dict[str, list[tuple[int, datetime]]] = defaultdict(list)
    names = [source.pk for source, *_ in sources]
    rows = CollectionRun.objects.filter(source__in=names, started_at__gte=since, status__in=statuses)
    for name, pk, at in rows.order_by("started_at", "id").values_list("source", "pk", "started_at"):
        runs[name].append((pk, at))
    return runs


def _of_markets(due: Frequency | None, begin: datetime, now: datetime, *, hours: int) -> Iterator[Series]:
    """Measure every market by its candles; the newest that could be written ends the window."""
    interval = Candle.Interval.FIVE_MINUTES if timedelta(hours=hours) <= FINE_UP_TO else Candle.Interval.HOUR
    width = WIDTHS[interval]
    since = begin + (EPOCH - begin) % width
    until = max(now - ROLLED_AFTER - (now - ROLLED_AFTER - EPOCH) % width, since)
    expected = None if due is None else count_due(due, since, until)
    names = {
        f"{coin_type}/{market}"
        for coin_type, market in LatestPrice.objects.values_list("coin_type", "market")
    }
    found: dict[str, tuple[Any, ...]] = dict.fromkeys(names, (0, since, [], []))
    window: dict[str, Any] = {"since": since, "until": until, "interval": interval, "width": width}
    with connection.cursor() as cursor:
        cursor.execute(MARKETS, window)
        found |= {name: tuple(row) for name, *row in cursor.fetchall()}
    for name, (readings, seen_until, starts, ends) in sorted(found.items()):
        gaps = [*map(Gap, starts, ends), *([Gap(seen_until, until)] if seen_until < until else [])]
        yield Series(
            ledger="exchange", source=PRICES, series=name, expected=expected, found=readings, gaps=tuple(gaps)
        )


def _within(gaps: Sequence[Gap], at: datetime) -> bool:
    return any(gap.since <= at <= gap.until for gap in gaps)


def _said(source: str, gaps: Sequence[Gap]) -> str:
    longest = max(gaps, key=lambda gap: gap.until - gap.since)
    more = f", the longest of {len(gaps)} gaps in the last day" if len(gaps) > 1 else ""
    length = span(longest.until - longest.since)
    return f"{source} was not read from {moment(longest.since)} to {moment(longest.until)}, {length}{more}."
