"""Read the announcements of CoinSpot's help centre.

Formats: Zendesk's article list (developer.zendesk.com, Help Center API, "List Articles"), and where that
is refused, the category's HTML page, whose links end in `/articles/<id>-<slug>`. Neither was recorded
from CoinSpot itself; both are read by what every Zendesk help centre has.
"""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from lxml import etree, html

from apps.ledgers import coins
from apps.ledgers.announcement_rules import classify
from apps.ledgers.parsers.pages import iso_time, load_object, words
from apps.ledgers.records import EventRecord, Parsed, Reject, UnreadablePage, digest_of

_SECTION = re.compile(r"/(categories|sections)/\d+")
_ANNOUNCEMENTS = re.compile(r"announce|news", re.IGNORECASE)
_ARTICLE = re.compile(r"/articles/(\d{3,20})")


def parse_articles(body: bytes) -> Parsed:
    """Give the published articles of the JSON list. Raises UnreadablePage."""
    records: list[EventRecord] = []
    rejects: list[Reject] = []
    for article in _articles(body):
        if article.get("draft"):
            continue
        try:
            title, content = words(article, "title", required=True), words(article, "body")
            records.append(
                _event(
                    str(article.get("html_url") or ""), title, content, iso_time(article.get("created_at"))
                )
            )
        except ValueError as error:
            rejects.append(Reject(str(article.get("id"))[:40], str(error)))
    return Parsed(records=tuple(records), rejects=tuple(rejects))


def oldest_of(body: bytes) -> datetime | None:
    """Give when the list's oldest article was made; None past its end. Raises UnreadablePage."""
    times = [iso_time(article.get("created_at")) for article in _articles(body) if article.get("created_at")]
    return min(times, default=None)


def parse_category(body: bytes, observed_at: datetime, *, base_url: str) -> Parsed:
    """Give the articles that the HTML page links to. Raises UnreadablePage when there is none.

    A link without a `<time>` near it occurred when it was first seen; the page adds articles, and says too
    little to restate one.
    """
    page = _opened(body, base_url)
    records: dict[str, EventRecord] = {}
    rejects: list[Reject] = []
    for link in page.iterfind(".//a[@href]"):
        url, title = str(link.get("href")), " ".join("".join(map(str, link.itertext())).split())
        if not _ARTICLE.search(url) or not title:
            continue
        try:
            event = replace(_event(url, title, "", _time_beside(link) or observed_at), only_new=True)
            records.setdefault(event.item, event)
        except ValueError as error:
            rejects.append(Reject(url[-40:], str(error)))
    if not records and not rejects:
        raise UnreadablePage("no link to an article")
    return Parsed(records=tuple(records.values()), rejects=tuple(rejects))


def category_of(body: bytes, *, base_url: str) -> str | None:
    """Give the address that the home page links to as announcements or news; None when there is none on this host.

    Raises UnreadablePage.
    """
    for link in _opened(body, base_url).iterfind(".//a[@href]"):
        url, said = str(link.get("href")), " ".join(map(str, link.itertext()))
        if url.startswith(f"{base_url}/") and _SECTION.search(url) and _ANNOUNCEMENTS.search(f"{said} {url}"):
            return url
    return None


def _opened(body: bytes, base_url: str) -> Any:
    try:
        return html.make_links_absolute(html.fromstring(body), base_url, handle_failures="ignore")
    except (etree.LxmlError, ValueError) as error:
        raise UnreadablePage(f"not an HTML page: {error}") from error


def _articles(body: bytes) -> list[dict[str, Any]]:
    articles = load_object(body).get("articles")
    if not isinstance(articles, list) or not all(isinstance(article, dict) for article in articles):
        raise UnreadablePage("articles is not a list")
    return articles


def _event(url: str, title: str, content: str, occurred_at: datetime) -> EventRecord:
    found = _ARTICLE.search(url)
    if not found:
        raise ValueError(f"its address {url[:80]!r} has no article id")
    kind = classify(title, content)
    return EventRecord(
        occurred_at=occurred_at,
        item=found.group(1),
        digest=digest_of(title, content),
        event_type=kind.event_type,
        title=title,
        description=content[:2000],
        source="CoinSpot",
        url=url.partition("?")[0].partition("#")[0],
        currencies=coins.mentions(f"{title}. {content[:500]}"),
        impact_score=kind.impact,
    )


def _time_beside(link: Any) -> datetime | None:
    """Give the time that stands with this link and no other."""
    entry = link.getparent()
    while entry is not None and len(entry.xpath(".//a[contains(@href, '/articles/')]")) == 1:
        if (stamp := entry.find(".//time[@datetime]")) is not None:
            return iso_time(stamp.get("datetime"))
        entry = entry.getparent()
    return None
