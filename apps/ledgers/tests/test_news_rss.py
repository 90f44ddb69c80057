"""News feeds."""

from datetime import UTC, datetime

import pytest

from apps.ledgers.parsers.news_rss import parse
from apps.ledgers.parsers.pages import without_tracking
from apps.ledgers.records import NewsRecord, UnreadablePage
from apps.ledgers.tests.shared import SHARED, needs_shared

ITEM = """<item><title><![CDATA[Bitcoin & Ether rally]]></title>
<link>https://News.example/a?utm_source=rss&amp;id=5#top</link><guid isPermaLink="false">0b6-uuid</guid>
<description><![CDATA[<p style="float:right"><img src="x"></p><p>Both coins <b>surge</b>.</p>]]></description>
<pubDate>Mon, 02 Mar 2026 22:58:00 +1100</pubDate></item>"""


def feed(*items: str) -> bytes:
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>The Example</title>{"".join(items)}</channel></rss>'.encode()


def test_item_is_read_without_markup_or_tracking() -> None:
    (record,) = parse(feed(ITEM), about="https://news.example/rss").records
    assert isinstance(record, NewsRecord)
    assert (record.title, record.content) == ("Bitcoin & Ether rally", "Both coins surge.")
    assert record.item == record.url == "https://news.example/a?id=5"
    assert (record.source, record.currencies) == ("The Example", ("BTC", "ETH"))
    assert record.occurred_at == datetime(2026, 3, 2, 11, 58, tzinfo=UTC)


def test_item_without_date_or_link_is_rejected_alone() -> None:
    no_date = ITEM.replace("pubDate", "other")
    no_link = ITEM.replace("<link>", "<x>").replace("</link>", "</x>")
    parsed = parse(feed(no_date, no_link, ITEM), about="https://news.example/rss")
    assert (len(parsed.records), len(parsed.rejects)) == (1, 2)


def test_changed_headline_is_another_version_of_the_same_item() -> None:
    (before,) = parse(feed(ITEM), about="x").records
    (after,) = parse(feed(ITEM.replace("rally", "fall")), about="x").records
    assert isinstance(before, NewsRecord)
    assert isinstance(after, NewsRecord)
    assert before.item == after.item
    assert before.digest != after.digest


@pytest.mark.parametrize(
    ("link", "plain"),
    [
        ("https://a.example/x?utm_source=rss&utm_medium=feed", "https://a.example/x"),
        ("https://a.example/x?id=1&fbclid=2", "https://a.example/x?id=1"),
        ("http://A.example/X?reference=1", "http://a.example/X?reference=1"),
    ],
)
def test_tracking_is_stripped_and_nothing_else(link: str, plain: str) -> None:
    assert without_tracking(link) == plain


@pytest.mark.parametrize("link", ["", "javascript:alert(1)", "/relative", "file:///etc/passwd"])
def test_link_that_is_no_web_address_is_refused(link: str) -> None:
    with pytest.raises(ValueError, match="not a web address"):
        without_tracking(link)


@pytest.mark.parametrize("body", [b"", b"<html><body>Sorry</body></html>", feed(ITEM)[:300], b'{"a": 1}'])
def test_page_that_is_no_feed_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadablePage):
        parse(body, about="x")


@needs_shared
def test_recorded_feeds_are_read() -> None:
    coindesk = parse((SHARED / "news" / "coindesk_rss_trimmed.xml").read_bytes(), about="x").records
    assert [r.item for r in coindesk] == [  # type: ignore[union-attr]
        "https://www.coindesk.com/markets/2026/08/15/robot-maker-unitree-is-going-public",
        "https://www.coindesk.com/business/2026/08/15/swiss-mega-bank-ubs-ramps-up-bitcoin-exposure",
    ]
    telegraph = parse((SHARED / "news" / "cointelegraph_rss_trimmed.xml").read_bytes(), about="x").records
    assert isinstance(telegraph[0], NewsRecord)
    assert telegraph[0].url == "https://cointelegraph.com/news/tokenized-stock-holders"
    assert telegraph[0].content == "Tokenized equities reached 1.31 million holders over the past month."
