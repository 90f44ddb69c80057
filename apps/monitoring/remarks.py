"""Put into words what is wrong with a source, with its severity; pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.monitoring.findings import LOW, MEDIUM
from apps.monitoring.instants import moment
from apps.monitoring.quality import BAD, BOUNDS, FROZEN_AFTER, POOR, Feed, Remark, Scores, State

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a source as a whole: it becomes an alert, too."""

    key: str
    severity: str
    is_issue: bool
    """Otherwise it is a warning."""
    remark: Remark


def complaint_of(feed: Feed, now: datetime) -> Complaint | None:
    """Say what is wrong with a source that its ledger is judged by; None when it is fresh."""
    state = feed.state(now)
    if feed.is_frozen:
        key, severity, is_issue, message = f"frozen:{feed.source}", MEDIUM, False, _frozen(feed, now)
    elif state == State.FRESH:
        return None
    elif state == State.STALE:
        key, severity, is_issue, message = f"source:{feed.source}", LOW, False, _old(feed, now)
    else:
        message = _empty(feed) if state == State.EMPTY else _old(feed, now)
        key, severity, is_issue = f"source:{feed.source}", MEDIUM, True
    return Complaint(key, severity, is_issue, Remark(ledger=feed.ledger, source=feed.source, message=message))


def nothing_in(ledger: str) -> Remark:
    """Say that a ledger is empty, and that nothing feeds it."""
    return Remark(
        ledger=ledger, source="", message=f"The {ledger} ledger has no entries, and no source of it has run."
    )


def below(scores: Scores) -> Remark | None:
    """Say that the overall score is too low; None if it is not."""
    overall = scores.overall
    if overall >= POOR:
        return None
    bound = BAD if overall < BAD else POOR
    message = (
        f"Quality is {float(overall):.3f} overall, below {float(bound):.1f}: completeness {float(scores.completeness):.2f}, "
        f"timeliness {float(scores.timeliness):.2f}, accuracy {float(scores.accuracy):.2f}."
    )
    return Remark(ledger="", source="", message=message)


def broken_in(feed: Feed) -> Remark | None:
    """Name the entries of a source that break its ledger's rules."""
    if not feed.broken:
        return None
    message = (
        f"{len(feed.broken)} of {feed.entries} entries of {feed.source} in the last {span(BOUNDS[feed.ledger].stale)} "
        f"break the rules of the {feed.ledger} ledger: {RULES[feed.ledger]}."
    )
    return Remark(ledger=feed.ledger, source=feed.source, message=message, rows=feed.broken)


RULES = {
    "exchange": "last above 0, and no bid above its ask", "glass": "no value locked below 0",
    "human": "a score from -1 to 1", "catalyst": "an impact from 1 to 10, and a title",
}  # fmt: skip


def span(length: timedelta) -> str:
    """Write a length of time in its two largest units, such as `2 h 15 min`."""
    if length < HOUR:
        return f"{length // MINUTE} min"
    if length < DAY:
        hours, rest = divmod(length, HOUR)
        return f"{hours} h" + (f" {rest // MINUTE} min" if rest >= MINUTE else "")
    days, rest = divmod(length, DAY)
    return f"{days} day{'s' if days > 1 else ''}" + (f" {rest // HOUR} h" if rest >= HOUR else "")


def _old(feed: Feed, now: datetime) -> str:
    at, bounds, state = feed.fresh_at, BOUNDS[feed.ledger], feed.state(now)
    assert at is not None, "it has a state by its age"  # noqa: S101
    bound = bounds.fresh if state == State.STALE else bounds.stale
    return f"{feed.source} is {state}: its newest entry is of {moment(at)}, {span(now - at)} ago; the bound is {span(bound)}."


def _frozen(feed: Feed, now: datetime) -> str:
    since = feed.fresh_at or now
    return (
        f"{feed.source} is read, and none of its {feed.series} series has moved since {moment(since)}, {span(now - since)} "
        f"ago; the bound is {span(FROZEN_AFTER[feed.ledger])}."
    )


def _empty(feed: Feed) -> str:
    if feed.has_entries:
        return f"{feed.source} has backfilled entries, and none that it observed."
    return f"{feed.source} has run, and has no entries."
