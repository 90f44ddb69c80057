"""Read a news feed (RSS 2.0 or Atom).

As recorded from CoinDesk and Cointelegraph: titles and links in CDATA, HTML in descriptions, tracking
parameters in links; `guid` is a link in some feeds and a UUID in others, so the link without tracking
is what names an article.
"""

from typing import Any

from apps.ledgers.parsers.pages import feed_time, load_feed, plain_text, without_tracking, words
from apps.ledgers.parsers.texts import judge
from apps.ledgers.records import NewsRecord, Parsed, Reject, digest_of

LONGEST_TITLE = 1000


def parse(body: bytes, *, about: str) -> Parsed:
    """Give the articles of the feed at `about` (host and path). Raises UnreadablePage."""
    feed = load_feed(body)
    title = words(feed.feed, "title", limit=100)
    publisher = title.partition(":")[0] or about.partition("/")[0]  # "CoinDesk: Bitcoin, Ethereum, …"
    records: list[NewsRecord] = []
    rejects: list[Reject] = []
    for entry in feed.entries:
        try:
            records.append(_news(entry, publisher))
        except ValueError as error:
            rejects.append(Reject(str(entry.get("link") or entry.get("id"))[:80], str(error)))
    return Parsed(records=tuple(records), rejects=tuple(rejects))


def _news(entry: Any, publisher: str) -> NewsRecord:
    link = without_tracking(str(entry.get("link") or ""))
    title = words(entry, "title", required=True, limit=LONGEST_TITLE)
    content = words(entry, "summary")
    if not content and entry.get("content"):
        content = plain_text(entry.content[0].value)[:10_000]
    return NewsRecord(
        occurred_at=feed_time(entry),
        item=link[:500],
        digest=digest_of(title, content),
        title=title,
        content=content,
        source=publisher,
        url=link,
        **judge(title, content),
    )
