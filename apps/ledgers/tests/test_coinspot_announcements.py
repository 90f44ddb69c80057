"""CoinSpot's help centre, as JSON and as a page."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.ledgers.parsers.coinspot_announcements import category_of, oldest_of, parse_articles, parse_category
from apps.ledgers.records import EventRecord, UnreadablePage

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BASE = "https://help.example"


def article(**fields: Any) -> dict[str, Any]:
    return {
        "id": 9001, "title": "New listing: Solana (SOL)", "body": "<p>Trade <b>SOL</b> now.</p>", "draft": False,
        "html_url": f"{BASE}/hc/en-us/articles/9001-New-listing", "created_at": "2026-03-01T00:30:00Z",
    } | fields  # fmt: skip


def articles(*given: Any) -> bytes:
    return json.dumps({"count": len(given), "next_page": None, "articles": list(given)}).encode()


def test_article_becomes_an_event_named_by_the_id_in_its_address() -> None:
    (event,) = parse_articles(articles(article())).records
    assert isinstance(event, EventRecord)
    assert (event.item, event.event_type, event.impact_score) == ("9001", "listing", 9)
    assert (event.currencies, event.description, event.source) == (("SOL",), "Trade SOL now.", "CoinSpot")
    assert event.occurred_at == datetime(2026, 3, 1, 0, 30, tzinfo=UTC)


def test_drafts_are_left_out_and_broken_articles_rejected_alone() -> None:
    parsed = parse_articles(
        articles(article(draft=True), article(title=None), article(html_url="x"), article())
    )
    assert (len(parsed.records), len(parsed.rejects)) == (1, 2)


def test_oldest_article_says_whether_to_go_on() -> None:
    assert oldest_of(articles(article(), article(created_at="2026-01-01T00:00:00Z"))) == datetime(
        2026, 1, 1, tzinfo=UTC
    )
    assert oldest_of(articles()) is None


PAGE = b"""<html><body><nav><a href="/hc/en-us">Home</a></nav><ul>
<li><a href="/hc/en-us/articles/7007-Delisting-of-XYZ?x=1">Delisting of LINK</a> <time datetime="2026-02-28T01:00:00Z">x</time></li>
<li><a href="/hc/en-us/articles/7008-Scheduled">Scheduled maintenance: new wallet added</a></li>
<li><a href="/hc/en-us/articles/7007-Delisting-of-XYZ">Delisting of LINK</a></li></ul></body></html>"""


def test_page_gives_its_articles_once_each_with_the_time_beside_them() -> None:
    gone, maintenance = parse_category(PAGE, NOW, base_url=BASE).records
    assert isinstance(gone, EventRecord)
    assert isinstance(maintenance, EventRecord)
    assert (gone.item, gone.event_type, gone.occurred_at) == (
        "7007",
        "delisting",
        datetime(2026, 2, 28, 1, tzinfo=UTC),
    )
    assert gone.url == "https://help.example/hc/en-us/articles/7007-Delisting-of-XYZ"
    assert (maintenance.event_type, maintenance.occurred_at) == ("maintenance", NOW)


@pytest.mark.parametrize("body", [b"", b"<html><body>Please wait</body></html>", b"{}"])
def test_page_without_articles_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadablePage):
        parse_category(body, NOW, base_url=BASE)


@pytest.mark.parametrize(
    ("link", "found"),
    [
        (
            '<a href="/hc/en-us/categories/123-Announcements">All</a>',
            f"{BASE}/hc/en-us/categories/123-Announcements",
        ),
        ('<a href="/hc/en-us/sections/9">News</a>', f"{BASE}/hc/en-us/sections/9"),
        ('<a href="/hc/en-us/categories/123-Wallets">Wallets</a>', None),
        ('<a href="https://elsewhere.example/hc/categories/1-announcements">x</a>', None),
        ('<a href="http://[">announcements</a>', None),
    ],
)
def test_category_is_what_the_home_page_calls_announcements(link: str, found: str | None) -> None:
    assert category_of(f"<html><body>{link}</body></html>".encode(), base_url=BASE) == found


@pytest.mark.parametrize("body", [b"{}", b'{"articles": "none"}', b'{"error": "RecordNotFound"}'])
def test_other_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadablePage):
        parse_articles(body)
