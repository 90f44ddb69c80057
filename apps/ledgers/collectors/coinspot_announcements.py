"""Collect CoinSpot's announcements every hour."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from apps.ledgers.collectors.base import Collector, Missing
from apps.ledgers.parsers import coinspot_announcements
from apps.ledgers.records import Parsed, UnreadablePage
from ohmycoins.core import clock, http
from ohmycoins.core.errors import OutsideError, PermanentError
from ohmycoins.core.http import Page
from ohmycoins.core.sites import Site

ARTICLES = "/api/v2/help_center/en-us/articles.json"
HOME = "/hc/en-us"
PAGES = 10  # of 100 articles: more than any outage we would catch up on


class CoinspotAnnouncements(Collector):
    """The help centre's article list; its HTML pages when the list is refused."""

    slug = "coinspot_announcements"
    ledger = "catalyst"
    schedule = "interval:1:hours"
    keeps = timedelta(days=30)

    def fetch(self, since: datetime | None) -> Iterator[Page | Missing]:
        try:
            first = _articles(1)
        except PermanentError:
            yield _category()
        else:
            yield from self._from(first, since)

    def parse(self, page: Page, observed_at: datetime) -> Parsed:
        if page.content_type in http.HTML:
            return coinspot_announcements.parse_category(
                page.body, observed_at, base_url=settings.COINSPOT_HELP_URL
            )
        return coinspot_announcements.parse_articles(page.body)

    def _from(self, page: Page, since: datetime | None) -> Iterator[Page | Missing]:
        """Go on from the first page of the list until it is older than what is wanted."""
        usual = clock.now() - self.keeps
        oldest_wanted = min(usual, since) if since else usual
        yield page
        for number in range(2, PAGES + 1):
            try:
                oldest = coinspot_announcements.oldest_of(page.body)
            except (UnreadablePage, ValueError):
                return  # the run will say so
            if oldest is None or oldest < oldest_wanted:
                return
            try:
                page = _articles(number)
            except OutsideError as error:
                yield Missing(f"page {number}", str(error))
                return
            yield page


def _articles(number: int) -> Page:
    params = {"sort_by": "created_at", "sort_order": "desc", "per_page": "100", "page": str(number)}
    return _site().get(
        settings.COINSPOT_HELP_URL + ARTICLES, params=params, about=f"page {number}", conditional=True
    )


def _category() -> Page:
    """Get the page of the category that the help centre's home page calls announcements; failing that, the home page."""
    home = _site().get(settings.COINSPOT_HELP_URL + HOME, accept=http.HTML, about="home page")
    try:
        link = coinspot_announcements.category_of(home.body, base_url=settings.COINSPOT_HELP_URL)
    except UnreadablePage:
        return home  # the run will say so
    if link is None:
        return home
    return _site().get(link, accept=http.HTML, about="announcements")


def _site() -> Site:
    return Site(name="coinspot_help", user_agent=settings.COINSPOT_USER_AGENT, calls=60, per_seconds=60)
