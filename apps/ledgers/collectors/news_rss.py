"""Collect the news feeds, every quarter of an hour."""

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings

from apps.ledgers.collectors.base import Collector, Missing, each
from apps.ledgers.parsers import news_rss
from apps.ledgers.records import Parsed
from ohmycoins.core import http
from ohmycoins.core.http import Page
from ohmycoins.core.sites import Site


class NewsRss(Collector):
    """A page a feed; the feeds stand in the setting NEWS_FEEDS."""

    slug = "news_rss"
    ledger = "human"
    schedule = "interval:15:minutes"

    def needs(self) -> str | None:
        return None if settings.NEWS_FEEDS else "NEWS_FEEDS"

    def fetch(self, since: datetime | None) -> Iterator[Page | Missing]:
        feeds = {_bare(url): url for url in settings.NEWS_FEEDS}  # an address may hold a key
        return each(feeds, lambda name: _feed(name, feeds[name]))

    def parse(self, page: Page, observed_at: datetime) -> Parsed:
        return news_rss.parse(page.body, about=page.about)


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def _feed(name: str, url: str) -> Page:
    site = Site(name="news", user_agent=settings.NEWS_USER_AGENT, calls=2)
    return site.get(url, accept=http.FEED, about=name, conditional=True)
