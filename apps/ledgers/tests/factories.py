"""Build entries the way collectors store them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.ledgers.models import CollectionRun, LatestDepth, LatestPrice, Source
from apps.ledgers.records import (
    DepthRecord,
    EventRecord,
    FundamentalRecord,
    ItemRecord,
    Level,
    MetricRecord,
    NewsRecord,
    PostRecord,
    PriceRecord,
    digest_of,
)
from apps.ledgers.services.depth import store_depths
from apps.ledgers.services.store import store_items, store_prices
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


def make_news(item: str = "https://news.example/1", **fields: Any) -> NewsRecord:
    """Give a version of an article; store it with `store_now`."""
    values = {
        "occurred_at": clock.now(), "item": item, "title": "Bitcoin rally goes on", "content": "", "url": item,
        "source": "The Example", "currencies": ("BTC",), "sentiment": "bullish", "sentiment_score": Decimal("0.4"),
    } | fields  # fmt: skip
    return NewsRecord(digest=digest_of(values["title"]), **values)


def make_post(item: str = "t3_abc", **fields: Any) -> PostRecord:
    values = {
        "occurred_at": clock.now(), "item": item, "title": "To the moon", "content": "", "url": "https://r.example",
        "platform": "reddit", "community": "Bitcoin", "author": "hal", "currencies": ("BTC",),
        "sentiment": "bullish", "sentiment_score": Decimal("0.4"), "engagement": {"score": 100, "comments": 10},
    } | fields  # fmt: skip
    return PostRecord(digest=digest_of(values["title"]), **values)


def make_event(item: str = "1", **fields: Any) -> EventRecord:
    values = {
        "occurred_at": clock.now(), "item": item, "event_type": "listing", "title": "New listing: SOL",
        "description": "", "source": "CoinSpot", "url": "https://help.example/1", "currencies": ("SOL",),
        "impact_score": 9,
    } | fields  # fmt: skip
    return EventRecord(digest=digest_of(values["title"]), **values)


def make_fundamental(item: str = "aave 2026-03-02", **fields: Any) -> FundamentalRecord:
    values = {
        "occurred_at": clock.now(), "item": item, "protocol": "aave", "tvl_usd": Decimal(100),
        "fees_24h_usd": None, "revenue_24h_usd": None,
    } | fields  # fmt: skip
    return FundamentalRecord(digest=digest_of(values["tvl_usd"]), **values)


def make_metric(item: str = "Ethereum chain_tvl_usd 2026-03-02", **fields: Any) -> MetricRecord:
    values = {
        "occurred_at": clock.now(), "item": item, "asset": "ETH", "network": "Ethereum",
        "metric_name": "chain_tvl_usd", "metric_value": Decimal(5), "source": "defillama",
    } | fields  # fmt: skip
    return MetricRecord(digest=digest_of(values["metric_value"]), **values)


LEDGERS = {
    NewsRecord: ("news_rss", "human"), PostRecord: ("reddit_api", "human"),
    EventRecord: ("coinspot_announcements", "catalyst"), FundamentalRecord: ("defillama", "glass"),
    MetricRecord: ("defillama", "glass"),
}  # fmt: skip


def store_now(*records: ItemRecord) -> int:
    """Store versions as their collector would, now; return how many were new."""
    run = make_run(source=make_source(*LEDGERS[type(records[0])]))
    return store_items(records, source_id=run.source_id, run=run, observed_at=clock.now())


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


def make_depth(
    coin_type: str = "BTC",
    *,
    bids: Sequence[tuple[str | int, str | int]] = (),
    asks: Sequence[tuple[str | int, str | int]] = (),
    at: datetime | None = None,
) -> LatestDepth:
    """Store the levels (price, quantity) of a coin's book observed at `at` (now), and give the latest."""
    at = at or clock.now()
    sides = [
        tuple(Level(Decimal(price), Decimal(quantity)) for price, quantity in side) for side in (bids, asks)
    ]
    record = DepthRecord(
        coin_type=coin_type, market="AUD", bids=sides[0], asks=sides[1],
        occurred_at=at.replace(second=0, microsecond=0),
    )  # fmt: skip
    store_depths([record], run=make_run(source=make_source("coinspot_depth")), observed_at=at)
    return LatestDepth.objects.select_related("depth").get(coin_type=coin_type)
