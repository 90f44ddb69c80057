"""Tell where a series has holes, by when its source was due; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ohmycoins.core.frequency import Frequency

LATE = timedelta(minutes=5)
"""What is late by no more than this left no gap."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which nothing came although something was due."""

    since: datetime
    until: datetime

    def as_json(self) -> dict[str, datetime]:
        return {"since": self.since, "until": self.until}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """How much of what was expected of a series there is."""

    ledger: str
    source: str
    series: str
    """`runs`, or a market such as BTC/AUD."""
    expected: int | None
    """How many by the schedule; None if it has none."""
    found: int
    gaps: tuple[Gap, ...] = ()

    def as_json(self) -> dict[str, Any]:
        coverage = min(self.found / self.expected, 1.0) if self.expected else None
        return {
            "ledger": self.ledger, "source": self.source, "series": self.series, "expected": self.expected,
            "found": self.found, "coverage": coverage, "gaps": [gap.as_json() for gap in self.gaps],
        }  # fmt: skip


def count_due(frequency: Frequency, since: datetime, until: datetime) -> int:
    """Count the instants in (since, until] at which something was due."""
    if frequency.every is not None:
        return (until - since) // frequency.every
    count, due = 0, frequency.next_after(since, since)
    while due <= until:
        count, due = count + 1, frequency.next_after(due, since)
    return count


def find_gaps(
    frequency: Frequency, successes: Sequence[datetime], *, since: datetime, until: datetime
) -> tuple[Gap, ...]:
    """Give the stretches between two successes, oldest first, in which another was due and did not come.

    What was before `since` is taken to be well; a gap that reaches `until` may still go on.
    """
    gaps = []
    last = since
    for success in (*successes, until):
        if success > frequency.next_after(last, last) + LATE:
            gaps.append(Gap(last, success))
        last = success
    return tuple(gaps)
