"""Simulate five news feeds in RSS 2.0, each with the habits of the real one."""

import re
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from html import escape
from uuid import UUID

from ohmycoins.sandbox.chance import dice, digits
from ohmycoins.sandbox.market import Market
from ohmycoins.sandbox.messages import Answer, Request, as_json, if_changed
from ohmycoins.sandbox.phrases.news import NEWS
from ohmycoins.sandbox.stories import PEOPLE, Story, Writer

ITEMS = 25


@dataclass(frozen=True, slots=True)
class Feed:
    """How an outlet writes its feed."""

    title: str
    site: str
    path: str
    """Of an article, with {day}, {slug} and {number}."""
    minutes: int
    """Between two articles, on average."""
    guid: str = "post"
    """What `guid` holds: the article's link, a UUID or a post's number."""
    tracking: str = ""
    has_cdata_titles: bool = False
    has_html: bool = False


FEEDS = {
    "coindesk": Feed(
        "CoinDesk: Bitcoin, Ethereum, Crypto News and Price Data", "https://www.coindesk.com", "/markets/{day}/{slug}-{number}",
        35, guid="uuid", has_cdata_titles=True,
    ),
    "cointelegraph": Feed(
        "Cointelegraph.com News", "https://cointelegraph.com", "/news/{slug}-{number}", 25, guid="link", has_html=True,
        tracking="?utm_source=rss_feed&utm_medium=rss&utm_campaign=rss_partner_inbound",
    ),
    "decrypt": Feed("Decrypt", "https://decrypt.co", "/{number}/{slug}", 55),
    "cryptoslate": Feed(
        "CryptoSlate", "https://cryptoslate.com", "/{slug}-{number}/", 45, has_html=True,
        tracking="?utm_source=rss&utm_medium=rss&utm_campaign={slug}",
    ),
    "newsbtc": Feed("NewsBTC", "https://www.newsbtc.com", "/news/{slug}-{number}/", 40, has_html=True, has_cdata_titles=True),
}  # fmt: skip


class News:
    """The newest articles of five outlets."""

    name = "news"

    def __init__(self, market: Market) -> None:
        self.seed = market.seed
        self.writers = {
            slug: Writer(market, slug, timedelta(minutes=feed.minutes), NEWS) for slug, feed in FEEDS.items()
        }

    def answer(self, request: Request) -> Answer | None:
        if not request.path.startswith("/feeds/"):
            return None
        slug = request.path.removeprefix("/feeds/").removesuffix(".xml")
        if slug not in FEEDS:
            return as_json({"message": "Not found"}, status=404)
        stories = request.twisted(self.writers[slug].latest(request.now, ITEMS))
        answer = Answer(
            content_type="application/rss+xml; charset=utf-8", body=self._feed(FEEDS[slug], stories).encode()
        )
        return if_changed(request, answer, stories[0].at)

    def _feed(self, feed: Feed, stories: list[Story]) -> str:
        items = "".join(self._item(feed, story) for story in stories)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
            'xmlns:atom="http://www.w3.org/2005/Atom">\n<channel>\n'
            f"<title>{escape(feed.title)}</title>\n<link>{feed.site}</link>\n<description>News</description>\n"
            f"<language>en-us</language>\n<lastBuildDate>{format_datetime(stories[0].at)}</lastBuildDate>\n"
            f"{items}</channel>\n</rss>\n"
        )

    def _item(self, feed: Feed, story: Story) -> str:
        fields = _link_fields(story)
        link = link_of(feed, story)
        title = _cdata(story.title) if feed.has_cdata_titles else escape(story.title)
        author = dice(self.seed, feed.site, story.number).choice(PEOPLE)
        html = f'<p style="float:right"><img src="{feed.site}/images/{story.number}.jpg"></p><p>{escape(story.text)}</p>'
        categories = "".join(f"<category>{_cdata(coin)}</category>" for coin in story.coins)
        return (
            f"<item>\n<title>{title}</title>\n<link>{_cdata(link + feed.tracking.format_map(fields))}</link>\n"
            f"{self._guid(feed, story, link)}\n<pubDate>{format_datetime(story.at)}</pubDate>\n"
            f"<dc:creator>{_cdata(author)}</dc:creator>\n{categories}"
            f"<description>{_cdata(html if feed.has_html else story.text)}</description>\n</item>\n"
        )

    def _guid(self, feed: Feed, story: Story, link: str) -> str:
        if feed.guid == "link":
            return f'<guid isPermaLink="true">{link}</guid>'
        if feed.guid == "uuid":
            identity = UUID(digits(self.seed, feed.site, story.number, length=32), version=4)
            return f'<guid isPermaLink="false">{identity}</guid>'
        return f'<guid isPermaLink="false">{feed.site}/?p={story.number}</guid>'


def link_of(feed: Feed, story: Story) -> str:
    """Give the address of a story in an outlet."""
    return feed.site + feed.path.format_map(_link_fields(story))


def _link_fields(story: Story) -> dict[str, object]:
    slug = re.sub(r"[^a-z0-9]+", "-", story.title.removesuffix(" (updated)").lower()).strip("-")
    return {"slug": slug, "number": story.number, "day": f"{story.at:%Y/%m/%d}"}


def _cdata(text: str) -> str:
    return f"<![CDATA[{text}]]>"
