"""CryptoPanic's posts in every layout."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.ledgers.parsers.cryptopanic import oldest_of, parse
from apps.ledgers.records import NewsRecord, UnreadablePage
from apps.ledgers.tests.shared import SHARED, needs_shared


def post(**fields: Any) -> dict[str, Any]:
    return {
        "id": 7, "title": "Exchange adds new coin", "published_at": "2026-03-02T11:58:00.123Z", "domain": "coindesk.com",
        "source": {"title": "CoinDesk", "domain": "coindesk.com"},
        "url": "https://cryptopanic.com/news/7/x?mtm_campaign=API", "votes": {"positive": 3, "negative": 0},
    } | fields  # fmt: skip


def page(*posts: Any) -> bytes:
    return json.dumps({"count": 200, "next": None, "results": list(posts)}).encode()


def only(**fields: Any) -> NewsRecord:
    (record,) = parse(page(post(**fields))).records
    assert isinstance(record, NewsRecord)
    return record


def test_post_is_read_and_its_link_loses_the_tracking() -> None:
    record = only(currencies=[{"code": "SOL", "title": "Solana"}])
    assert (record.item, record.source, record.currencies) == ("7", "CoinDesk", ("SOL",))
    assert record.occurred_at == datetime(2026, 3, 2, 11, 58, 0, 123000, tzinfo=UTC)
    assert record.url == "https://cryptopanic.com/news/7/x"
    assert record.engagement == {"positive": 3, "negative": 0}


def test_absent_currencies_leave_the_coins_to_the_text() -> None:
    assert only(title="Ethereum upgrade goes live").currencies == ("ETH",)
    assert only(title="Lunch was good").currencies == ()


def test_version_2_tags_instruments_and_describes() -> None:
    record = only(
        instruments=[{"code": "ADA"}],
        description="<p>More</p> of it",
        original_url="https://a.example/1?utm_source=x",
    )
    assert (record.currencies, record.content, record.url) == (("ADA",), "More of it", "https://a.example/1")


def test_repeated_tags_count_once_and_html_leaves_the_title() -> None:
    record = only(
        currencies=[{"code": "TON"}, {"code": "TON"}], title='NEO is up <span class="green">20%</span>'
    )
    assert record.currencies == ("TON",)
    assert record.title == "NEO is up 20%"


def test_zero_votes_do_not_make_a_text_neutral() -> None:
    record = only(title="Bitcoin crashes as exchange is hacked", votes={"positive": 0, "negative": 0})
    assert record.sentiment == "bearish"


@pytest.mark.parametrize(
    "broken",
    [{"id": None}, {"title": ""}, {"published_at": "soon"}, {"published_at": None}, {"url": "javascript:x"}],
)
def test_broken_post_is_rejected_alone(broken: dict[str, Any]) -> None:
    parsed = parse(page(post(**broken), post(id=8)))
    assert [record.item for record in parsed.records] == ["8"]  # type: ignore[union-attr]
    assert len(parsed.rejects) == 1


def test_oldest_of_a_page_says_whether_to_go_on() -> None:
    body = page(post(), post(id=8, published_at="2026-03-01T00:00:00Z"))
    assert oldest_of(body) == datetime(2026, 3, 1, tzinfo=UTC)
    assert oldest_of(page()) is None


@pytest.mark.parametrize("body", [b'{"status": "api_error"}', b'{"results": [1]}', b"[]"])
def test_other_answers_are_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadablePage):
        parse(body)


@needs_shared
def test_recorded_pages_are_read_whole() -> None:
    new = parse((SHARED / "cryptopanic" / "posts_v1_free_20250226.json").read_bytes())
    assert (len(new.records), new.rejects) == (20, ())
    first = new.records[0]
    assert isinstance(first, NewsRecord)
    assert first.title == "Lowe’s Companies, Inc. Beats Expectations with $1.1B Net Earnings in Q4"
    assert first.currencies == ("EPS",)
    old = parse((SHARED / "cryptopanic" / "posts_v0_hot_20180118.json").read_bytes())
    assert (len(old.records), old.rejects) == (40, ())
    assert isinstance(old.records[0], NewsRecord)
    assert old.records[0].title == "NEO ($NEO) price is up 20.99%"
