"""What is remarked of the ledgers: sources that stand still, outliers, where sources disagree, what runs left out."""

from decimal import Decimal as D
from typing import Any

import pytest

from apps.ledgers.services.store import store_items
from apps.ledgers.tests.factories import (
    make_depth,
    make_fundamental,
    make_news,
    make_price,
    make_run,
    make_source,
    store_now,
)
from apps.monitoring.models import Outlier, QualityCheck
from apps.monitoring.services.quality import look
from apps.monitoring.tests.measured import HOUR, MINUTE, check, messages, told
from ohmycoins.core.clock import now

pytestmark = pytest.mark.django_db


def move(clock: Any, *, times: int, by: int, coins: tuple[str, ...] = ("BTC", "ETH", "SOL")) -> None:
    """Read prices every 5 minutes, which rise by as much each time."""
    for step in range(1, times + 1):
        clock.shift(5 * MINUTE)
        for coin in coins:
            make_price(coin, bid=1000 + by * step, ask=1010 + by * step)


def test_prices_that_are_read_and_do_not_move_are_frozen_until_one_moves(clock: Any) -> None:
    move(clock, times=3, by=1)
    move(clock, times=7, by=0)
    assert "frozen:coinspot_prices" not in told(look(now())), "for 30 minutes they may stand still"
    move(clock, times=1, by=0)
    findings = {finding.key: finding for finding in look(now())}
    assert findings["frozen:coinspot_prices"].message == (
        "coinspot_prices is read, and none of its 3 series has moved since 2026-03-02 12:20 UTC, 35 min ago; the bound is 30 min."
    )
    source = QualityCheck.objects.all()[0].ledgers["exchange"]["sources"]["coinspot_prices"]
    assert (source["state"], source["frozen_since"]) == ("stale", "2026-03-02T12:20:00Z")
    clock.shift(5 * MINUTE)
    make_price("SOL", bid=999)
    assert "frozen:coinspot_prices" not in told(look(now()))


def test_source_that_stands_still_for_hours_is_frozen_since_it_last_moved_and_very_stale(clock: Any) -> None:
    move(clock, times=1, by=1)
    for _ in range(30):
        move(clock, times=1, by=1)  # the same prices again
        look(now())
    source = QualityCheck.objects.all()[0].ledgers["exchange"]["sources"]["coinspot_prices"]
    assert (source["state"], source["frozen_since"]) == ("very stale", "2026-03-02T12:05:00Z")
    move(clock, times=1, by=2)
    look(now())
    source = QualityCheck.objects.all()[0].ledgers["exchange"]["sources"]["coinspot_prices"]
    assert (source["state"], source["frozen_since"]) == ("fresh", None)


def test_figures_that_a_new_day_repeats_are_frozen_until_one_moves(clock: Any) -> None:
    def read(day: int, value: int) -> None:
        for protocol in ("aave", "curve", "lido"):
            store_now(make_fundamental(f"{protocol} {day}", protocol=protocol, tvl_usd=D(value)))

    read(1, 100)
    clock.shift(24 * HOUR)
    read(2, 100)
    assert told(look(now()))["frozen:defillama"] == "medium"
    clock.shift(24 * HOUR)
    read(3, 101)
    assert "frozen:defillama" not in told(look(now()))


def test_books_that_are_read_and_do_not_change_are_frozen(clock: Any) -> None:
    def read(price: int) -> None:
        for coin in ("BTC", "ETH", "SOL"):
            make_depth(coin, bids=[(price, 1)], asks=[(price + 1, 1)])

    read(100)
    clock.shift(31 * MINUTE)
    read(100)
    assert told(look(now()))["frozen:coinspot_depth"] == "medium"
    clock.shift(MINUTE)
    read(101)
    assert "frozen:coinspot_depth" not in told(look(now()))


def test_outlier_is_a_finding_of_its_coin_and_a_warning_that_names_the_row(clock: Any) -> None:
    for _ in range(25):
        clock.shift(MINUTE)
        make_price(bid=100, ask=101)
    clock.shift(MINUTE)
    price = make_price(bid=150, ask=151)
    [finding] = [finding for finding in look(now()) if finding.type == "outlier"]
    assert (finding.key, finding.severity) == ("outlier:BTC", "low")
    assert finding.evidence["rows"] == [{"table": "price", "id": price.price_id}]
    assert finding.evidence["outlier"] == Outlier.objects.get().pk
    assert "BTC/AUD 2026-03-02 12:26 moved from 100 to 150" in finding.message
    assert finding.message in messages(QualityCheck.objects.get().warnings)


def test_quotes_far_from_the_order_book_are_named(clock: Any) -> None:
    price = make_price(bid=102, ask=104)  # the middle is 103
    book = make_depth(bids=[(100, 1)], asks=[(102, 1)])  # 101: 1.98 % apart
    assert check().warnings == []
    clock.shift(MINUTE)
    price = make_price(bid=103, ask="104.04")  # 103.52
    [remark] = check().warnings
    assert (
        remark["message"]
        == "BTC/AUD is quoted at 103.52 and its order book stands at 101, 2.5 % apart; the bound is 2%."
    )
    assert remark["rows"] == [
        {"table": "price", "id": price.price_id},
        {"table": "depth", "id": book.depth_id},
    ]
    clock.shift(11 * MINUTE)
    make_price(bid=110, ask=111)
    assert not [text for text in messages(check().warnings) if "order book" in text], (
        "a book that is old says nothing"
    )


def test_article_that_two_sources_hear_differently_is_named(clock: Any) -> None:
    store_now(make_news("https://www.news.example/1/", sentiment="bearish"))
    run = make_run(source=make_source("cryptopanic", "human"))
    other = make_news("17", url="https://news.example/1")
    store_items([other], source_id="cryptopanic", run=run, observed_at=now())
    store_now(make_news("https://news.example/2", sentiment="bearish"), make_news("https://news.example/3"))
    [remark] = check().warnings
    assert remark["message"] == "https://news.example/1 is bullish by cryptopanic and bearish by news_rss."
    assert [row["table"] for row in remark["rows"]] == ["news", "news"]


def test_last_runs_say_what_they_left_out(clock: Any) -> None:
    make_price()
    run = make_run(fetched=500, rejected=3, unpriced=1, error="FOO: bid is not a number")
    make_run(source=run.source, status="skipped")
    assert messages(check().info) == [
        "1 market of coinspot_prices had no price at 2026-03-02 12:00 UTC: the venue itself gives none.",
        "coinspot_prices rejected 3 of 500 at 2026-03-02 12:00 UTC: FOO: bid is not a number",
    ]
    assert check().info[0]["rows"] == [{"table": "collectionrun", "id": run.pk}]
