"""Cut periods along local days, which daily rows hold, and the rest at both ends; pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Days:
    """Whole local days, both ends included; None leaves an end open."""

    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class Span:
    """The instants of [start, end)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Cut:
    """A period as whole days (None when it holds none) and the spans around them."""

    days: Days | None
    edges: tuple[Span, ...]


def cut(start: date | datetime | None, end: date | datetime | None, timezone: str) -> Cut:
    """Cut the period from `start` to `end` along the days of `timezone`.

    A date counts as its whole day, at both ends; an instant is included as a start and excluded as an
    end. None leaves that end open.
    """
    zone = ZoneInfo(timezone)
    begins, ends = instants(start, end, timezone)
    if begins is not None and ends is not None and begins >= ends:
        return Cut(days=None, edges=())
    first = last = None
    edges = []
    if begins is not None:
        first = _first_whole_day(begins, zone)
        edges.append(Span(begins, midnight(first, zone)))
    if ends is not None:
        last = _day(ends, zone) - timedelta(days=1)
        edges.append(Span(midnight(last + timedelta(days=1), zone), ends))
    if begins is not None and ends is not None and first is not None and last is not None and first > last:
        return Cut(days=None, edges=(Span(begins, ends),))
    return Cut(days=Days(first, last), edges=tuple(edge for edge in edges if edge.start < edge.end))


def instants(
    start: date | datetime | None, end: date | datetime | None, timezone: str
) -> tuple[datetime | None, datetime | None]:
    """Give the period as instants of [start, end), a date meaning its whole local day."""
    zone = ZoneInfo(timezone)
    if start is not None and not isinstance(start, datetime):
        start = midnight(start, zone)
    if end is not None and not isinstance(end, datetime):
        end = midnight(end + timedelta(days=1), zone)
    return start, end


def local_day(instant: datetime, timezone: str) -> date:
    """Give the day that `instant` falls on in `timezone`."""
    return _day(instant, ZoneInfo(timezone))


def _day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Give the UTC instant at which a local day begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC)  # arithmetic and order are by the instant


def _first_whole_day(instant: datetime, zone: ZoneInfo) -> date:
    day = _day(instant, zone)
    return day if midnight(day, zone) == instant else day + timedelta(days=1)
