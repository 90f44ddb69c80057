"""The ledgers' quality as it is measured, kept, told and served; on rows as collectors store them."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

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
from apps.monitoring.models import QualityCheck
from apps.monitoring.services.quality import look
from apps.monitoring.tests.measured import HOUR, MINUTE, check, fill, messages, told
from ohmycoins.core.clock import now

pytestmark = pytest.mark.django_db


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


def test_severity_rises_with_age_and_the_finding_goes_by_itself(clock: Any) -> None:
    fill()
    seen = []
    for seconds in (600, 1, 2999, 1):
        clock.shift(seconds)
        seen.append(told(look(now())).get("source:coinspot_prices"))
    assert seen == [None, "low", "low", "medium"]
    make_price()
    assert "source:coinspot_prices" not in told(look(now()))


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
