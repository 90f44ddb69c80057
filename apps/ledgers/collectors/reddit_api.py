"""Collect what is hot on Reddit, every quarter of an hour."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime

from django.conf import settings

from apps.ledgers.collectors.base import Collector, Missing, NeedsCredentials
from apps.ledgers.parsers import reddit_api
from apps.ledgers.records import Parsed, UnreadablePage
from ohmycoins.core import http
from ohmycoins.core.errors import OutsideError, PermanentError
from ohmycoins.core.http import Page
from ohmycoins.core.sites import Site

SUBREDDITS = ("CryptoCurrency", "Bitcoin", "ethereum", "CryptoMarkets", "altcoin")
POSTS = 25
FEED = ".rss"
PAGES = 2  # stickied posts may take places of the first

Door = Callable[[str], list[Page]]


class RedditApi(Collector):
    """With credentials by OAuth; without, the public JSON, and the Atom feed where that is refused."""

    slug = "reddit_api"
    ledger = "human"
    schedule = "interval:15:minutes"

    def fetch(self, since: datetime | None) -> Iterator[Page | Missing]:
        doors: list[Door] = [_oauth(_token())] if settings.REDDIT_CLIENT_ID else [_json, _feed]
        refused = 0
        for subreddit in SUBREDDITS:
            try:
                yield from _hot(subreddit, doors)
            except OutsideError as error:
                refused += error.status == 403
                yield Missing(f"r/{subreddit}", str(error))
        if refused == len(SUBREDDITS):
            raise NeedsCredentials(
                "Reddit answers 403 everywhere: needs credentials (REDDIT_CLIENT_ID, REDDIT_CLIENT_SECRET)"
            )

    def parse(self, page: Page, observed_at: datetime) -> Parsed:
        if page.about.endswith(FEED):
            return reddit_api.parse_feed(page.body, about=page.about.removesuffix(FEED))
        return reddit_api.parse_listing(page.body)


def _hot(subreddit: str, doors: list[Door]) -> list[Page]:
    """Go through the first door that is open; those that were shut beside it stay shut for the run."""
    for door in tuple(doors):
        try:
            pages = door(subreddit)
        except PermanentError as error:
            if error.status != 403 or door is doors[-1]:
                raise
        else:
            del doors[: doors.index(door)]
            return pages
    raise AssertionError("unreachable: the last door raises")


def _token() -> str:
    pair = f"{settings.REDDIT_CLIENT_ID}:{settings.REDDIT_CLIENT_SECRET}"
    headers = {
        "Authorization": f"Basic {b64encode(pair.encode()).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    try:
        page = _site().post(
            f"{settings.REDDIT_URL}/api/v1/access_token",
            body=b"grant_type=client_credentials",
            headers=headers,
        )
        token = json.loads(page.body).get("access_token")
    except PermanentError as error:
        if error.status not in (401, 403):
            raise
        raise NeedsCredentials("Reddit refuses REDDIT_CLIENT_ID and REDDIT_CLIENT_SECRET") from error
    except (ValueError, AttributeError) as error:
        raise PermanentError("Reddit answered with something that is not a token") from error
    if not isinstance(token, str):
        raise NeedsCredentials("Reddit gives no token for REDDIT_CLIENT_ID and REDDIT_CLIENT_SECRET")
    return token


def _oauth(token: str) -> Door:
    headers = {"Authorization": f"bearer {token}"}
    return lambda subreddit: _listing(f"{settings.REDDIT_OAUTH_URL}/r/{subreddit}/hot", headers)


def _json(subreddit: str) -> list[Page]:
    return _listing(f"{settings.REDDIT_URL}/r/{subreddit}/hot.json", {})


def _feed(subreddit: str) -> list[Page]:
    return [
        _site().get(f"{settings.REDDIT_URL}/r/{subreddit}/hot.rss", accept=http.FEED, about=subreddit + FEED)
    ]


def _listing(url: str, headers: dict[str, str]) -> list[Page]:
    """Get pages until 25 posts have come that are not stickied, or there are no more."""
    pages: list[Page] = []
    params = {"limit": str(POSTS), "raw_json": "1"}
    wanted = POSTS
    while wanted > 0 and len(pages) < PAGES:
        page = _site().get(url, params=params, headers=headers, about=url.partition("/r/")[2])
        pages.append(page)
        try:
            wanted -= len(reddit_api.posts_of(page.body))
            after = reddit_api.cursor_of(page.body)
        except UnreadablePage:
            break  # the run will say so
        if after is None:
            break
        params["after"] = after
    return pages


def _site() -> Site:
    return Site(name="reddit", user_agent=settings.REDDIT_USER_AGENT, calls=60, per_seconds=60)
