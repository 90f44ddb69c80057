"""Score how a text sounds about its market, from -1 (bearish) to 1 (bullish); pure.

The scorer is VADER, a maintained lexicon and rule set for short texts (Hutto & Gilbert, 2014): it brings
negation, emphasis and "but". Its lexicon rates everyday feeling, which markets use otherwise (crude oil,
gross margin, shares), so ours overrules it (`vocabulary`), phrases and price moves become words first
(`phrases`, `rewriting`), and its own words count a fifth.
Declined: a language model (hundreds of megabytes and another runtime for a hint that algorithms weigh
anyway, and nobody could say why it scored a headline as it did), and weights learned from the labelled
rows, which are too few to learn from; they measure this (`benchmarks.text`).
"""

from collections.abc import Callable
from decimal import Decimal
from functools import cache

BULLISH_FROM = Decimal("0.1")
BEARISH_FROM = Decimal("-0.1")
JUDGED_CHARACTERS = 2000  # what comes first says it; the library's time grows with the square
EVERYDAY = 0.2  # the library's own words beside ours: alone, only its strong ones (from 2 of 4) make a label


def score(text: str) -> Decimal:
    """Give the sentiment of `text`, rounded to 4 decimals; 0 when nothing in it speaks.

    Sentences add up, within -1 and 1. Links, @handles, cashtags and questions say nothing.
    """
    total = _judge()(text[:JUDGED_CHARACTERS])
    return Decimal(round(max(-1.0, min(1.0, total)) * 10_000)).scaleb(-4)


def label(score: Decimal) -> str:
    """Say bullish, bearish or neutral."""
    if score >= BULLISH_FROM:
        return "bullish"
    return "bearish" if score <= BEARISH_FROM else "neutral"


@cache
def _judge() -> Callable[[str], float]:
    # Loaded when first needed: most processes never score a text.
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    from apps.ledgers.sentiment.rewriting import sentences, valences
    from apps.ledgers.sentiment.vocabulary import lexicon

    analyzer = SentimentIntensityAnalyzer()
    everyday = {word: valence * EVERYDAY for word, valence in analyzer.lexicon.items()}
    analyzer.lexicon = everyday | lexicon() | valences()

    def judge(text: str) -> float:
        return sum(float(analyzer.polarity_scores(sentence)["compound"]) for sentence in sentences(text))

    return judge
