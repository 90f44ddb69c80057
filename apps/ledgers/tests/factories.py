"""Build prices the way the collector stores them."""

from datetime import datetime
from decimal import Decimal

from apps.ledgers.models import CollectionRun, LatestPrice, Source
from apps.ledgers.records import PriceRecord
from apps.ledgers.services.store import store_prices
from ohmycoins.core import clock


def make_source(name: str = "coinspot_prices", ledger: str = "exchange") -> Source:
    return Source.objects.get_or_create(name=name, defaults={"ledger": ledger})[0]


def make_run(**fields: object) -> CollectionRun:
    now = clock.now()
    values = {
        "source": make_source(),
        "status": "success",
        "started_at": now,
        "finished_at": now,
        "lease_until": now,
    }
    return CollectionRun.objects.create(**(values | fields))


def make_price(
    coin_type: str = "BTC",
    *,
    bid: str | int = 99_900,
    ask: str | int = 100_000,
    last: str | int | None = None,
    market: str = "AUD",
    at: datetime | None = None,
) -> LatestPrice:
    """Store a price observed at `at` (now) in its minute, and give the market's latest."""
    at = at or clock.now()
    record = PriceRecord(
        coin_type,
        market,
        Decimal(bid),
        Decimal(ask),
        Decimal(last or bid),
        at.replace(second=0, microsecond=0),
    )
    store_prices([record], run=make_run(), observed_at=at)
    return LatestPrice.objects.get(coin_type=coin_type, market=market)
