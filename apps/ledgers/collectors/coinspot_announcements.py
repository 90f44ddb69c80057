"""Collect CoinSpot's announcements every hour."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from apps.ledgers.collectors.base import Collector
from apps.ledgers.parsers import coinspot_announcements
from apps.ledgers.records import Parsed, UnreadablePage
from ohmycoins.core import clock, http
from ohmycoins.core.errors import PermanentError
from ohmycoins.core.http import Page
from ohmycoins.core.sites import Site

ARTICLES = "/api/v2/help_center/en-us/articles.json"
CATEGORY = "/hc/en-us/categories/360000000000-announcements"
PAGES = 10  # of 100 articles: more than any outage we would catch up on


class CoinspotAnnouncements(Collector):
    """The help centre's article list; its HTML page when the list is refused."""

    slug = "coinspot_announcements"
    ledger = "catalyst"
    schedule = "interval:1:hours"
    keeps = timedelta(days=30)

    def fetch(self, since: datetime | None) -> Iterator[Page]:
        try:
            yield from self._articles(since)
        except PermanentError:
            yield _site().get(settings.COINSPOT_HELP_URL + CATEGORY, accept=http.HTML, about="category")

    def parse(self, page: Page, observed_at: datetime) -> Parsed:
        if page.content_type in http.HTML:
            return coinspot_announcements.parse_category(
                page.body, observed_at, base_url=settings.COINSPOT_HELP_URL
            )
        return coinspot_announcements.parse_articles(page.body)

    def _articles(self, since: datetime | None) -> Iterator[Page]:
        oldest_wanted = clock.now() - self.keeps
        oldest_wanted = min(oldest_wanted, since) if since else oldest_wanted
        for number in range(1, PAGES + 1):
            page = _site().get(
                settings.COINSPOT_HELP_URL + ARTICLES,
                params={
                    "sort_by": "created_at",
                    "sort_order": "desc",
                    "per_page": "100",
                    "page": str(number),
                },
                about=f"page {number}",
                conditional=True,
            )
            yield page
            try:
                oldest = coinspot_announcements.oldest_of(page.body)
            except (UnreadablePage, ValueError):
                return  # the run will say so
            if oldest is None or oldest < oldest_wanted:
                return


def _site() -> Site:
    return Site(name="coinspot_help", user_agent=settings.COINSPOT_USER_AGENT, calls=60, per_seconds=60)
