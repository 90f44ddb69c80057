"""Sentiment momentum on tables worked by hand."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from apps.trading.algorithms.base import read_parameters
from apps.trading.algorithms.sentiment_momentum import SentimentMomentum
from apps.trading.deciding import judge_inputs
from apps.trading.tests.views import EMPTY, HOUR, NOW, KnownRows, ask, book_of, said
from ohmycoins.core.errors import Invalid

RULE = SentimentMomentum()
SMALL = {"minimum_texts": 2, "recent_hours": 6, "baseline_hours": 48}
HELD = book_of(BTC=("2", "200", NOW - 12 * HOUR))
SELLING = book_of(BTC=("0", "200", NOW - 12 * HOUR))
JUST = book_of(BTC=("2", "200", NOW - 12 * HOUR + timedelta(seconds=1)))


def texts(recent: list[tuple[str, int]], before: list[tuple[str, int]]) -> list[Any]:
    """Give texts by score and reactions: `recent` an hour ago and more, `before` a day ago and more."""
    lately = [said(score, HOUR * (1 + n), engagement=crowd) for n, (score, crowd) in enumerate(recent)]
    earlier = [said(score, HOUR * (24 + n), engagement=crowd) for n, (score, crowd) in enumerate(before)]
    return lately + earlier


CALM = [("0", 0), ("0.1", 0)]  # its mean is 0.05


@pytest.mark.parametrize(
    ("recent", "before", "book", "action", "confidence"),
    [
        ([("0.1", 0), ("0.2", 0)], CALM, EMPTY, "buy", "1"),  # 0.15 − 0.05 = 0.1: as much as it takes
        ([("0.1", 0), ("0.1999", 0)], CALM, EMPTY, "hold", None),  # a hair less
        ([("0.1", 0), ("0.2", 0)], CALM, HELD, "hold", None),  # held already
        ([("0.5", 0), ("0", 0)], CALM, EMPTY, "buy", "0.5"),  # 0.25; one of the two is above 0.05
        # weights 1 and 4 (seven reactions): (−0.4 + 4 × 0.3) / 5 = 0.16, 0.11 more than usual
        ([("-0.4", 0), ("0.3", 7)], CALM, EMPTY, "buy", "0.8"),
        ([("-0.4", 0), ("0.3", 6)], CALM, EMPTY, "hold", None),  # weights 1 and 3: 0.125, 0.075 more
        ([("-0.4", -50), ("0.3", 7)], CALM, EMPTY, "buy", "0.8"),  # voted down is not less than a text
        ([("0", 0), ("0", 0)], CALM, HELD, "sell", "1"),  # −0.05: as little as it takes
        ([("0", 0), ("0.0002", 0)], CALM, HELD, "hold", None),  # a hair more
        ([("0", 0), ("0", 0)], CALM, EMPTY, "hold", None),  # nothing to sell
        ([("0", 0), ("0", 0)], CALM, SELLING, "hold", None),  # all of it is being sold already
        (
            [("0.05", 0), ("0.5", 0)],
            CALM,
            EMPTY,
            "buy",
            "0.5",
        ),  # 0.275; what is as usual does not speak for it
        ([("-1", 0), ("-1", 0)], CALM, JUST, "hold", None),  # bought a second less than 12 h ago
        ([("1", 0)], CALM, EMPTY, "hold", None),  # too few now
        ([("1", 0), ("1", 0)], [("0", 0)], EMPTY, "hold", None),  # too few before
        ([("-1", 0)], CALM, HELD, "hold", None),  # too few to sell on
    ],
)
def test_acts_on_the_change_of_mood(
    recent: list[Any], before: list[Any], book: Any, action: str, confidence: str | None
) -> None:
    signal = ask(RULE, texts(recent, before), book=book, **SMALL)
    assert signal.action == action, signal.reason
    if confidence:
        assert signal.confidence == D(confidence)
        assert (signal.coin_type, signal.ledger) == ("BTC", "human")


def test_says_how_the_mood_is() -> None:
    assert ask(RULE, texts([("0.5", 0), ("0", 0)], CALM), **SMALL).reason == (
        "sentiment is +0.2000 against the usual +0.0500"
    )
    assert ask(RULE, texts([("-1", 0), ("-1", 0)], CALM), book=JUST, **SMALL).reason == (
        "sentiment is -1.0500 against the usual +0.0500, but it was bought less than 12 h ago"
    )
    assert (
        ask(RULE, texts([("1", 0)], CALM), **SMALL).reason == "1 texts now and 2 before; 2 of each are needed"
    )


def test_rests_on_the_texts_that_pulled_furthest_its_way() -> None:
    # pull = (score − 0) × weight: 0.9, 1.6, −0.2, 0.5, 0.3, 0.2, 0.1; the last is left out
    rows = texts(
        [("0.9", 0), ("0.4", 7), ("-0.2", 0), ("0.5", 0), ("0.3", 0), ("0.2", 0), ("0.1", 0)],
        [("0", 0), ("0", 0)],
    )
    signal = ask(RULE, rows, **SMALL | {"recent_hours": 8})
    assert signal.evidence == tuple(rows[place].ref for place in (1, 0, 3, 4, 5))
    assert signal.confidence == D("0.9")  # weight 9 of 10


def test_a_holding_of_unknown_age_may_be_sold() -> None:
    signal = ask(RULE, texts([("-1", 0), ("-1", 0)], CALM), book=book_of(BTC=("1", "1", None)), **SMALL)  # type: ignore[arg-type]
    assert (signal.action, signal.fraction) == ("sell", D(1))


def test_what_is_as_old_as_the_window_is_recent_and_older_is_usual() -> None:
    rows = [
        said("0.5", 6 * HOUR),
        said("0.5", HOUR),
        said("0", 6 * HOUR + timedelta(seconds=1)),
        said("0", 48 * HOUR),
    ]
    assert ask(RULE, rows, **SMALL).reason == "sentiment is +0.5000 against the usual +0.0000"


@pytest.mark.parametrize(
    ("read", "labels", "action"),
    [
        ("both", ["news:BTC", "posts:BTC"], "buy"),
        ("news", ["news:BTC"], "hold"),
        ("posts", ["posts:BTC"], "hold"),
    ],
)
def test_reads_news_posts_or_both(read: str, labels: list[str], action: str) -> None:
    rows = [
        said("0.5", HOUR), said("0", 24 * HOUR),
        said("0.5", HOUR, table="socialpost"), said("0", 24 * HOUR, table="socialpost"),
    ]  # fmt: skip
    assert ask(RULE, rows, read=read, **SMALL).action == action
    inputs = RULE.inputs(read_parameters(RULE, {"read": read}))
    assert [each.label for each in inputs] == labels
    assert {verdict.state for verdict in judge_inputs(inputs, KnownRows(rows), NOW + 2 * HOUR)} == {"stale"}


@pytest.mark.parametrize(
    ("given", "said_of_it"),
    [
        ({"recent_hours": 72}, r"recent_hours \(72\) must be less than baseline_hours \(72\)"),
        ({"exit_change": "0.1"}, r"exit_change \(0.1\) must be less than entry_change \(0.1\)"),
        ({"read": "tweets"}, "read: Input should be 'both', 'news' or 'posts'"),
        ({"entry_change": "2.1"}, "entry_change: Input should be less than or equal to 2"),
        ({"minimum_texts": 0}, "minimum_texts: Input should be greater than or equal to 1"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any], said_of_it: str) -> None:
    with pytest.raises(Invalid, match=said_of_it):
        read_parameters(RULE, given)
