"""Simulate CryptoPanic's posts, API v1 and v2 (cryptopanic.com/developers/api; recorded 2018 and 2025).

The token comes back in `next` and `previous`, `currencies` is absent on untagged posts, fresh posts have
no votes, and `count` is not how many there are.
"""

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from ohmycoins.sandbox.chance import dice
from ohmycoins.sandbox.market import Market
from ohmycoins.sandbox.messages import Answer, Request, as_json
from ohmycoins.sandbox.phrases.news import NEWS
from ohmycoins.sandbox.stories import NAMES, Story, Writer

EVERY = timedelta(minutes=6)
PER_PAGE = 20
PAGES = 10
COUNT = 200
FIRST_ID = 20_000_000
UNVOTED_FOR = timedelta(minutes=45)
BAD = "bad"  # a token that is refused
SITES = ("cointelegraph.com", "coindesk.com", "u.today", "decrypt.co", "newsbtc.com", "bitcoinist.com")
VOTES = ("negative", "positive", "important", "liked", "disliked", "lol", "toxic", "saved", "comments")
_PATH = re.compile(r"/api/(free/v1|v1|(?:developer|growth|enterprise)/v2)/posts")


class Cryptopanic:
    """A post every six minutes, two hundred of which can be seen."""

    name = "cryptopanic"

    def __init__(self, market: Market) -> None:
        self.seed = market.seed
        self.writer = Writer(market, self.name, EVERY, NEWS)

    def answer(self, request: Request) -> Answer | None:
        found = _PATH.fullmatch(request.path)
        if not found:
            return None
        if request.query.get("auth_token", "") in ("", BAD):
            return as_json({"status": "api_error", "info": "Token not found"}, status=401)
        page = request.query.get("page", "1")
        if not page.isdecimal() or not 1 <= int(page) <= PAGES:
            return as_json({"status": "api_error", "info": "Invalid page"}, status=404)
        number = int(page)
        stories = request.twisted(self.writer.latest(request.now, PER_PAGE, PER_PAGE * (number - 1)))
        write = self._v2 if found[1].endswith("v2") else self._v1
        return as_json({
            "count": COUNT,
            "next": _page_url(request, number + 1) if number < PAGES else None,
            "previous": _page_url(request, number - 1) if number > 1 else None,
            "results": [write(story, request.now) for story in stories],
        })  # fmt: skip

    def _v1(self, story: Story, now: datetime) -> dict[str, Any]:
        site = dice(self.seed, "site", story.number).choice(SITES)
        source = {"title": _title(site), "region": "en", "domain": site, "path": None, "type": "feed"}
        tags = {"currencies": [_tag(coin) for coin in story.coins]} if story.coins else {}
        return {
            "kind": "news",
            "domain": site,
            "source": source,
            "title": story.title,
            "published_at": _iso(story.at),
            "slug": _slug(story.title),
            **tags,
            "id": _id(story),
            "url": f"https://cryptopanic.com/news/{_id(story)}/{_slug(story.title)}?mtm_campaign=API-OFA",
            "created_at": _iso(story.at),
            "votes": self._votes(story, now),
        }

    def _v2(self, story: Story, now: datetime) -> dict[str, Any]:
        post = self._v1(story, now)
        instruments = [{**tag, "market_cap_usd": None} for tag in post.pop("currencies", [])]
        tags = {"instruments": instruments} if instruments else {}
        has_text = story.number % 5 > 0
        original = f"https://{post['domain']}/news/{post['slug'].lower()}-{story.number}"
        return {
            **post,
            **tags,
            "description": story.text if has_text else None,
            "original_url": original if has_text else None,
            "image": None,
            "author": None,
            "content": {"original": None, "clean": None},
            "panic_score": None,
        }

    def _votes(self, story: Story, now: datetime) -> dict[str, int]:
        if now - story.at < UNVOTED_FOR:
            return dict.fromkeys(VOTES, 0)
        throw = dice(self.seed, "votes", story.number)
        hours = min((now - story.at) / timedelta(hours=1), 24.0)
        return {name: int(hours * throw.random() ** 3) for name in VOTES}


def _page_url(request: Request, number: int) -> str:
    return f"{request.base}{request.path}/?{urlencode({**request.query, 'page': number})}"


def _tag(coin: str) -> dict[str, str]:
    slug = NAMES[coin].lower()
    return {"code": coin, "title": NAMES[coin], "slug": slug, "url": f"https://cryptopanic.com/news/{slug}/"}


def _id(story: Story) -> int:
    return FIRST_ID + story.number


def _title(site: str) -> str:
    return site.partition(".")[0].capitalize()


def _slug(title: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-")


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
