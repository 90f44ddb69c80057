"""How well we read texts, on labelled rows that lie beside the checkout: sentiment and coins.

Sentiment is compared with the weak baseline that a first version would have: counting words as
substrings. The coins' labels are CryptoPanic's tags, which also name coins that only the article's body
names; what the text itself cannot tell is left out of the second recall, and both are shown.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.ledgers import coins, sentiment
from benchmarks.measure import Row
from ohmycoins.env import BASE_DIR

LABELLED = BASE_DIR.parent / "shared" / "data"
GAIN = 0.22
COINS_FROM = 0.85
BULLISH = (
    "moon bullish pump rally surge breakout buy long hold hodl gem undervalued adoption institutional "
    "partnership breakthrough"
)
BEARISH = (
    "crash dump bearish short sell drop decline plunge collapse scam rug bear overvalued bubble dead fail"
)
# CryptoPanic's codes of 2017, where the venue's differ.
RENAMED = {"MIOTA": "IOTA", "IOT": "IOTA", "XRB": "XNO", "STRAT": "STRAX", "VEN": "VET"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and the label that a person gave it."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Figures:
    """How much of what was found is right, and how much of what is right was found."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Give the harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def rows() -> list[Row]:
    """Measure both; nothing when the labelled rows are not there."""
    if not LABELLED.exists():
        return []
    return [*_sentiment_rows(), *_coin_rows()]


def labelled() -> dict[str, list[Labelled]]:
    """Give each file's rows."""
    return {
        path.stem: _read(path.read_text("utf-8")) for path in sorted((LABELLED / "sentiment").glob("*.csv"))
    }


def baseline(text: str) -> str:
    """Label by counting words as substrings."""
    bullish, bearish = (sum(map(text.lower().count, words.split())) for words in (BULLISH, BEARISH))
    return sentiment.label(Decimal(bullish - bearish) / (bullish + bearish or 1))


def ours(text: str) -> str:
    """Label with the product's scorer."""
    return sentiment.label(sentiment.score(text))


def macro_f1(texts: Sequence[Labelled], predict: Callable[[str], str]) -> float:
    """Give the mean F1 of the labels that occur; where none is neutral, saying neutral is wrong."""
    pairs = Counter((row.label, predict(row.text)) for row in texts)
    labels = {label for label, _ in pairs if label in {row.label for row in texts}}
    return sum(_f1(pairs, label) for label in labels) / len(labels)


def accuracy(texts: Sequence[Labelled], predict: Callable[[str], str]) -> float:
    """Give the share of rows labelled right."""
    return sum(predict(row.text) == row.label for row in texts) / len(texts)


def coin_figures(*, named_only: bool) -> Figures:
    """Compare the coins found with the tags; `named_only` leaves out tags that the text does not name."""
    cases = json.loads((LABELLED / "coin_mentions" / "cases.json").read_text("utf-8"))["cases"]
    right = found = tagged = 0
    for case in cases:
        ours = set(coins.mentions(case["text"]))
        tags = {tag for tag in case["coins"] if not named_only or _names(case["text"], tag)}
        tags = {RENAMED.get(tag, tag) for tag in tags}
        right += len(ours & tags)
        found += len(ours)
        tagged += len(tags)
    return Figures(precision=right / found, recall=right / tagged)


def _read(text: str) -> list[Labelled]:
    return [Labelled(row["text"], row["label"]) for row in csv.DictReader(text.splitlines(keepends=True))]


def _f1(pairs: Counter[tuple[str, str]], label: str) -> float:
    given = sum(count for (gold, _), count in pairs.items() if gold == label)
    said = sum(count for (_, predicted), count in pairs.items() if predicted == label)
    return 2 * pairs[label, label] / (given + said)


def _names(text: str, tag: str) -> bool:
    """Tell whether the tag, or any name of its coin, stands in the text as a whole word, in any case."""
    coin = coins.COINS.get(RENAMED.get(tag, tag))
    words: Iterable[str] = (tag, *coin.names, *coin.proper, *coin.loose) if coin else (tag,)
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.I) for word in words)


def _sentiment_rows() -> list[Row]:
    files = labelled()
    files["all files"] = [row for texts in files.values() for row in texts]
    return [
        _beside(f"{name}, {measure.__name__}", measure(texts, ours), measure(texts, baseline), gain)
        for name, texts in files.items()
        for measure, gain in ((macro_f1, GAIN), (accuracy, 0.0))
    ]


def _beside(name: str, measured: float, floor: float, gain: float) -> Row:
    return Row(
        name,
        f"{measured:.3f}",
        f"{floor:.3f}",
        measured / floor,
        f"≥ +{gain:.2f}",
        measured - floor >= gain,
    )


def _coin_rows() -> list[Row]:
    every, named = coin_figures(named_only=False), coin_figures(named_only=True)
    reachable = Figures(precision=1.0, recall=every.recall / named.recall)  # by a perfect reader
    return [
        _against("coins, precision", named.precision, 1.0),
        _against("coins, recall of tags that the text names", named.recall, 1.0),
        _against("coins, F1 of tags that the text names", named.f1, 1.0),
        _against("coins, recall of every tag / what the texts allow", every.recall, reachable.recall),
        _against("coins, F1 of every tag / what the texts allow", every.f1, reachable.f1),
    ]


def _against(name: str, measured: float, best: float) -> Row:
    ratio = measured / best
    return Row(name, f"{measured:.3f}", f"{best:.3f}", ratio, f"≥ {COINS_FROM:g}×", ratio >= COINS_FROM)
