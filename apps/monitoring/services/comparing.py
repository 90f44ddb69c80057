"""Compare sources that speak of the same thing, and name where they disagree."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter

from apps.ledgers.models import LatestDepth, LatestPrice, News
from apps.monitoring.quality import BOUNDS, Remark
from ohmycoins.core.money import plain

MOST_APART = Decimal("0.02")
"""Between the middle of the quotes and that of the order book, as a share of the latter."""
RECENT = timedelta(days=1)
MOST_ARTICLES = 5_000
PERCENT = Decimal("0.1")
COLUMNS = ("collector", "item", "url", "sentiment")


def compare_sources(now: datetime) -> list[Remark]:
    """Give what sources disagree about, as it stands now."""
    return [*_compare_markets(now), *_compare_articles(now)]


def _compare_markets(now: datetime) -> Iterator[Remark]:
    """Hold each market's quotes against its order book, where both were read lately."""
    since = now - BOUNDS["exchange"].fresh
    quotes = {
        (price.coin_type, price.market): price
        for price in LatestPrice.objects.observed_since(since).filter(
            coin_type__in=LatestDepth.objects.values("coin_type")
        )
    }
    for book in LatestDepth.objects.seen_since(since).select_related("depth"):
        price, depth = quotes.get((book.coin_type, book.market)), book.depth
        if price is None or not depth.bids or not depth.asks:
            continue
        quoted = (price.bid + price.ask) / 2
        traded = (Decimal(depth.bids[0][0]) + Decimal(depth.asks[0][0])) / 2
        apart = abs(quoted - traded) / traded
        if apart > MOST_APART:
            yield Remark(
                ledger="exchange", source="coinspot_prices, coinspot_depth",
                message=f"{book} is quoted at {plain(quoted)} and its order book stands at {plain(traded)}, "
                f"{(apart * 100).quantize(PERCENT)} % apart; the bound is {MOST_APART:.0%}.",
                rows=(("price", price.price_id), ("depth", depth.pk)),
            )  # fmt: skip


def _compare_articles(now: datetime) -> Iterator[Remark]:
    """Find articles that one source calls bullish and another bearish, each in its newest version."""
    newest = News.objects.filter(occurred_at__gte=now - RECENT).order_by("-occurred_at", "-id")
    rows = sorted(newest.only(*COLUMNS)[:MOST_ARTICLES], key=attrgetter("pk"))
    versions = {(row.collector_id, row.item): row for row in rows}
    articles: dict[str, dict[str, News]] = {}
    for row in versions.values():
        articles.setdefault(_address(row.url), {})[row.sentiment] = row
    for said in articles.values():
        if {News.Sentiment.BULLISH, News.Sentiment.BEARISH} <= said.keys():
            bullish, bearish = said[News.Sentiment.BULLISH], said[News.Sentiment.BEARISH]
            if bullish.collector_id != bearish.collector_id:
                yield Remark(
                    ledger="human", source=f"{bullish.collector_id}, {bearish.collector_id}",
                    message=f"{bullish.url} is bullish by {bullish.collector_id} and bearish by {bearish.collector_id}.",
                    rows=(("news", bullish.pk), ("news", bearish.pk)),
                )  # fmt: skip


def _address(url: str) -> str:
    """Give the address without what two spellings of it differ in."""
    return url.partition("://")[2].removeprefix("www.").rstrip("/")
