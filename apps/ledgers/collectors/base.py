"""Say what a collector is: the seam behind the setting COLLECTORS (docs/seams.md)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from apps.ledgers.records import Parsed
from ohmycoins.core.errors import OutsideError, PermanentError
from ohmycoins.core.http import Page


@dataclass(frozen=True, slots=True)
class Missing:
    """A page that could not be had; the run goes on without it and says so.

    `for_good`: asking again would not bring it, so the watermark need not wait.
    """

    about: str
    reason: str
    for_good: bool = False


class NeedsCredentials(PermanentError):
    """The source lets nobody in without credentials: switch off, and look again tomorrow."""


class Collector(Protocol):
    """A source that can be read again and again. Instances hold no state."""

    slug: str
    """Its name everywhere: setting, API, rows, logs."""
    ledger: str
    """The ledger it feeds: exchange, glass, human or catalyst."""
    schedule: str
    """When to run unless an operator decides otherwise: `interval:N:unit` or `cron:` + five fields (UTC)."""
    keeps: timedelta | None = None
    """How old an item may be to be stored; after an outage, back to the watermark all the same."""
    lease: timedelta = timedelta(minutes=5)
    """How long a run may stay silent between two pages before its worker is taken for dead."""
    known_after: timedelta = timedelta(days=1)
    """How long after it occurred a backfilled item would have been known."""

    def needs(self) -> str | None:
        """Name the setting without which the source cannot be asked; None when nothing is missing."""
        return None

    def fetch(self, since: datetime | None) -> Iterator[Page | Missing]:
        """Get the pages with everything after `since` (None: from the start), outside any transaction.

        Raises NeedsCredentials, TransientError or PermanentError when the source as a whole fails.
        """
        ...

    def parse(self, page: Page, observed_at: datetime) -> Parsed:
        """Read one page; pure. Raises UnreadablePage when it is not what the source sends."""
        ...


class HasPast(Collector, Protocol):
    """A collector whose source can also be asked for what was long ago (`manage.py backfill`)."""

    def parts(self, since: datetime) -> list[str]:
        """Name the parts its past is made of, each of which is collected, or resumed, as a whole."""
        ...

    def fetch_past(self, part: str, since: datetime) -> Iterator[Page | Missing]:
        """Get a part's pages back to `since`. Raises as `fetch` does."""
        ...

    def parse_past(self, page: Page, since: datetime, observed_at: datetime) -> Parsed:
        """Read one page of the past; pure. Raises UnreadablePage."""
        ...


def each(asked: Iterable[str], get: Callable[[str], Page]) -> Iterator[Page | Missing]:
    """Get one page after another; one that fails does not keep the others away."""
    for what in asked:
        try:
            yield get(what)
        except NeedsCredentials:
            raise
        except OutsideError as error:
            yield Missing(what, str(error))
