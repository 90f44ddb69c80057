"""What collecting costs beside COPY, and the latest prices beside looking for them."""

import itertools
from datetime import timedelta
from decimal import Decimal

from django.db import connection, transaction

from apps.ledgers.models import CollectionRun, Source
from apps.ledgers.records import NewsRecord, PriceRecord, digest_of
from apps.ledgers.services.store import store_items, store_prices
from benchmarks.measure import Row, cpu_side_by_side
from ohmycoins.core import clock

COINS = 500
MARKETS = 1_000
MINUTES = 1_000
ARTICLES = 125  # what the news feeds list

HISTORY = """
    INSERT INTO ledgers_price (coin_type, market, bid, ask, last, crossed, occurred_at, observed_at, origin)
    SELECT 'L' || coin, 'AUD', 99, 100, 99.5, false, at, at, 'seed'
    FROM generate_series(1, %(markets)s) AS coin,
         generate_series(date_trunc('minute', now()) - make_interval(mins => %(minutes)s - 1), now(), '1 minute') AS at
"""
LATEST = """
    INSERT INTO ledgers_latestprice (coin_type, market, bid, ask, last, price_id, occurred_at, observed_at)
    SELECT DISTINCT ON (coin_type) coin_type, market, bid, ask, last, id, occurred_at, observed_at
    FROM ledgers_price WHERE coin_type LIKE 'L%%' ORDER BY coin_type, occurred_at DESC
"""
MAINTAINED = (
    "SELECT coin_type, bid, ask, last, occurred_at FROM ledgers_latestprice WHERE coin_type LIKE 'L%%'"
)
LATERAL = """
    SELECT newest.coin_type, newest.bid, newest.ask, newest.last, newest.occurred_at
    FROM generate_series(1, %(markets)s) AS coin, LATERAL (
        SELECT * FROM ledgers_price WHERE coin_type = 'L' || coin AND market = 'AUD' ORDER BY occurred_at DESC LIMIT 1
    ) AS newest
"""


def rows() -> list[Row]:
    """Measure storing a tick and a round of news, and reading the latest prices."""
    return [_tick(), _news(), _latest()]


def _run(ledger: str) -> CollectionRun:
    source, _ = Source.objects.get_or_create(name=f"bench_{ledger}", ledger=ledger)
    now = clock.now()
    return CollectionRun.objects.create(source=source, status="success", finished_at=now, lease_until=now)


def _tick() -> Row:
    run = _run("exchange")
    minutes = (
        clock.now().replace(second=0, microsecond=0) - timedelta(days=400) + timedelta(minutes=n)
        for n in itertools.count()
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNLOGGED TABLE bench_price (LIKE ledgers_price INCLUDING ALL)")
        cursor.execute("ALTER TABLE bench_price SET LOGGED")

    def store() -> None:
        minute = next(minutes)
        records = [
            PriceRecord(f"T{n}", "AUD", Decimal("99.5"), Decimal("100.25"), Decimal("99.75"), minute)
            for n in range(COINS)
        ]
        with transaction.atomic():
            store_prices(records, run=run, observed_at=clock.now())

    def copy() -> None:
        minute, observed_at = next(minutes), clock.now()
        columns = "coin_type, market, bid, ask, last, crossed, occurred_at, observed_at, run_id, origin"
        statement = f"COPY bench_price ({columns}) FROM STDIN"
        with transaction.atomic(), connection.cursor() as cursor, cursor.copy(statement) as into:
            for n in range(COINS):
                into.write_row(
                    (
                        f"T{n}",
                        "AUD",
                        "99.5",
                        "100.25",
                        "99.75",
                        False,
                        minute,
                        observed_at,
                        run.pk,
                        "observed",
                    )
                )

    floor, cost = cpu_side_by_side([copy, store], rounds=9, batch=5)
    return Row.at_most(f"collecting a tick of {COINS} coins / COPY of the same rows", cost, floor, 3)


def _news() -> Row:
    run, numbers = _run("human"), itertools.count()
    columns = ("run_id", "collector_id", "origin", "occurred_at", "observed_at", "item", "digest", "title", "content", "url",
               "currencies", "sentiment", "sentiment_score", "engagement", "source")  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_news (LIKE ledgers_news INCLUDING ALL)")

    def articles() -> list[NewsRecord]:
        now = clock.now()
        return [
            NewsRecord(
                occurred_at=now, item=f"https://news.example/{number}", digest=digest_of(number), title=f"Bitcoin rally {number}",
                content="Both coins surge. " * 10, url=f"https://news.example/{number}", currencies=("BTC", "ETH"),
                sentiment="bullish", sentiment_score=Decimal("0.4"), source="The Example",
            )
            for number in itertools.islice(numbers, ARTICLES)
        ]  # fmt: skip

    def store() -> None:
        with transaction.atomic():
            store_items(articles(), source_id=run.source_id, run=run, observed_at=clock.now())

    def copy() -> None:
        statement = f"COPY bench_news ({', '.join(columns)}) FROM STDIN"
        with transaction.atomic(), connection.cursor() as cursor, cursor.copy(statement) as into:
            for record in articles():
                into.write_row(
                    (run.pk, run.source_id, "observed", record.occurred_at, clock.now(), record.item, record.digest, record.title,
                     record.content, record.url, list(record.currencies), record.sentiment, record.sentiment_score, "{}",
                     record.source)
                )  # fmt: skip

    floor, cost = cpu_side_by_side([copy, store], rounds=9, batch=5)
    return Row.at_most(f"storing {ARTICLES} new articles / COPY of the same rows", cost, floor, 15)


def _latest() -> Row:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(HISTORY, {"markets": MARKETS, "minutes": MINUTES})
        cursor.execute(LATEST)
        cursor.execute("VACUUM ANALYZE ledgers_price, ledgers_latestprice")

    def lateral() -> None:
        _find(LATERAL)

    def maintained() -> None:
        _find(MAINTAINED)

    floor, cost = cpu_side_by_side([lateral, maintained], rounds=9, batch=5)
    return Row.at_most(
        f"latest price of {MARKETS:,} coins / LATERAL over {MARKETS * MINUTES:,} rows", cost, floor, 0.2
    )


def _find(statement: str) -> None:
    """Find the prices without fetching them: carrying a thousand rows over costs the same either way."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), sum(last) FROM ({statement}) AS found", {"markets": MARKETS})
        count = int(cursor.fetchone()[0])
    if count != MARKETS:
        raise RuntimeError(f"expected {MARKETS} prices, got {count}")
