"""How texts sound: the language, case by case, and the labelled rows as a floor."""

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ledgers.sentiment import label, score
from apps.ledgers.sentiment.vocabulary import NEUTRAL, THEMES, inflected
from benchmarks import text as benchmark

PIECES = st.sampled_from(
    ["not", "no", "never", "but", "very", "scam", "moon", "+5%", "down 12%", "$BTC", "🚀", "📉", "?", "!", "...",
     "price target raised", "isn't", "https://x.io/a", "@who", "#bullish", "\n", "\x00", "(", "[", "\\", "%"]
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "Bitcoin surges past $100,000", "BTC +5%", "$XYZ up 12% premarket", "Ethereum rallies 10% after the merge",
        "to the moon 🚀🚀", "HODL", "XYZ price target raised to $50 at UBS", "XYZ stock price target boosted to $9",
        "XYZ beats estimates", "XYZ tops user, sales expectations", "XYZ upgraded to buy at UBS",
        "XYZ started at outperform", "XYZ raises guidance", "XYZ cuts costs", "Unemployment falls", "Losses narrow",
        "Bitcoin hits an all-time high", "Bitcoin ETF approved", "new 52-week high", "short squeeze incoming",
        "$XYZ calls", "loaded more calls", "buy the dip", "golden cross on the daily", "not a scam",
        "This isn’t a scam", "Bitcoin is not crashing", "no longer bearish", "XYZ announces share buyback",
        "Hedge funds have never been more bullish on XYZ", "#bullish", "Whales are accumulating",
    ],
)  # fmt: skip
def test_good_news_is_bullish(text: str) -> None:
    assert label(score(text)) == "bullish"


@pytest.mark.parametrize(
    "text",
    [
        "Bitcoin plunges below $20,000", "ETH -7.5%", "$XYZ (-1.8% pre) XYZ announces public offering", "down 12%",
        "dead cat bounce", "death cross", "XYZ cut to sell at UBS", "XYZ downgraded to hold at UBS",
        "XYZ misses estimates", "XYZ cuts dividend by 14%", "XYZ cuts guidance", "Unemployment rises",
        "Losses widen at XYZ", "Costs are rising", "XYZ price target cut to $5", "Exchange hacked, $40M stolen",
        "SEC sues the exchange", "Founder charged with fraud", "total rug pull", "classic pump and dump", "rekt",
        "$XYZ puts", "buying puts", "going to zero", "not bullish", "isn't profitable", "📉📉", "this is a scam",
        "XYZ shares slip over security concerns", "XYZ files for bankruptcy", "sell everything", "No. Crash!",
    ],
)  # fmt: skip
def test_bad_news_is_bearish(text: str) -> None:
    assert label(score(text)) == "bearish"


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "?", "BTC", "$MOON $BEAR $SCAM", "@moonbull", "https://scam.example/crash-dump-bear", "Http://Goo.gl/moon",
        "What does XYZ's share price indicate?", "Should XYZ Inc. (NASDAQ:XYZ) be disappointed with its 50% profit?",
        "Is the crypto market crashing?", "Crude oil and gross margin", "Interest rates", "Please share if you like",
        "hit my stop loss", "pumpkin soup", "the dashboard", "a bearing and a bullet", "buyer's guidebook abroad",
        "XYZ to hold a conference call", "XYZ Q3 2020 earnings call transcript", "short-term notes", "hedge funds",
        "Best Buy names new CFO", "United Energy Trust", "how long will it take", "pros and cons", "(WIN)",
        "XYZ announces first quarter results", "Bitcoin at $67,000",
    ],
)  # fmt: skip
def test_text_without_a_stance_is_neutral(text: str) -> None:
    assert label(score(text)) == "neutral"


def test_more_of_the_same_weighs_more() -> None:
    assert 0 < score("Bitcoin rises") < score("Bitcoin rises. Adoption grows. Momentum is strong.") <= 1


def test_negation_stays_in_its_sentence() -> None:
    assert score("This is not. Scam!") < 0 < score("This is not a scam!")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.1", "bullish"), ("0.0999", "neutral"), ("0", "neutral"), ("-0.0999", "neutral"), ("-0.1", "bearish"),
     ("1", "bullish"), ("-1", "bearish")],
)  # fmt: skip
def test_label_changes_at_a_tenth(value: str, expected: str) -> None:
    assert label(Decimal(value)) == expected


@given(st.text() | st.lists(PIECES, max_size=30).map(" ".join) | st.lists(PIECES, max_size=30).map("".join))
def test_any_text_has_one_score_within_bounds(text: str) -> None:
    first = score(text)
    assert -1 <= first <= 1
    assert first.as_tuple().exponent == -4
    assert str(first) != "-0.0000"
    assert score(text) == first


@pytest.mark.parametrize(
    "text", ["but moon ", "😀🚀", "$", "a.b-c", "raises ", "?", "((", "\u200d\ufe0f", "up 5% "]
)
def test_very_long_text_is_scored_by_its_beginning(text: str) -> None:
    assert score(text * 100_000) == score(text * 10_000)


def test_library_is_loaded_only_when_a_text_is_scored() -> None:
    statement = "import sys, apps.ledgers.sentiment; sys.exit('vaderSentiment' in ' '.join(sys.modules))"
    assert subprocess.run([sys.executable, "-c", statement], check=False).returncode == 0


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("surge", {"surge", "surges", "surged", "surging"}),
        ("rally", {"rally", "rallies", "rallied", "rallying"}),
        ("crash", {"crash", "crashes", "crashed", "crashing"}),
        ("drop", {"drop", "drops", "droped", "droping", "dropped", "dropping"}),
    ],
)
def test_verb_is_inflected(verb: str, forms: set[str]) -> None:
    assert set(inflected(verb)) == forms


def test_vocabulary_is_consistent() -> None:
    neutral = set(" ".join(NEUTRAL).split())
    for theme in THEMES:
        assert 0 < abs(theme.valence) <= 4
        words = set(theme.words.split()).union(*map(inflected, theme.verbs.split()))
        assert words == {word.lower() for word in words}
        assert not words & neutral


@pytest.mark.skipif(not benchmark.LABELLED.exists(), reason="the labelled rows are not beside this checkout")
@pytest.mark.parametrize(
    "name", ["crypto_tweets_labelled", "finance_tweets_balanced", "stocktwits_2017_bull_bear", None]
)
def test_labelled_rows_are_read_far_better_than_by_counting_words(name: str | None) -> None:
    files = benchmark.labelled()
    rows = files[name] if name else [row for rows in files.values() for row in rows]
    gain = benchmark.macro_f1(rows, benchmark.ours) - benchmark.macro_f1(rows, benchmark.baseline)
    assert gain >= benchmark.GAIN
