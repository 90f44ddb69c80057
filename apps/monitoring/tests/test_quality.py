"""The ledgers' quality as it is measured, kept, told and served; on rows as collectors store them."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from apps.ledgers.models import CatalystEvent, Price, Source
from apps.ledgers.services.store import Past, store_items
from apps.ledgers.tests.factories import (
    make_depth,
    make_event,
    make_fundamental,
    make_metric,
    make_news,
    make_post,
    make_price,
    make_run,
    make_source,
    store_now,
)
from apps.monitoring.models import Outlier, QualityCheck
from apps.monitoring.services.quality import look, measure
from ohmycoins.core.clock import now
from ohmycoins.groups import sync_groups

pytestmark = pytest.mark.django_db
URL = "/api/v1/monitoring/quality"
MINUTE, HOUR = 60, 3600


def fill() -> None:
    """Put something good into every ledger."""
    make_price()
    store_now(make_news())
    store_now(make_event())
    store_now(make_fundamental())


def told(findings: Any) -> dict[str, str]:
    return {finding.key: finding.severity for finding in findings}


def check() -> QualityCheck:
    return measure(now()).check()


def messages(remarks: list[Any]) -> list[str]:
    return [remark["message"] for remark in remarks]


def test_empty_system_scores_nothing_and_names_every_ledger(clock: Any) -> None:
    findings = look(now())
    kept = QualityCheck.objects.get()
    assert (kept.overall, kept.completeness, kept.timeliness, kept.accuracy) == (0, 0, 0, 0)
    assert told(findings) == {"quality:overall": "high"}
    assert [issue["ledger"] for issue in kept.issues] == ["", "exchange", "glass", "human", "catalyst"]
    assert kept.issues[1]["message"] == "The exchange ledger has no entries, and no source of it has run."


def test_everything_fresh_and_sound_scores_one_and_nothing_stands(clock: Any) -> None:
    fill()
    assert look(now()) == []
    kept = QualityCheck.objects.get()
    assert (kept.overall, kept.completeness, kept.timeliness, kept.accuracy) == (1, 1, 1, 1)
    assert kept.issues == kept.warnings == kept.info == []
    assert kept.ledgers["human"]["newest_at"] == "2026-03-02T12:00:00Z"


def test_worked_example(clock: Any) -> None:
    """Given glass and catalyst fresh, human 45 minutes old, and of two prices, 2 hours old, none in the window."""
    make_price(at=now() - timedelta(hours=2))
    store_now(make_fundamental())
    store_now(make_event())
    clock.shift(-45 * MINUTE)
    store_now(make_news())
    clock.shift(45 * MINUTE)
    found = check()
    assert (found.completeness, found.timeliness, found.accuracy) == (1, 0.75, 0.75)
    assert found.overall == pytest.approx(0.3 * 1 + 0.4 * 0.75 + 0.3 * 0.75)


def test_row_made_by_hand_counts_without_a_source_or_a_latest_row(clock: Any) -> None:
    Price.objects.create(coin_type="BTC", bid=1, ask=2, last=1, occurred_at=now(), observed_at=now())
    assert check().ledgers["exchange"] | {"sources": None, "newest_at": None} == {
        "overall": 1, "completeness": 1, "timeliness": 1, "accuracy": 1, "newest_at": None, "sources": None,
    }  # fmt: skip
    assert not Source.objects.exists()


def test_one_stale_source_of_three_shows_in_its_ledger(clock: Any, settings: Settings) -> None:
    settings.CRYPTOPANIC_API_KEY = "k"
    store_now(make_news())
    clock.shift(45 * MINUTE)
    store_now(make_post())
    run = make_run(source=make_source("cryptopanic", "human"))
    store_items([make_news("9")], source_id="cryptopanic", run=run, observed_at=now())
    human = check().ledgers["human"]
    assert human["timeliness"] == pytest.approx((0.7 + 1 + 1) / 3)
    assert {name: source["state"] for name, source in human["sources"].items()} == {
        "news_rss": "stale", "reddit_api": "fresh", "cryptopanic": "fresh",
    }  # fmt: skip


def test_source_that_is_off_is_left_out_and_listed_with_why(clock: Any, settings: Settings) -> None:
    settings.CRYPTOPANIC_API_KEY = ""
    make_run(source=make_source("cryptopanic", "human"))
    store_now(make_news())
    found = check()
    assert found.ledgers["human"]["completeness"] == 1
    assert messages(found.info) == ["cryptopanic is off: CRYPTOPANIC_API_KEY is not set."]
    store_now(make_post())
    Source.objects.filter(pk="news_rss").update(enabled=False)
    clock.shift(3 * HOUR)
    store_now(make_post("t3_new"))
    assert check().ledgers["human"]["timeliness"] == 1
    assert "news_rss is off: it is switched off: enable it first." in messages(check().info)


def test_source_that_runs_and_brings_nothing_halves_its_ledgers_completeness(clock: Any) -> None:
    make_price()
    make_run(source=make_source("coinspot_depth"), status="failed", error="down")
    exchange = check().ledgers["exchange"]
    assert (exchange["completeness"], exchange["timeliness"]) == (0.5, 0.5)
    assert told(look(now()))["source:coinspot_depth"] == "medium"


def test_source_that_never_finished_a_run_is_not_waited_for(clock: Any) -> None:
    make_price()
    make_run(source=make_source("coinspot_depth"), status="running", finished_at=None)
    assert check().ledgers["exchange"]["completeness"] == 1


def test_book_that_was_seen_again_unchanged_is_fresh(clock: Any) -> None:
    make_depth(bids=[(99, 1)], asks=[(101, 1)])
    clock.shift(50 * MINUTE)
    assert check().ledgers["exchange"]["sources"]["coinspot_depth"]["state"] == "stale"
    make_depth(bids=[(99, 1)], asks=[(101, 1)])
    assert check().ledgers["exchange"]["sources"]["coinspot_depth"]["state"] == "fresh"


def test_backfill_makes_nothing_fresh(clock: Any) -> None:
    make_source("sec_edgar_api", "catalyst")
    past = Past(origin=CatalystEvent.Origin.BACKFILL, known_after=timedelta(days=1))
    store_items([make_event()], source_id="sec_edgar_api", run=None, observed_at=now(), past=past)
    catalyst = check().ledgers["catalyst"]
    assert (catalyst["completeness"], catalyst["timeliness"], catalyst["accuracy"]) == (1, 0, 0)
    assert catalyst["newest_at"] is None


def test_crossed_quotes_and_blank_titles_lower_accuracy_and_are_named(clock: Any) -> None:
    fill()
    crossed = make_price("ETH", bid=101, ask=100)
    store_now(make_event("2", title=" "))
    store_now(make_metric(metric_value=D(-5)))
    found = check()
    assert {name: ledger["accuracy"] for name, ledger in found.ledgers.items()} == {
        "exchange": 0.5, "glass": 0.5, "human": 1, "catalyst": 0.5,
    }  # fmt: skip
    assert {remark["ledger"] for remark in found.warnings} == {"exchange", "glass", "catalyst"}
    remark = next(remark for remark in found.warnings if remark["ledger"] == "exchange")
    assert remark["rows"] == [{"table": "price", "id": crossed.price_id}]
    assert remark["message"] == (
        "1 of 2 entries of coinspot_prices in the last 1 h break the rules of the exchange ledger: last above 0, and no bid above its ask."
    )


def test_value_locked_that_is_not_given_passes(clock: Any) -> None:
    store_now(make_fundamental(tvl_usd=None, fees_24h_usd=D(1)))
    assert check().ledgers["glass"]["accuracy"] == 1


def test_entry_leaves_the_window_after_the_ledgers_stale_bound(clock: Any) -> None:
    make_price(bid=101, ask=100)
    clock.shift(HOUR)
    make_price()
    assert check().ledgers["exchange"]["accuracy"] == 0.5
    clock.shift(1)
    assert check().ledgers["exchange"]["accuracy"] == 1


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


def test_severity_rises_with_age_and_the_finding_goes_by_itself(clock: Any) -> None:
    fill()
    seen = []
    for seconds in (600, 1, 2999, 1):
        clock.shift(seconds)
        seen.append(told(look(now())).get("source:coinspot_prices"))
    assert seen == [None, "low", "low", "medium"]
    make_price()
    assert "source:coinspot_prices" not in told(look(now()))


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


def test_look_is_safe_to_run_twice_and_costs_the_same_whatever_there_is(
    clock: Any, django_assert_max_num_queries: Any
) -> None:
    fill()
    for coin in ("ETH", "SOL", "ADA"):
        make_price(coin)
        make_depth(coin, bids=[(1, 1)], asks=[(2, 1)])
    look(now())
    with django_assert_max_num_queries(30):
        look(now())
    assert QualityCheck.objects.count() == 1


def test_newest_of_a_source_is_one_probe_of_its_index(clock: Any) -> None:
    store_now(make_news())
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT observed_at FROM ledgers_news WHERE collector_id = 'news_rss' AND NOT (origin = 'backfill') "
            "ORDER BY observed_at DESC LIMIT 1"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "news_newest" in plan


# Served


def test_quality_is_measured_on_the_spot_until_there_is_a_check(api: APIClient, clock: Any) -> None:
    fill()
    answer = api.get(URL).json()
    assert (answer["overall"], answer["checked_at"]) == (1.0, "2026-03-02T12:00:00Z")
    assert set(answer) == {
        "overall", "completeness", "timeliness", "accuracy", "ledgers", "issues", "warnings", "info", "checked_at",
    }  # fmt: skip
    assert set(answer["ledgers"]) == {"exchange", "glass", "human", "catalyst"}
    assert answer["ledgers"]["exchange"]["sources"]["coinspot_prices"] == {
        "overall": 1.0, "completeness": 1.0, "timeliness": 1.0, "accuracy": 1.0, "newest_at": "2026-03-02T12:00:00Z",
        "state": "fresh", "frozen_since": None, "off_because": "", "counts": True,
    }  # fmt: skip
    assert not QualityCheck.objects.exists()


def test_newest_check_is_served_in_one_query(
    api: APIClient, clock: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    look(now())
    fill()
    clock.shift(300)
    look(now())
    with django_assert_num_queries(1):
        answer = api.get(URL).json()
    assert (answer["overall"], answer["checked_at"]) == (1.0, "2026-03-02T12:05:00Z")


def test_history_is_newest_first_by_page_and_by_the_last_of_each_hour_or_day(
    api: APIClient, clock: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(4):
        look(now())
        clock.shift(30 * MINUTE)  # 12:00, 12:30, 13:00, 13:30
    clock.shift(12 * HOUR)
    look(now())  # 02:00 the next day

    def times(**query: str) -> list[str]:
        return [row["checked_at"][8:16] for row in api.get(f"{URL}/history", query).json()["results"]]

    with django_assert_num_queries(1):
        assert times() == ["03T02:00", "02T13:30", "02T13:00", "02T12:30", "02T12:00"]
    assert times(interval="hour") == ["03T02:00", "02T13:30", "02T12:30"]
    assert times(interval="day") == ["03T02:00", "02T13:30"]
    assert times(since="2026-03-02T12:30:00Z", until="2026-03-02T13:30:00Z") == ["02T13:00", "02T12:30"]
    page = api.get(f"{URL}/history", {"page_size": "2"}).json()
    assert api.get(page["next"]).json()["results"][0]["checked_at"] == "2026-03-02T13:00:00Z"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"interval": "week"}, "interval='week' is not one of: hour, day"),
        ({"since": "soon"}, "since='soon' is not an ISO 8601 time"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "since lies after until"),
    ],
)
def test_history_says_what_was_wrong_with_a_question(
    api: APIClient, query: dict[str, str], said: str
) -> None:
    answer = api.get(f"{URL}/history", query)
    assert (answer.status_code, said in answer.json()["message"]) == (400, True)


@pytest.mark.parametrize("path", ["quality", "quality/history", "coverage"])
def test_quality_is_for_whoever_is_signed_in(path: str) -> None:
    assert APIClient().get(f"/api/v1/monitoring/{path}").status_code == 401


def test_admin_plots_the_scores_and_shows_issues_with_their_rows(admin_client: Any, clock: Any) -> None:
    sync_groups()
    fill()
    price = make_price("ETH", bid=101, ask=100)
    look(now())
    clock.shift(300)
    look(now())
    page = admin_client.get("/admin/monitoring/qualitycheck/").content.decode()
    assert page.count("<polyline") == 5
    detail = admin_client.get(
        f"/admin/monitoring/qualitycheck/{QualityCheck.objects.all()[0].pk}/change/"
    ).content.decode()
    assert f"price {price.price_id}" in detail
    assert "1 of 2 entries of coinspot_prices" in detail
    Outlier.objects.create(
        price_id=price.price_id,
        coin_type="ETH",
        occurred_at=now(),
        before=1,
        last=2,
        score=40.2,
        bound=10,
        found_at=now(),
    )
    assert "40, of 10 allowed" in admin_client.get("/admin/monitoring/outlier/").content.decode()
