"""Read a subreddit's hot posts: Reddit's JSON listing, or the Atom feed that stands in for it.

Formats: reddit.com/dev/api (listings of `t3` things; recorded 2016 to 2018) and Atom, RFC 4287.
Stickied posts come on top of the limit, old answers escape HTML in titles and texts, and the feed has
neither score nor comment count.
"""

import html
import re
from typing import Any

from apps.ledgers.parsers.pages import counts, epoch, feed_time, load_feed, load_object, plain_text, words
from apps.ledgers.parsers.texts import judge
from apps.ledgers.records import Parsed, PostRecord, Reject, UnreadablePage, digest_of

REDDIT = "https://www.reddit.com"
GONE = ("[removed]", "[deleted]")
_FOOTER = re.compile(r"\s*submitted by /u/\S+( to r/\S+)? \[link\] \[comments\]\Z")
_FULLNAME = re.compile(r"t3_[a-z0-9]{1,13}\Z")


def parse_listing(body: bytes) -> Parsed:
    """Give the posts of a JSON listing, without the stickied ones. Raises UnreadablePage."""
    records: list[PostRecord] = []
    rejects: list[Reject] = []
    for post in posts_of(body):
        try:
            records.append(_post(post))
        except ValueError as error:
            rejects.append(Reject(str(post.get("name"))[:40], str(error)))
    return Parsed(records=tuple(records), rejects=tuple(rejects))


def posts_of(body: bytes) -> list[dict[str, Any]]:
    """Give the listing's posts as they are, stickied ones left out. Raises UnreadablePage."""
    children = _listing(body).get("children")
    if not isinstance(children, list):
        raise UnreadablePage("not a listing: children is missing")
    things = [
        child.get("data") if isinstance(child, dict) and child.get("kind") == "t3" else None
        for child in children
    ]
    if things and not any(isinstance(thing, dict) for thing in things):
        raise UnreadablePage("not a listing of posts")
    return [thing for thing in things if thing and not thing.get("stickied")]


def cursor_of(body: bytes) -> str | None:
    """Give where the next page starts; None at the end. Raises UnreadablePage."""
    after = _listing(body).get("after")
    return after if isinstance(after, str) and after else None


def parse_feed(body: bytes, *, about: str) -> Parsed:
    """Give the posts of the Atom feed of the subreddit `about`. Raises UnreadablePage."""
    records: list[PostRecord] = []
    rejects: list[Reject] = []
    for entry in load_feed(body).entries:
        try:
            records.append(_entry(entry, about))
        except ValueError as error:
            rejects.append(Reject(str(entry.get("id"))[:40], str(error)))
    return Parsed(records=tuple(records), rejects=tuple(rejects))


def _listing(body: bytes) -> dict[str, Any]:
    page = load_object(body)
    data = page.get("data")
    if page.get("kind") != "Listing" or not isinstance(data, dict):
        raise UnreadablePage("not a listing")
    return data


def _post(post: dict[str, Any]) -> PostRecord:
    title = words({"title": _unescaped(post.get("title"))}, "title", required=True)
    content = words({"selftext": _unescaped(post.get("selftext"))}, "selftext")
    content = "" if content in GONE else content
    link, community = str(post.get("permalink") or ""), words(post, "subreddit", required=True)
    engagement = counts(post, ("score", "num_comments"))
    if post.get("hide_score"):
        engagement.pop("score", None)
    return PostRecord(
        occurred_at=epoch(post.get("created_utc")),
        item=_fullname(post.get("name")),
        digest=digest_of(title, content),
        engagement={("comments" if name == "num_comments" else name): n for name, n in engagement.items()},
        platform="reddit",
        community=community,
        title=title,
        content=content,
        author=words(post, "author", limit=100),
        url=REDDIT + link if link.startswith("/r/") else REDDIT,
        **judge(title, content),
    )


def _entry(entry: Any, community: str) -> PostRecord:
    title = words(entry, "title", required=True)
    body = plain_text(entry.content[0].value) if entry.get("content") else words(entry, "summary")
    content = _FOOTER.sub("", body)
    return PostRecord(
        occurred_at=feed_time(entry),
        item=_fullname(entry.get("id")),
        digest=digest_of(title, content),
        only_new=True,  # the feed's text is the listing's and more, and it lacks the score
        platform="reddit",
        community=community,
        title=title,
        content=content,
        author=words(entry, "author", limit=100).removeprefix("/u/"),
        url=str(entry.get("link") or REDDIT),
        **judge(title, content),
    )


def _fullname(given: Any) -> str:
    if not isinstance(given, str) or not _FULLNAME.match(given):
        raise ValueError("has no fullname such as t3_abc")
    return given


def _unescaped(given: Any) -> Any:
    return html.unescape(given) if isinstance(given, str) else given
