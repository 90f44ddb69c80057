"""Judge a text: which coins it names, and how it sounds."""

from decimal import Decimal
from typing import TypedDict

from apps.ledgers import coins, sentiment
from ohmycoins.core.symbols import symbol

JUDGED_CHARACTERS = 1000  # of the body: what comes first says it, and scoring takes time


class Judged(TypedDict):
    """The derived part of a TextRecord."""

    currencies: tuple[str, ...]
    sentiment: str
    sentiment_score: Decimal


def judge(title: str, content: str = "", *, tags: tuple[str, ...] = ()) -> Judged:
    """Score a text and name its coins: the source's own `tags` where it gives any."""
    said = f"{title}. {content[:JUDGED_CHARACTERS]}" if content else title
    score = sentiment.score(said)
    known = {found for tag in tags if (found := symbol(tag))}
    return {
        "currencies": tuple(sorted(known)) or coins.mentions(said),
        "sentiment": sentiment.label(score),
        "sentiment_score": score,
    }
