"""Make up single Reddit posts, and write them as JSON things and Atom entries."""

import math
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape
from typing import Any, Self

from ohmycoins.sandbox.chance import dice, digits
from ohmycoins.sandbox.stories import Story

REDDIT = "https://www.reddit.com"
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
FLAIRS = ("DISCUSSION", "GENERAL-NEWS", "PERSPECTIVE", "TECHNOLOGY", None)
MOODS = ("Quiet", "Lucky", "Salty", "Brave", "Late", "Dusty")
ANIMALS = ("Wombat", "Magpie", "Koala", "Gecko", "Dingo", "Emu")
HIDDEN_FOR = timedelta(minutes=30)
REMOVED = 0.03  # the share of posts that moderators take away
EDITED = 0.1
RIPE_HOURS = 5.0  # after which a post has two thirds of its votes
HEAT_HOURS = 12.5  # a post that much younger needs a tenth of the votes
DRIFT_SECONDS = 300
STICKIES = (
    ("Daily Discussion", "Welcome to the daily thread. Please read the rules & be kind."),
    ("Rules and frequently asked questions", "New here? Start with the wiki <linked in the sidebar>."),
)


@dataclass(frozen=True, slots=True)
class Post:
    """A story as a post, with the votes it has by now."""

    seed: int
    subreddit: str
    story: Story
    now: datetime
    is_sticky: bool = False
    extra_votes: int = 0

    @property
    def name(self) -> str:
        return f"t3_{self.id}"

    @property
    def id(self) -> str:
        kind = "sticky" if self.is_sticky else "post"
        return "1" + digits(self.seed, self.subreddit, kind, self.story.number, length=6, alphabet=BASE36)

    @property
    def age_hours(self) -> float:
        return max((self.now - self.story.at).total_seconds() / 3600, 0.0)

    @property
    def score(self) -> int:
        final = dice(self.seed, self.id, "score").paretovariate(0.9) * 6
        fuzz = dice(self.seed, self.id, int(self.now.timestamp()) // DRIFT_SECONDS).uniform(0.97, 1.03)
        grown = min(final, 40_000) * (1 - math.exp(-self.age_hours / RIPE_HOURS)) * fuzz
        return 1 + int(grown) + self.extra_votes

    @property
    def heat(self) -> float:
        return math.log10(self.score) - self.age_hours / HEAT_HOURS

    def restated(self) -> Self:
        return replace(self, story=self.story.restated(), extra_votes=self.extra_votes + 1000)

    def moved(self, by: timedelta) -> Self:
        return replace(self, story=self.story.moved(by))


def sticky(seed: int, subreddit: str, number: int, now: datetime) -> Post:
    """Give a moderator's post; the first is new every day."""
    at = now.replace(hour=0, minute=0, second=0, microsecond=0)
    at = at if number == 0 else at.replace(year=2025, month=1, day=15)
    title, text = STICKIES[number]
    title = f"{title} - {at:%B %d, %Y}" if number == 0 else title
    return Post(seed, subreddit, Story(2 * at.toordinal() + number, at, title, text), now, is_sticky=True)


def as_thing(post: Post, *, is_raw: bool) -> dict[str, Any]:
    """Write a post as a `t3`; unless raw, `&`, `<` and `>` are escaped in its texts."""
    return {"kind": "t3", "data": {**_contents(post, is_raw=is_raw), **_standing(post)}}


def as_entry(post: Post) -> str:
    """Write a post as an entry of the Atom feed, its content in escaped HTML."""
    author, link, at = _author(post), f"{REDDIT}{_link(post)}", post.story.at.isoformat()
    text = f'<!-- SC_OFF --><div class="md"><p>{escape(post.story.text)}</p></div><!-- SC_ON -->'
    content = (
        f'{text if post.story.text else ""} &#32; submitted by &#32; <a href="{REDDIT}/user/{author}"> /u/{author} </a>'
        f' <br/> <span><a href="{link}">[link]</a></span> &#32; <span><a href="{link}">[comments]</a></span>'
    )
    return (
        f"<entry><author><name>/u/{author}</name><uri>{REDDIT}/user/{author}</uri></author>"
        f'<category term="{post.subreddit}" label="r/{post.subreddit}"/><content type="html">{escape(content)}</content>'
        f'<id>{post.name}</id><link href="{link}"/><updated>{at}</updated><published>{at}</published>'
        f"<title>{escape(post.story.title)}</title></entry>"
    )


def _contents(post: Post, *, is_raw: bool) -> dict[str, Any]:
    is_removed = not post.is_sticky and dice(post.seed, post.id, "removed").random() < REMOVED
    text = "[removed]" if is_removed else post.story.text
    link, at = _link(post), post.story.at.timestamp()
    return {
        "subreddit": post.subreddit,
        "subreddit_name_prefixed": f"r/{post.subreddit}",
        "subreddit_type": "public",
        "id": post.id,
        "name": post.name,
        "title": post.story.title if is_raw else escape(post.story.title, quote=False),
        "selftext": text if is_raw else escape(text, quote=False),
        "selftext_html": escape(f'<div class="md"><p>{text}</p></div>') if text else None,
        "is_self": bool(text),
        "domain": f"self.{post.subreddit}" if text else "i.redd.it",
        "url": f"{REDDIT}{link}" if text else f"https://i.redd.it/{post.id}.png",
        "permalink": link,
        "author": "[deleted]" if is_removed else _author(post),
        "author_fullname": f"t2_{digits(post.id, length=6, alphabet=BASE36)}",
        "created": at,
        "created_utc": at,
        "removed_by_category": "moderator" if is_removed else None,
    }


def _standing(post: Post) -> dict[str, Any]:
    throw, score = dice(post.seed, post.id, "standing"), post.score
    return {
        "score": score,
        "ups": score,
        "downs": 0,
        "upvote_ratio": round(throw.uniform(0.55, 0.99), 2),
        "hide_score": not post.is_sticky and post.now - post.story.at < HIDDEN_FOR,
        "num_comments": int(score * throw.uniform(0.1, 0.9)),
        "edited": post.story.at.timestamp() + 60 if throw.random() < EDITED else False,
        "stickied": post.is_sticky,
        "pinned": False,
        "distinguished": "moderator" if post.is_sticky else None,
        "link_flair_text": throw.choice(FLAIRS),
        "over_18": False,
        "spoiler": False,
        "locked": False,
        "archived": False,
        "gilded": 0,
        "media": None,
    }


def _author(post: Post) -> str:
    if post.is_sticky:
        return "AutoModerator"
    throw = dice(post.seed, post.id, "author")
    return f"{throw.choice(MOODS)}_{throw.choice(ANIMALS)}{throw.randint(1, 9999)}"


def _link(post: Post) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", post.story.title.lower()).strip("_")[:50].strip("_")
    return f"/r/{post.subreddit}/comments/{post.id}/{slug}/"
