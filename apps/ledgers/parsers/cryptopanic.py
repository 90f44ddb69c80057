"""Read CryptoPanic's posts, in the layouts of API v1 and v2 and the older one.

Format (cryptopanic.com/developers/api; recorded 2018 and 2025): `results` of posts with `title`,
`published_at`, `source`, `votes`; the coins stand in `currencies` (v1) or `instruments` (v2), a key that
is absent, not empty, when no coin is tagged. Votes are zero on fresh posts, so they say nothing of how
a post sounds.
"""

from datetime import datetime
from typing import Any

from apps.ledgers.parsers.pages import counts, iso_time, load_object, without_tracking, words
from apps.ledgers.parsers.texts import judge
from apps.ledgers.records import NewsRecord, Parsed, Reject, UnreadablePage, digest_of

VOTES = ("negative", "positive", "important", "liked", "disliked", "lol", "toxic", "saved", "comments")


def parse(body: bytes) -> Parsed:
    """Give the posts of one page. Raises UnreadablePage."""
    records: list[NewsRecord] = []
    rejects: list[Reject] = []
    for post in _posts(body):
        try:
            records.append(_news(post))
        except ValueError as error:
            rejects.append(Reject(str(post.get("id"))[:40], str(error)))
    return Parsed(records=tuple(records), rejects=tuple(rejects))


def oldest_of(body: bytes) -> datetime | None:
    """Give when the page's oldest post was published; None when it has none. Raises UnreadablePage."""
    return min(
        (record.occurred_at for record in parse(body).records if isinstance(record, NewsRecord)), default=None
    )


def _posts(body: bytes) -> list[dict[str, Any]]:
    posts = load_object(body).get("results")
    if not isinstance(posts, list) or not all(isinstance(post, dict) for post in posts):
        raise UnreadablePage("results is not a list of posts")
    return posts


def _news(post: dict[str, Any]) -> NewsRecord:
    identity = post.get("id")
    if isinstance(identity, bool) or not isinstance(identity, int):
        raise ValueError("has no id")
    title, content = words(post, "title", required=True), words(post, "description") or words(post, "body")
    tags, publisher = _tags(post), post.get("source")
    votes = post.get("votes")
    link = post.get("original_url") or post.get("url") or f"https://cryptopanic.com/news/{identity}/"
    return NewsRecord(
        occurred_at=iso_time(post.get("published_at")),
        item=str(identity),
        digest=digest_of(title, content, link, tags),
        engagement=counts(votes, VOTES) if isinstance(votes, dict) else {},
        title=title,
        content=content,
        source=(words(publisher, "title", limit=100) if isinstance(publisher, dict) else "")
        or words(post, "domain")
        or "cryptopanic",
        url=without_tracking(str(link)),
        **judge(title, content, tags=tags),
    )


def _tags(post: dict[str, Any]) -> tuple[str, ...]:
    tagged = post.get("currencies") or post.get("instruments") or []
    if not isinstance(tagged, list):
        raise ValueError("its coins are not a list")
    return tuple(str(coin["code"]) for coin in tagged if isinstance(coin, dict) and coin.get("code"))
