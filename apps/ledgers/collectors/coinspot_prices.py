"""Collect CoinSpot's prices every minute."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from apps.ledgers.collectors.base import Collector
from apps.ledgers.parsers import coinspot_prices
from apps.ledgers.records import Parsed
from ohmycoins.clients import coinspot
from ohmycoins.core.http import Page


class CoinspotPrices(Collector):
    """One page holds every market; the past cannot be asked for."""

    slug = "coinspot_prices"
    ledger = "exchange"
    schedule = "interval:1:minutes"
    lease = timedelta(minutes=1)

    def fetch(self, since: datetime | None) -> Iterator[Page]:
        yield coinspot.fetch_latest()

    def parse(self, page: Page, observed_at: datetime) -> Parsed:
        return coinspot_prices.parse(page.body, observed_at)
