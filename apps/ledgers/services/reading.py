"""Gather what a run reads, page by page, and judge it."""

from dataclasses import dataclass, field
from datetime import datetime

from apps.ledgers.collectors.base import Missing
from apps.ledgers.records import Parsed, Record, Reject
from apps.ledgers.services.store import misfit

PARTIAL_ABOVE = 0.05  # share of rejects that makes a run partial and holds the watermark


@dataclass(slots=True)
class Reading:
    """What a run has read so far."""

    kept: list[Record] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    unpriced: int = 0
    pages: int = 0
    began_at: datetime | None = None
    sample: bytes | None = None

    def add(self, parsed: Parsed, *, read_at: datetime, not_before: datetime | None) -> None:
        """Take in a page: leave out what is too old, and refuse what claims to come from the future."""
        self.pages += 1
        self.began_at = self.began_at or read_at
        self.rejects += parsed.rejects
        self.unpriced += len(parsed.unpriced)
        for record in parsed.records:
            if reason := misfit(record, read_at=read_at):
                self.rejects.append(Reject(getattr(record, "item", "")[:80], reason))
            elif not_before is None or record.occurred_at >= not_before:
                self.kept.append(record)

    def join(self, other: "Reading") -> None:
        """Count another reading in."""
        for name in ("kept", "rejects", "missing"):
            getattr(self, name).extend(getattr(other, name))
        self.unpriced += other.unpriced
        self.pages += other.pages
        self.began_at = self.began_at or other.began_at
        self.sample = self.sample or other.sample

    @property
    def fetched(self) -> int:
        return len(self.kept) + len(self.rejects) + self.unpriced

    @property
    def partial(self) -> bool:
        return bool(self.missing) or self.too_many_rejects

    @property
    def worth_asking_again(self) -> bool:
        """Tell whether the next run may bring what this one did not: then the watermark stays."""
        return self.too_many_rejects or any(not missing.for_good for missing in self.missing)

    @property
    def too_many_rejects(self) -> bool:
        return len(self.rejects) > PARTIAL_ABOVE * self.fetched

    @property
    def complaints(self) -> str:
        """Name what is missing and what was rejected, the first five of each."""
        lists = (
            [f"{missing.about}: {missing.reason}" for missing in self.missing],
            [f"{reject.item}: {reject.reason}" for reject in self.rejects],
        )
        return "; ".join(part for lines in lists if (part := _first_five(lines)))


def _first_five(shown: list[str]) -> str:
    return "; ".join(shown[:5]) + (f"; and {len(shown) - 5} more" if len(shown) > 5 else "")
