"""Reddit's listings and feeds."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.ledgers.parsers.reddit_api import cursor_of, parse_feed, parse_listing, posts_of
from apps.ledgers.records import PostRecord, UnreadablePage
from apps.ledgers.tests.shared import SHARED, needs_shared


def post(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "t3",
        "data": {
            "name": "t3_abc1", "subreddit": "Bitcoin", "title": "Bitcoin rally goes on", "selftext": "",
            "author": "satoshi", "score": 120, "num_comments": 14, "created_utc": 1772452800.0, "stickied": False,
            "permalink": "/r/Bitcoin/comments/abc1/bitcoin_rally/", "url": "https://example.com/x",
        } | fields,
    }  # fmt: skip


def listing(*posts: dict[str, Any], after: str | None = None) -> bytes:
    return json.dumps(
        {"kind": "Listing", "data": {"after": after, "dist": len(posts), "children": list(posts)}}
    ).encode()


def only(body: bytes) -> PostRecord:
    (record,) = parse_listing(body).records
    assert isinstance(record, PostRecord)
    return record


def test_post_is_read() -> None:
    record = only(listing(post()))
    assert (record.item, record.community, record.author) == ("t3_abc1", "Bitcoin", "satoshi")
    assert record.occurred_at == datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    assert record.engagement == {"score": 120, "comments": 14}
    assert record.url == "https://www.reddit.com/r/Bitcoin/comments/abc1/bitcoin_rally/"
    assert record.currencies == ("BTC",)


def test_stickied_posts_are_skipped() -> None:
    body = listing(post(stickied=True), post(name="t3_two"))
    assert only(body).item == "t3_two"
    assert len(posts_of(body)) == 1


def test_escaped_html_is_undone() -> None:
    record = only(listing(post(title="Bitcoin &amp; gold: &lt;3", selftext="a &gt; b")))
    assert (record.title, record.content) == ("Bitcoin & gold: <3", "a > b")


@pytest.mark.parametrize("gone", ["[removed]", "[deleted]"])
def test_removed_text_is_empty(gone: str) -> None:
    assert only(listing(post(selftext=gone))).content == ""


def test_hidden_score_and_missing_author_are_left_out() -> None:
    record = only(listing(post(hide_score=True, author=None, created_utc=1772452800)))
    assert record.engagement == {"comments": 14}
    assert record.author == ""


@pytest.mark.parametrize(
    "broken",
    [{"title": None}, {"name": "abc"}, {"created_utc": "soon"}, {"created_utc": None}, {"subreddit": ""}],
)
def test_broken_post_is_rejected_and_the_others_stay(broken: dict[str, Any]) -> None:
    parsed = parse_listing(listing(post(**broken), post(name="t3_fine")))
    assert [record.item for record in parsed.records] == ["t3_fine"]  # type: ignore[union-attr]
    assert len(parsed.rejects) == 1


def test_cursor_is_the_next_page_and_none_at_the_end() -> None:
    assert cursor_of(listing(after="t3_next")) == "t3_next"
    assert cursor_of(listing()) is None


def test_changed_body_changes_the_digest_and_a_changed_score_does_not() -> None:
    before = only(listing(post()))
    assert only(listing(post(selftext="edited"))).digest != before.digest
    assert only(listing(post(score=500))).digest == before.digest


@pytest.mark.parametrize(
    "body", [b'{"message": "Forbidden", "error": 403}', b'{"kind": "Listing", "data": {}}', b"[]",
             b'{"kind":"Listing","data":{"children":[{"kind":"t5","data":{}}]}}'],
)  # fmt: skip
def test_other_answers_are_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadablePage):
        parse_listing(body)


FEED = b"""<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Bitcoin</title>
<entry><author><name>/u/hal</name></author><category term="Bitcoin"/><id>t3_feed1</id>
<content type="html">&lt;p&gt;Good news&lt;/p&gt; submitted by &lt;a href="x"&gt; /u/hal &lt;/a&gt;
&lt;span&gt;&lt;a href="y"&gt;[link]&lt;/a&gt;&lt;/span&gt; &lt;a href="z"&gt;[comments]&lt;/a&gt;</content>
<link href="https://www.reddit.com/r/Bitcoin/comments/feed1/x/"/><title>Bitcoin &amp; friends</title>
<published>2026-03-02T12:00:00+00:00</published><updated>2026-03-02T12:00:00+00:00</updated></entry></feed>"""


def test_feed_entry_is_a_post_without_counts() -> None:
    (record,) = parse_feed(FEED, about="Bitcoin").records
    assert isinstance(record, PostRecord)
    assert (record.item, record.author, record.title) == ("t3_feed1", "hal", "Bitcoin & friends")
    assert (record.content, record.engagement) == ("Good news", {})


@pytest.mark.parametrize("cut", [40, 200, 500])
def test_cut_feed_is_unreadable(cut: int) -> None:
    with pytest.raises(UnreadablePage):
        parse_feed(FEED[:cut], about="Bitcoin")


@needs_shared
def test_recorded_listings_give_what_a_reader_would_find() -> None:
    bitcoin = (SHARED / "reddit" / "r_bitcoin_hot_2018.json").read_bytes()
    parsed = parse_listing(bitcoin)
    assert (len(parsed.records), parsed.rejects) == (25, ())  # 27 with the two stickied
    assert cursor_of(bitcoin) == "t3_a4ynxj"
    record = next(r for r in parsed.records if isinstance(r, PostRecord) and r.item == "t3_a559rl")
    assert record.title == "'Proof Of Keys' Wants You to Get Your Bitcoin Off Exchanges on January 3"
    assert record.engagement == {"score": 86, "comments": 41}
    assert len(parse_listing((SHARED / "reddit" / "r_askreddit_hot_oauth.json").read_bytes()).records) >= 98
    assert parse_listing((SHARED / "reddit" / "empty_listing.json").read_bytes()).records == ()
    pictures = parse_feed((SHARED / "reddit" / "r_pics.atom.xml").read_bytes(), about="pics")
    assert next(record.item for record in pictures.records) == "t3_1pz1lp2"  # type: ignore[union-attr]
