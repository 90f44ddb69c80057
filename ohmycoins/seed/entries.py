"""Read the sandbox's past as the collectors would have: its own pages, through their parsers.

Texts are the exception: a feed shows its newest only. They come from the same writers at a slower pace,
since a year of all they could write would take minutes to score.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from apps.ledgers.collectors.coinspot_announcements import ARTICLES
from apps.ledgers.parsers import coinspot_announcements, defillama, reddit_api, sec_edgar_api
from apps.ledgers.parsers.texts import judge
from apps.ledgers.records import ItemRecord, NewsRecord, Parsed, PriceRecord, digest_of
from ohmycoins.core.money import parse_decimal
from ohmycoins.sandbox.market import BASES, Market
from ohmycoins.sandbox.messages import Request
from ohmycoins.sandbox.phrases.news import NEWS
from ohmycoins.sandbox.phrases.social import SOCIAL
from ohmycoins.sandbox.sources.defillama import CHAINS, PROTOCOLS, WITHOUT_FEES, Defillama
from ohmycoins.sandbox.sources.help_centre import HelpCentre
from ohmycoins.sandbox.sources.news import FEEDS, link_of
from ohmycoins.sandbox.sources.reddit import SUBREDDITS
from ohmycoins.sandbox.sources.reddit_posts import Post, as_thing
from ohmycoins.sandbox.sources.sec import COMPANIES, Sec
from ohmycoins.sandbox.stories import Writer

FINE = timedelta(days=7)
PACE = timedelta(hours=16)  # of each outlet and community
RIPE = timedelta(days=1)  # how old a post is when its votes are counted
HELP_CENTRE = "https://coinspot.zendesk.com"
AGENT = {"user-agent": "ohmycoins seed@example.com"}
AUD = "AUD"


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is made up, [since, until); `since` is a full hour."""

    since: datetime
    until: datetime

    @property
    def fine_since(self) -> datetime:
        """Give the hour from which there is a price a minute."""
        return max(self.since, self.until.replace(minute=0) - FINE)

    def __contains__(self, at: datetime) -> bool:
        return self.since <= at < self.until


@dataclass(frozen=True, slots=True)
class Made:
    """What a collector would have collected, and how long after it occurred."""

    collector: str
    records: Callable[[Market, Window], Iterable[ItemRecord]]
    known_after: timedelta


def instants(window: Window) -> Iterator[datetime]:
    """Give the instants that have a price: every hour, and every minute at the end; oldest first."""
    at = window.since
    while at < window.until:
        yield at
        at += timedelta(hours=1) if at < window.fine_since else timedelta(minutes=1)


def prices_at(market: Market, at: datetime) -> list[PriceRecord]:
    """Give every coin's AUD price in a minute, as the sandbox serves it then."""
    ticks = market.prices(at)
    return [
        PriceRecord(coin, AUD, parse_decimal(tick.bid), parse_decimal(tick.ask), parse_decimal(tick.last), at)
        for coin in BASES
        if (tick := ticks[coin.lower()])
    ]


def articles(market: Market, window: Window) -> Iterator[ItemRecord]:
    for slug, feed in FEEDS.items():
        for story in Writer(market, slug, PACE, NEWS).since(window.since, window.until):
            link = link_of(feed, story)
            yield NewsRecord(
                occurred_at=story.at, item=link, digest=digest_of(story.title, story.text), title=story.title,
                content=story.text, source=feed.title.partition(":")[0], url=link, **judge(story.title, story.text),
            )  # fmt: skip


def posts(market: Market, window: Window) -> Iterator[ItemRecord]:
    for subreddit, (_, coins) in SUBREDDITS.items():
        stories = Writer(market, f"r/{subreddit}", PACE, SOCIAL, coins).since(window.since, window.until)
        ripe = (Post(market.seed, subreddit, story, story.at + RIPE) for story in stories)
        page = {"kind": "Listing", "data": {"children": [as_thing(post, is_raw=True) for post in ripe]}}
        yield from _items(reddit_api.parse_listing(json.dumps(page).encode()))


def announcements(market: Market, window: Window) -> Iterator[ItemRecord]:
    centre, number, page = HelpCentre(market), 1, b""
    while not page or ((oldest := coinspot_announcements.oldest_of(page)) and oldest >= window.since):
        query = {"per_page": "100", "sort_order": "desc", "page": str(number)}
        page, number = _body(centre, ARTICLES, window.until, query), number + 1
        yield from _items(coinspot_announcements.parse_articles(page))


def filings(market: Market, window: Window) -> Iterator[ItemRecord]:
    source = Sec(market)
    for cik in COMPANIES:
        for part in ("", "-submissions-001"):
            page = _body(source, f"/submissions/CIK{cik:010}{part}.json", window.until)
            yield from _items(sec_edgar_api.parse(page, window.until, about=str(cik)))


def figures(market: Market, window: Window) -> Iterator[ItemRecord]:
    source = Defillama(market)
    today = datetime.combine(window.until.date(), time(), UTC)  # is not over yet
    for slug in PROTOCOLS:
        tvl = _body(source, f"/protocol/{slug}", window.until)
        fees, revenue = (
            None
            if slug == WITHOUT_FEES
            else _body(source, f"/summary/fees/{slug}", window.until, {"dataType": kind})
            for kind in ("dailyFees", "dailyRevenue")
        )
        page = defillama.joined(tvl, fees, revenue)
        yield from _items(defillama.parse_protocol_history(page, window.since, today, about=slug))
    for name, (_, other) in CHAINS.items():
        page = _body(source, f"/v2/historicalChainTvl/{name}", window.until)
        chain = {"name": name, "tokenSymbol": other["tokenSymbol"]}
        yield from _items(defillama.parse_chain_history(page, window.since, today, chain=chain))


MADE = (
    Made("news_rss", articles, timedelta(minutes=15)),
    Made("reddit_api", posts, RIPE),
    Made("coinspot_announcements", announcements, timedelta(hours=1)),
    Made("sec_edgar_api", filings, timedelta(days=1)),
    Made("defillama", figures, timedelta(days=1)),
)


def _body(
    source: Sec | Defillama | HelpCentre, path: str, now: datetime, query: Mapping[str, str] | None = None
) -> bytes:
    request = Request(method="GET", path=path, query=query or {}, headers=AGENT, now=now, base=HELP_CENTRE)
    answer = source.answer(request)
    if answer is None or answer.status != 200:
        raise RuntimeError(f"the sandbox's {source.name} has no {path}")
    return answer.body


def _items(parsed: Parsed) -> Iterator[ItemRecord]:
    if parsed.rejects:
        raise RuntimeError(f"the sandbox serves what its own parser rejects: {parsed.rejects[0]}")
    return (record for record in parsed.records if isinstance(record, ItemRecord))
