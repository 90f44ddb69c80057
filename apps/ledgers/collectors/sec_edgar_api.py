"""Collect the filings of the companies that hold or trade coins, from SEC's EDGAR, every day."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from apps.ledgers.collectors.base import Collector, Missing, each
from apps.ledgers.parsers import sec_edgar_api
from apps.ledgers.records import Parsed, UnreadablePage
from ohmycoins.core.errors import PermanentError, TransientError
from ohmycoins.core.http import Page
from ohmycoins.core.sites import Site

BLOCKED_SECONDS = 600.0  # SEC blocks an address for minutes: asking on would prolong it


class SecEdgarApi(Collector):
    """One page a company holds its last thousand filings; older ones stand on pages of their own."""

    slug = "sec_edgar_api"
    ledger = "catalyst"
    schedule = "cron:0 9 * * *"
    keeps = timedelta(days=30)

    def needs(self) -> str | None:
        return None if settings.SEC_USER_AGENT else "SEC_USER_AGENT"

    def fetch(self, since: datetime | None) -> Iterator[Page | Missing]:
        return each((str(cik) for cik in sec_edgar_api.COINS), _submissions)

    def parse(self, page: Page, observed_at: datetime) -> Parsed:
        return sec_edgar_api.parse(page.body, observed_at, about=page.about)

    def parts(self, since: datetime) -> list[str]:
        return [str(cik) for cik in sec_edgar_api.COINS]

    def fetch_past(self, part: str, since: datetime) -> Iterator[Page | Missing]:
        recent = _submissions(part)
        yield recent
        try:
            names = sec_edgar_api.older_pages(recent.body, since.date())
        except UnreadablePage:
            return  # the run will say so of the page itself
        yield from each(names, lambda name: _get(name, about=part))

    def parse_past(self, page: Page, since: datetime, observed_at: datetime) -> Parsed:
        return self.parse(page, observed_at)


def _submissions(cik: str) -> Page:
    return _get(f"CIK{int(cik):010}.json", about=cik)


def _get(name: str, *, about: str) -> Page:
    site = Site(name="sec", user_agent=settings.SEC_USER_AGENT, calls=5)
    try:
        return site.get(f"{settings.SEC_URL}/submissions/{name}", about=about, conditional=True)
    except PermanentError as error:
        if error.status != 403:
            raise
        site.stay_away(settings.SEC_URL, seconds=BLOCKED_SECONDS)
        raise TransientError(f"{error}: SEC blocks us for now", status=403) from error
