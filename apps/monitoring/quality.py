"""Score the ledgers: how complete, how timely and how accurate what they hold is; pure.

The formula is written out in docs/quality.md. It is computed in fractions, so that no rounding decides
which side of a bound a score falls on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeAlias

Row: TypeAlias = tuple[str, int]
"""A ledger's row: its table and its id."""

COMPLETENESS, TIMELINESS, ACCURACY = Fraction(3, 10), Fraction(4, 10), Fraction(3, 10)
"""What each weighs in the overall score."""
POOR, BAD = Fraction(7, 10), Fraction(5, 10)
"""An overall score below these is an alert: a medium one, a high one."""
NOTHING, EVERYTHING = Fraction(0), Fraction(1)
FROZEN_AFTER = {"exchange": timedelta(minutes=30), "glass": timedelta(hours=20)}
"""By ledger, how long all that a source says may stay the same while it is read. Texts and events do not move."""
FEWEST_SERIES = 3
"""Of fewer, that none moves says nothing of their source."""
MOST_ROWS = 10
"""That a remark names."""


class State(StrEnum):
    """How fresh a source's newest entry is."""

    FRESH = "fresh"
    STALE = "stale"
    VERY_STALE = "very stale"
    EMPTY = "empty"


WORTH = {
    State.FRESH: Fraction(1), State.STALE: Fraction(7, 10), State.VERY_STALE: Fraction(3, 10), State.EMPTY: NOTHING,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bounds:
    """How old a ledger's newest entry may be, inclusive, to be fresh, and to be stale and no worse."""

    fresh: timedelta
    stale: timedelta


BOUNDS = {
    "exchange": Bounds(timedelta(minutes=10), timedelta(hours=1)),
    "glass": Bounds(timedelta(hours=26), timedelta(days=3)),
    "human": Bounds(timedelta(minutes=30), timedelta(hours=2)),
    "catalyst": Bounds(timedelta(hours=24), timedelta(days=3)),
}
"""By ledger; `stale` is also the window in which its entries are judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A source, and what it has given its ledger."""

    source: str
    ledger: str
    newest_at: datetime | None = None
    """When its newest entry was observed, backfills left out."""
    has_entries: bool = False
    has_run: bool = False
    off_because: str = ""
    entries: int = 0
    """Observed within the ledger's window."""
    broken: tuple[Row, ...] = ()
    """Those of them that break the ledger's rules, newest first."""
    series: int = 0
    """How many figures it gives: markets, protocols, metrics."""
    unmoved_since: datetime | None = None
    """Since when none of them has moved."""

    @property
    def feeds(self) -> bool:
        """Tell whether the ledger is to be judged by it at all."""
        return self.has_entries or (self.has_run and not self.off_because)

    @property
    def is_frozen(self) -> bool:
        """Tell whether it is read, and shows the same again and again."""
        after = FROZEN_AFTER.get(self.ledger)
        if after is None or self.newest_at is None or self.unmoved_since is None:
            return False
        return self.series >= FEWEST_SERIES and self.newest_at - self.unmoved_since > after

    @property
    def fresh_at(self) -> datetime | None:
        """Give up to when it told anything new."""
        return self.unmoved_since if self.is_frozen else self.newest_at

    def state(self, now: datetime) -> State:
        """Say how fresh it is; at a bound it is still the better. What is frozen is never fresh."""
        if self.fresh_at is None:
            return State.EMPTY
        age, bounds = now - self.fresh_at, BOUNDS[self.ledger]
        if age <= bounds.fresh and not self.is_frozen:
            return State.FRESH
        return State.STALE if age <= bounds.stale else State.VERY_STALE


@dataclass(frozen=True, slots=True)
class Scores:
    """How good something is, 0 to 1."""

    completeness: Fraction = NOTHING
    timeliness: Fraction = NOTHING
    accuracy: Fraction = NOTHING

    @property
    def overall(self) -> Fraction:
        return COMPLETENESS * self.completeness + TIMELINESS * self.timeliness + ACCURACY * self.accuracy

    def as_json(self) -> dict[str, float]:
        return {
            name: float(getattr(self, name)) for name in ("overall", "completeness", "timeliness", "accuracy")
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something that a person should know of a ledger, and the rows it speaks of."""

    ledger: str
    source: str
    message: str
    rows: Sequence[Row] = field(default=())

    def as_json(self) -> dict[str, Any]:
        rows = [{"table": table, "id": pk} for table, pk in self.rows[:MOST_ROWS]]
        return {"ledger": self.ledger, "source": self.source, "message": self.message, "rows": rows}


def judged(feeds: Sequence[Feed]) -> list[Feed]:
    """Keep the sources that a ledger is judged by: those that feed it, and are on unless all are off."""
    feeding = [feed for feed in feeds if feed.feeds]
    return [feed for feed in feeding if not feed.off_because] or feeding


def score_feed(feed: Feed, now: datetime) -> Scores:
    """Score a source by itself."""
    return score_ledger([feed], now)


def score_ledger(feeds: Sequence[Feed], now: datetime) -> Scores:
    """Score a ledger by its sources: the means of the first two, the share of all its entries that pass."""
    by = judged(feeds)
    if not by:
        return Scores()
    entries = sum(feed.entries for feed in feeds)
    broken = sum(len(feed.broken) for feed in feeds)
    return Scores(
        completeness=_mean([Fraction(feed.has_entries) for feed in by]),
        timeliness=_mean([WORTH[feed.state(now)] for feed in by]),
        accuracy=Fraction(entries - broken, entries) if entries else NOTHING,
    )


def score_all(ledgers: Mapping[str, Scores]) -> Scores:
    """Score all four ledgers together; one that is empty counts like the others."""
    each = [ledgers.get(name, Scores()) for name in BOUNDS]
    return Scores(
        completeness=_mean([scores.completeness for scores in each]),
        timeliness=_mean([scores.timeliness for scores in each]),
        accuracy=_mean([scores.accuracy for scores in each]),
    )


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, NOTHING) / len(values)
