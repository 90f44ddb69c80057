"""Simulate Reddit's hot posts: public JSON, OAuth and the Atom feed (reddit.com/dev/api; recorded 2016 to 2025).

Stickied posts come on top of the limit, texts are escaped unless `raw_json=1`, scores drift and are
hidden at first, and the feed has neither score nor comment count nor a mark on stickied posts.
"""

import re
from base64 import b64decode
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from ohmycoins.sandbox.chance import digits
from ohmycoins.sandbox.market import Market
from ohmycoins.sandbox.messages import Answer, Request, as_json
from ohmycoins.sandbox.phrases.social import SOCIAL
from ohmycoins.sandbox.sources.reddit_posts import Post, as_entry, as_thing, sticky
from ohmycoins.sandbox.stories import Writer

# Subreddit -> (a new post every so many minutes, the coins it is about; all when empty)
SUBREDDITS: dict[str, tuple[int, tuple[str, ...]]] = {
    "CryptoCurrency": (9, ()),
    "Bitcoin": (12, ("BTC",)),
    "ethereum": (25, ("ETH", "ETH", "LINK", "UNI", "AAVE")),
    "CryptoMarkets": (20, ()),
    "altcoin": (40, ("ADA", "DOT", "SOL", "POL", "DOGE", "LINK")),
}
HOT_FOR = timedelta(hours=36)
LIMIT = 25
MAX_LIMIT = 100
WINDOW_SECONDS = 600  # of the rate limit
TOKEN_SECONDS = 3600
BAD = "bad"  # a client secret that is refused
_HOT = re.compile(r"/r/(\w+)/hot(\.json|\.rss)?")


class Reddit:
    """Five subreddits, by three doors."""

    name = "reddit"

    def __init__(self, market: Market) -> None:
        self.market = market

    def answer(self, request: Request) -> Answer | None:
        if request.path == "/api/v1/access_token":
            return self._token(request)
        if not request.path.startswith("/r/"):
            return None
        found = _HOT.fullmatch(request.path)
        subreddit = next((s for s in SUBREDDITS if found and s.lower() == found[1].lower()), None)
        if not found or not subreddit:
            return _error(404, "Not Found")
        if found[2] == ".rss":
            return self._feed(request, subreddit)
        if not found[2] and not self._is_known(request):
            return _error(401, "Unauthorized")
        return self._listing(request, subreddit)

    def _token(self, request: Request) -> Answer:
        if request.method != "POST":
            return _error(405, "Method Not Allowed")
        identity, secret = _basic(request.headers.get("authorization", ""))
        if not identity or not secret or secret == BAD:
            return _error(401, "Unauthorized")
        if parse_qs(request.body.decode("utf-8", "replace")).get("grant_type") != ["client_credentials"]:
            return as_json({"error": "unsupported_grant_type"})
        return as_json({
            "access_token": self._secret_of(request.now),
            "token_type": "bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": "*",
        })  # fmt: skip

    def _secret_of(self, at: datetime) -> str:
        return digits(self.market.seed, "token", int(at.timestamp()) // TOKEN_SECONDS, length=40)

    def _is_known(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        earlier = request.now - timedelta(seconds=TOKEN_SECONDS)
        return kind.lower() == "bearer" and token in (self._secret_of(request.now), self._secret_of(earlier))

    def _hot(self, request: Request, subreddit: str) -> tuple[list[Post], list[Post]]:
        """Give the stickied posts, and the others by heat."""
        minutes, coins = SUBREDDITS[subreddit]
        writer = Writer(self.market, f"r/{subreddit}", timedelta(minutes=minutes), SOCIAL, coins)
        posts = [
            Post(self.market.seed, subreddit, story, request.now)
            for story in writer.since(request.now - HOT_FOR, request.now)
        ]
        posts.sort(key=lambda post: (post.heat, post.story.number), reverse=True)
        stickied = [sticky(self.market.seed, subreddit, number, request.now) for number in range(2)]
        return request.twisted(stickied), request.twisted(posts)

    def _listing(self, request: Request, subreddit: str) -> Answer:
        stickied, posts = self._hot(request, subreddit)
        names = [post.name for post in posts]
        after, limit = request.query.get("after", ""), request.query.get("limit", "")
        start = names.index(after) + 1 if after in names else 0
        size = min(max(int(limit), 1), MAX_LIMIT) if limit.isdecimal() else LIMIT
        shown = posts[start : start + size]
        is_raw = request.query.get("raw_json") == "1"
        children = [as_thing(post, is_raw=is_raw) for post in ([] if start else stickied) + shown]
        data = {
            "after": shown[-1].name if start + size < len(posts) else None,
            "dist": len(children),
            "modhash": "",
            "geo_filter": None,
            "children": children,
            "before": None,
        }
        return as_json({"kind": "Listing", "data": data}, headers=_limits(request.now))

    def _feed(self, request: Request, subreddit: str) -> Answer:
        stickied, posts = self._hot(request, subreddit)
        entries = "".join(as_entry(post) for post in (stickied + posts)[:LIMIT])
        feed = (
            '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom" '
            f'xmlns:media="http://search.yahoo.com/mrss/"><category term="{subreddit}" label="r/{subreddit}"/>'
            f"<updated>{request.now.replace(microsecond=0).isoformat()}</updated><id>/r/{subreddit}/hot.rss</id>"
            f'<link rel="alternate" href="https://www.reddit.com/r/{subreddit}/hot" type="text/html"/>'
            f"<title>Hot : {subreddit}</title>{entries}</feed>"
        )
        content_type = "application/atom+xml; charset=UTF-8"
        return Answer(content_type=content_type, headers=_limits(request.now), body=feed.encode())


def _basic(authorization: str) -> tuple[str, str]:
    kind, _, encoded = authorization.partition(" ")
    try:
        pair = b64decode(encoded, validate=True).decode() if kind.lower() == "basic" else ""
    except ValueError:
        pair = ""
    identity, _, secret = pair.partition(":")
    return identity, secret


def _limits(now: datetime) -> dict[str, str]:
    """Say what is left, as though this were the third request of the window."""
    left = WINDOW_SECONDS - int(now.timestamp()) % WINDOW_SECONDS
    return {"x-ratelimit-used": "3", "x-ratelimit-remaining": "597.0", "x-ratelimit-reset": str(left)}


def _error(status: int, message: str) -> Answer:
    return as_json({"message": message, "error": status}, status=status)
