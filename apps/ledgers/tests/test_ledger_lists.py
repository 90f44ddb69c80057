"""Every list of `/ledgers`: its rows, its filters, its past, its cost."""

from base64 import b64encode
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.ledgers.services.candles import roll_candles
from apps.ledgers.tests.factories import (
    make_event,
    make_fundamental,
    make_metric,
    make_news,
    make_post,
    make_price,
    store_now,
)
from ohmycoins.core import clock as system_clock

pytestmark = pytest.mark.django_db
BASE = "/api/v1/ledgers/"
LISTS: dict[str, Any] = {
    "glass/fundamentals": make_fundamental,
    "glass/metrics": make_metric,
    "human/news": make_news,
    "human/social": make_post,
    "catalyst/events": make_event,
}
PROMISED = {
    "glass/fundamentals": {"protocol", "tvl_usd", "fees_24h_usd", "revenue_24h_usd"},
    "glass/metrics": {"asset", "metric_name", "metric_value", "source"},
    "human/news": {"title", "source", "url", "sentiment", "sentiment_score", "currencies"},
    "human/social": {
        "platform", "community", "title", "content", "author", "url", "score", "comment_count", "sentiment",
        "sentiment_score", "currencies",
    },
    "catalyst/events": {"event_type", "title", "description", "source", "url", "currencies", "impact_score"},
}  # fmt: skip


def rows(api: APIClient, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = api.get(BASE + path, query)
    assert answer.status_code == 200, answer.json()
    return answer.json()["results"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", LISTS)
def test_list_has_every_promised_field(api: APIClient, path: str) -> None:
    store_now(LISTS[path]())
    (row,) = rows(api, path)
    assert row.keys() >= PROMISED[path] | {"occurred_at", "observed_at"}


@pytest.mark.parametrize("path", LISTS)
def test_list_takes_one_query_however_many_rows_and_versions(
    api: APIClient, path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    store_now(*(LISTS[path](str(number)) for number in range(20)))
    with django_assert_num_queries(1):
        assert len(rows(api, path)) == 20


@pytest.mark.parametrize("path", LISTS)
def test_changed_item_is_listed_once_and_the_past_stays_byte_for_byte(
    api: APIClient, path: str, clock: Any
) -> None:
    changed = {
        "glass/fundamentals": {"tvl_usd": 200}, "glass/metrics": {"metric_value": 6}, "human/news": {"title": "X"},
        "human/social": {"title": "X"}, "catalyst/events": {"title": "X"},
    }[path]  # fmt: skip
    store_now(LISTS[path]())
    clock.shift(60)
    then = {"as_of": system_clock.now().isoformat()}
    before = api.get(BASE + path, then).content
    clock.shift(60)
    store_now(LISTS[path](**changed), LISTS[path]("another"))
    assert len(rows(api, path)) == 2
    assert len(rows(api, path, versions="all")) == 3
    assert api.get(BASE + path, then).content == before


def test_numbers_are_plain_strings(api: APIClient) -> None:
    store_now(make_fundamental(tvl_usd="4962012809.79506200"))
    (row,) = rows(api, "glass/fundamentals")
    assert (row["tvl_usd"], row["fees_24h_usd"]) == ("4962012809.795062", None)


def test_filters_narrow(api: APIClient) -> None:
    store_now(make_news("1"), make_news("2", currencies=("ETH", "SOL"), sentiment="bearish", source="B"))
    assert len(rows(api, "human/news", coin_type="sol")) == 1
    assert len(rows(api, "human/news", sentiment="bearish")) == 1
    assert len(rows(api, "human/news", source="B", coin_type="BTC")) == 0
    store_now(make_event("1"), make_event("2", impact_score=5, event_type="sec_filing_4", source="SEC"))
    assert [row["impact_score"] for row in rows(api, "catalyst/events", min_impact=8)] == [9]
    assert len(rows(api, "catalyst/events", event_type="sec_filing_4")) == 1
    store_now(make_metric(), make_metric("x", asset="SOL", network="Solana"))
    assert len(rows(api, "glass/metrics", asset="SOL", metric_name="chain_tvl_usd")) == 1
    store_now(make_post(), make_post("t3_x", community="ethereum"))
    assert len(rows(api, "human/social", community="ethereum")) == 1


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("human/news", "sentiment=happy"), ("human/news", "versions=some"), ("human/news", "source=%00"),
        ("catalyst/events", "min_impact=11"), ("catalyst/events", "min_impact=x"), ("human/social", "coin_type=B-C"),
        ("glass/metrics", "since=x"), ("exchange/candles", "interval=minute"), ("glass/fundamentals", "as_of=2999-01-01"),
    ],
)  # fmt: skip
def test_bad_parameter_is_400_and_named(api: APIClient, path: str, query: str) -> None:
    answer = api.get(f"{BASE}{path}?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["message"]


def test_candles_are_listed_by_interval(
    api: APIClient, clock: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_price(bid=1, ask=3, last=2)
    make_price("ETH", bid=1, ask=3, last=2)
    clock.shift(7200)
    roll_candles(now=system_clock.now())
    with django_assert_num_queries(1):
        (candle,) = rows(api, "exchange/candles", coin_type="BTC")
    assert (candle["interval"], candle["open"], candle["readings"]) == ("hour", "2", 1)
    assert candle["occurred_at"] == "2026-03-02T12:00:00Z"
    assert len(rows(api, "exchange/candles", interval="5min")) == 2
    assert rows(api, "exchange/candles", interval="day") == []


@pytest.mark.parametrize("position", ["p=abc", "p=%00", "p=2026-13-01", "p=99999-01-01", "r=x&p=1"])
@pytest.mark.parametrize("path", [*LISTS, "exchange/prices", "exchange/candles", "exchange/latest"])
def test_made_up_cursor_is_400(api: APIClient, path: str, position: str) -> None:
    cursor = b64encode(position.encode()).decode()
    answer = api.get(BASE + path, {"cursor": cursor})
    assert answer.status_code in (200, 400)
    if path != "exchange/latest" and "r=x" not in position:
        assert answer.status_code == 400


def test_absurd_page_size_is_400(api: APIClient) -> None:
    assert api.get(BASE + "human/news", {"page_size": "9" * 5000}).status_code == 400
