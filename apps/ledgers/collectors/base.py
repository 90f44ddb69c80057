"""Say what a collector is: the seam behind the setting COLLECTORS (docs/seams.md)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from apps.ledgers.records import Parsed
from ohmycoins.core.http import Page


class Collector(Protocol):
    """A source that can be read again and again. Instances hold no state."""

    slug: str
    """Its name everywhere: setting, API, rows, logs."""
    ledger: str
    """The ledger it feeds: exchange, glass, human or catalyst."""
    schedule: str
    """When to run unless an operator decides otherwise: `interval:N:unit` or `cron:` + five fields (UTC)."""

    def fetch(self, since: datetime | None) -> Iterator[Page]:
        """Get the pages with everything after `since` (None: from the start), outside any transaction.

        Raises TransientError or PermanentError.
        """

    def parse(self, page: Page, observed_at: datetime) -> Parsed:
        """Read one page; pure. Raises UnreadablePage when it is not what the source sends."""
