"""Make a text ready for the lexicon: drop what carries no sentiment, name what has no word.

A rule's match is replaced by a made-up word that the lexicon holds with the rule's valence, so that the
library's negation and emphasis work on phrases as they do on words. Sentences are judged one by one:
"not" does not reach into the next one.
"""

import re
from collections.abc import Iterator
from functools import cache

from apps.ledgers.sentiment.phrases import RULES

_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": " - ", "—": " - ", "…": " . ", "\n": " . ", "\ufe0f": ""}
)
_LINK = re.compile(
    r"https?:\S+|\bwww\.\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|io|gl|ly|co|me|us|info)\b\S*", re.I
)
_HANDLE = re.compile(r"(?<!\w)@\w+")
_LISTING = re.compile(r"\([A-Z]{2,8}:\s?\$?[\w.]+\)|\([A-Z.]{1,5}\)")  # (NASDAQ:XYZ), (XYZ)
_AMOUNT = r"\d[\d.,]*(?:k|m|b|t|bn|mn|mln|bln)?\b"
_CASHTAG = re.compile(rf"(?<!\w)\$(?!{_AMOUNT})\w+(?:\.[A-Z]+)*", re.I)
_GLUE = re.compile(r"#(?=\w)|(?<=\w)-(?=[A-Za-z])")  # #bullish, sell-off
_NOT_WORDS = re.compile(r"[^\w\s'!?]+")
_BLANKS = re.compile(r"\s+")
_END = re.compile(r"(?<=[.!?;])\s+")
_ABBREVIATION = re.compile(r"\b(Inc|Corp|Ltd|Co|vs|Mr|Mrs|Dr|St|[A-Z])\.(?=\s)")  # ends no sentence
_ASKING = re.compile(
    r"\W*(?:what|who|whom|whose|which|when|where|why|how|is|are|was|were|do|does|did|should|could|would|can|"
    r"will|has|have|may|might)\b[^?]*\?\W*\Z",
    re.I,
)


def sentences(text: str) -> Iterator[str]:
    """Give the sentences that state something, in words that the lexicon knows. Questions are left out."""
    text = _LINK.sub(" ", text.translate(_PLAIN))
    text = _LISTING.sub(" ", _HANDLE.sub(" ", text))
    text = _GLUE.sub(" ", _CASHTAG.sub(" cashtag ", text))
    text = _ABBREVIATION.sub(r"\1", text)
    for sentence in _END.split(_BLANKS.sub(" ", text)):
        if not _ASKING.match(sentence):
            yield _rewritten(sentence)


def _rewritten(sentence: str) -> str:
    for pattern, word in _rules():
        sentence = pattern.sub(f" {word} ", sentence)
    return _NOT_WORDS.sub(" ", sentence)


def valences() -> dict[str, float]:
    """Give the made-up words with their valences."""
    return {f"rule{number}": rule.valence for number, rule in enumerate(RULES)}


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(rule.pattern, re.I), f"rule{number}") for number, rule in enumerate(RULES))
