"""Open a page: JSON or a feed, and the texts within."""

import calendar
import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import feedparser
from lxml import etree, html

from apps.ledgers.records import UnreadablePage
from ohmycoins.core.money import loads_exact

_TRACKING = re.compile(r"utm_.*|mc_.*|mtm_.*|fbclid|gclid|ref|source|cmpid", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_BLOCK = re.compile(r"</?(?:p|br|div|li|ul|ol|h[1-6]|table|tr|td|th|blockquote)\b", re.IGNORECASE)
_MARKUP = re.compile(r"<[a-zA-Z/!][^<>]*>|&[#\w]+;")
LONGEST_MARKUP = 100_000  # of one text: reading takes time, and all collectors share a process
LARGEST_COUNT = 2**53


def load_json(body: bytes) -> Any:
    """Parse a JSON page, fractions as Decimals. Raises UnreadablePage."""
    try:
        return loads_exact(body)
    except (ValueError, RecursionError) as error:
        raise UnreadablePage(f"not JSON: {error}") from error


def load_object(body: bytes) -> dict[str, Any]:
    """Parse a page that must be a JSON object. Raises UnreadablePage."""
    page = load_json(body)
    if not isinstance(page, dict):
        raise UnreadablePage(f"expected a JSON object, found {type(page).__name__}")
    return page


def load_feed(body: bytes) -> feedparser.FeedParserDict:
    """Parse an RSS or Atom feed. Raises UnreadablePage when it is neither, or was cut off."""
    feed = feedparser.parse(body, sanitize_html=False)
    problem = feed.get("bozo_exception")
    if not feed.get("version") or (problem and not isinstance(problem, feedparser.CharacterEncodingOverride)):
        raise UnreadablePage(f"not a feed: {problem or 'neither RSS nor Atom'}")
    return feed


def feed_time(entry: feedparser.FeedParserDict) -> datetime:
    """Give when an entry was published, else updated. Raises ValueError."""
    parsed: time.struct_time | None = entry.get("published_parsed") or entry.get("updated_parsed")
    if parsed is None:
        raise ValueError("has no readable date")
    return datetime.fromtimestamp(calendar.timegm(parsed), UTC)


def plain_text(markup: str) -> str:
    """Give the words of a piece of HTML, or of plain text, on one line."""
    markup = markup[:LONGEST_MARKUP].replace("\x00", "").encode("utf-8", "ignore").decode()
    if _MARKUP.search(markup):
        spaced = _BLOCK.sub(r" \g<0>", markup)
        try:
            tree = html.fromstring(f"<div>{spaced}</div>")
            etree.strip_elements(tree, "script", "style", with_tail=False)
            markup = "".join(str(text) for text in tree.itertext())
        except (etree.LxmlError, ValueError) as error:
            raise ValueError("has markup that cannot be read") from error
    return _SPACES.sub(" ", markup).strip()


def epoch(seconds: Any) -> datetime:
    """Read seconds since 1970. Raises ValueError."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal | str):
        raise ValueError("has no readable time")
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"time {str(seconds)[:30]!r} is not seconds since 1970") from error


def iso_time(text: Any) -> datetime:
    """Read an ISO 8601 time; without an offset it is UTC. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("has no readable time")
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"time {text[:40]!r} is not ISO 8601") from error


def without_tracking(link: str) -> str:
    """Give the link without its fragment and the parameters that only say where a reader came from."""
    parts = urlsplit(link.strip())
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"link {link[:60]!r} is not a web address")
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not _TRACKING.fullmatch(name)
    ]
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path, urlencode(kept), ""))


def words(item: Any, name: str, *, required: bool = False, limit: int = 10_000) -> str:
    """Give the text under `name` in plain words, or "" when it is missing or null. Raises ValueError."""
    given = item.get(name)
    if given is not None and not isinstance(given, str):
        raise ValueError(f"{name} is not a text")
    text = plain_text(given or "")
    if required and not text:
        raise ValueError(f"{name} is missing")
    return text[:limit]


def counts(item: Any, names: tuple[str, ...]) -> dict[str, int]:
    """Give the whole numbers among `names`; what is hidden, null or missing is left out."""
    given = {name: item.get(name) for name in names}
    whole = {name: n for name, n in given.items() if isinstance(n, int) and not isinstance(n, bool)}
    return {name: n for name, n in whole.items() if abs(n) < LARGEST_COUNT}
