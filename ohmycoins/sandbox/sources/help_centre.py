"""Simulate CoinSpot's help centre: Zendesk's article list (developer.zendesk.com, Help Center API,
"List Articles") and the HTML pages beside it.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import takewhile
from typing import Any, Self
from urllib.parse import urlencode

from ohmycoins.sandbox.chance import Moment, Stream, deal, dice
from ohmycoins.sandbox.market import Market
from ohmycoins.sandbox.messages import HTML, Answer, Request, as_json, if_changed
from ohmycoins.sandbox.phrases.announcements import ANNOUNCEMENTS
from ohmycoins.sandbox.stories import COINS, NAMES

LIST = "/api/v2/help_center/en-us/articles.json"
HOME = "/hc/en-us"
CATEGORY = "/hc/en-us/categories/360000000000-announcements"
ARTICLES = "/hc/en-us/articles/"
OPENED_AT = datetime(2024, 1, 1, tzinfo=UTC)
EVERY = timedelta(hours=18)
DONE_AFTER = timedelta(hours=8)  # then an announced maintenance is reported as completed
FIRST_ID = 900_000_000_000
SECTION_ID = 360000000001
AUTHOR_ID = 360000000002
PER_PAGE = 30
MAX_PER_PAGE = 100
ON_CATEGORY_PAGE = 30


@dataclass(frozen=True, slots=True)
class Article:
    """An announcement."""

    number: int
    at: datetime
    edited_at: datetime
    label: str
    title: str
    text: str

    @property
    def path(self) -> str:
        slug = re.sub(r"[^A-Za-z0-9]+", "-", self.title).strip("-")
        return f"{ARTICLES}{FIRST_ID + self.number}-{slug}"

    def restated(self) -> Self:
        return replace(self, title=f"{self.title} (updated)", edited_at=self.edited_at + timedelta(hours=1))

    def moved(self, by: timedelta) -> Self:
        return replace(self, at=self.at + by, edited_at=self.edited_at + by)


class HelpCentre:
    """The announcements section, with something new about every 18 hours."""

    name = "coinspot_help"

    def __init__(self, market: Market) -> None:
        self.seed = market.seed

    def answer(self, request: Request) -> Answer | None:
        if not request.path.startswith(("/api/v2/help_center/", HOME)):
            return None
        articles = request.twisted(self._articles(request.now))
        if request.path == LIST:
            return _list(request, articles)
        if request.path == HOME:
            return _html("Help centre", f'<a href="{CATEGORY}">Announcements</a>')
        if request.path == CATEGORY:
            return _category(articles)
        for article in articles:
            if request.path.startswith(f"{ARTICLES}{FIRST_ID + article.number}"):
                return _html(
                    article.title, f"<article><h1>{escape(article.title)}</h1>{_body(article)}</article>"
                )
        return as_json({"error": "RecordNotFound", "description": "Not found"}, status=404)

    def _articles(self, now: datetime) -> list[Article]:
        moments = Stream(self.seed, self.name, EVERY).until(now)
        return [self._article(moment, now) for moment in takewhile(lambda m: m.at >= OPENED_AT, moments)]

    def _article(self, moment: Moment, now: datetime) -> Article:
        throw = dice(self.seed, self.name, moment.number, "article")
        label, title, text = deal(self.seed, self.name, number=moment.number, cards=ANNOUNCEMENTS)
        coin = throw.choice(COINS)
        fields = {"code": coin, "name": NAMES[coin], "hours": throw.randint(1, 6)}
        is_done = label == "maintenance" and now >= moment.at + DONE_AFTER
        return Article(
            number=moment.number,
            at=moment.at,
            edited_at=moment.at + DONE_AFTER if is_done else moment.at,
            label=label,
            title=title.format_map(fields),
            text=text.format_map(fields) + (" Update: this maintenance is completed." if is_done else ""),
        )


def _list(request: Request, articles: list[Article]) -> Answer:
    try:
        number = max(int(request.query.get("page", "1")), 1)
        per_page = min(max(int(request.query.get("per_page", str(PER_PAGE))), 1), MAX_PER_PAGE)
    except ValueError:
        return as_json({"error": "InvalidPaginationParameter", "description": "Invalid page"}, status=400)
    if request.query.get("sort_order", "asc") == "asc":
        articles = articles[::-1]
    pages = -(-len(articles) // per_page)
    shown = articles[(number - 1) * per_page : number * per_page]
    content = {
        "count": len(articles),
        "next_page": _page_url(request, number + 1, per_page) if number < pages else None,
        "page": number,
        "page_count": pages,
        "per_page": per_page,
        "previous_page": _page_url(request, number - 1, per_page) if number > 1 else None,
        "articles": [_entry(article, request.base) for article in shown],
        "sort_by": request.query.get("sort_by", "created_at"),
        "sort_order": request.query.get("sort_order", "asc"),
    }
    changed_at = max((article.edited_at for article in shown), default=OPENED_AT)
    return if_changed(request, as_json(content), changed_at)


def _page_url(request: Request, number: int, per_page: int) -> str:
    return f"{request.base}{LIST}?{urlencode({**request.query, 'page': number, 'per_page': per_page})}"


def _entry(article: Article, base: str) -> dict[str, Any]:
    identity = FIRST_ID + article.number
    return {
        "id": identity,
        "url": f"{base}/api/v2/help_center/en-us/articles/{identity}.json",
        "html_url": f"{base}{article.path}",
        "author_id": AUTHOR_ID,
        "comments_disabled": True,
        "draft": False,
        "promoted": False,
        "position": 0,
        "vote_sum": 0,
        "vote_count": 0,
        "section_id": SECTION_ID,
        "created_at": _iso(article.at),
        "updated_at": _iso(article.edited_at),
        "name": article.title,
        "title": article.title,
        "source_locale": "en-us",
        "locale": "en-us",
        "outdated": False,
        "outdated_locales": [],
        "edited_at": _iso(article.edited_at),
        "user_segment_id": None,
        "permission_group_id": 1_000_001,
        "content_tag_ids": [],
        "label_names": [article.label],
        "body": _body(article),
    }


def _category(articles: list[Article]) -> Answer:
    rows = "\n".join(
        f'<li class="article-list-item"><a href="{article.path}" class="article-list-link">{escape(article.title)}</a>'
        f' <time datetime="{_iso(article.at)}">{article.at:%d %B %Y}</time></li>'
        for article in articles[:ON_CATEGORY_PAGE]
    )
    return _html("Announcements", f'<h1>Announcements</h1><ul class="article-list">\n{rows}\n</ul>')


def _html(title: str, content: str) -> Answer:
    page = (
        f"<!DOCTYPE html>\n<html lang='en-US'><head><meta charset='utf-8'><title>{escape(title)} – CoinSpot</title>"
        f"</head><body><nav><a href='/hc/en-us'>Help centre</a></nav><main>{content}</main></body></html>\n"
    )
    return Answer(content_type=HTML, body=page.encode())


def _body(article: Article) -> str:
    return f"<p>Hi everyone,</p><p>{escape(article.text)}</p><p>The CoinSpot team</p>"


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
