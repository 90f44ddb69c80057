"""Collect the order books of CoinSpot's coins every minute."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from apps.ledgers.collectors.base import Collector, Missing, each
from apps.ledgers.models import LatestPrice
from apps.ledgers.parsers import coinspot_depth
from apps.ledgers.records import Parsed
from ohmycoins.clients import coinspot
from ohmycoins.core import clock
from ohmycoins.core.http import Page

PRICED_WITHIN = timedelta(minutes=10)  # a coin that left the price list is not asked for
MOST = 50  # CoinSpot has some 17 order books; its budget is 900 calls a minute


class CoinspotDepth(Collector):
    """A page for each coin that has a price in AUD; the past cannot be asked for."""

    slug = "coinspot_depth"
    ledger = "exchange"
    schedule = "interval:1:minutes"
    lease = timedelta(minutes=1)

    def fetch(self, since: datetime | None) -> Iterator[Page | Missing]:
        priced = LatestPrice.objects.in_aud().observed_since(clock.now() - PRICED_WITHIN)
        coins = list(priced.order_by("coin_type").values_list("coin_type", flat=True)[:MOST])
        return each(coins, coinspot.fetch_open_orders)

    def parse(self, page: Page, observed_at: datetime) -> Parsed:
        return coinspot_depth.parse(page.body, observed_at, coin_type=page.about)
