"""The reaction to events on tables worked by hand, and over a life of events."""

from datetime import timedelta
from decimal import Decimal as D
from random import Random
from typing import Any

import pytest

from apps.ledgers import announcement_rules
from apps.ledgers.announcement_rules import Kind
from apps.trading.algorithms.base import read_parameters
from apps.trading.algorithms.catalyst_reaction import CatalystReaction, CatalystReactionParameters
from apps.trading.algorithms.rows import Happened
from apps.trading.algorithms.view import Book, Position
from apps.trading.tests.views import EMPTY, HOUR, NOW, ask, book_of, happened
from ohmycoins.core.errors import Invalid

RULE = CatalystReaction()
SECOND = timedelta(seconds=1)


def bought(ago: timedelta) -> Book:
    return book_of(BTC=("2", "200", NOW - ago))


@pytest.mark.parametrize(
    ("events", "book", "action", "confidence"),
    [
        # (event type, hours ago, impact); window 36 h, held 72 h, impact 8 or more
        ([("listing", 36, 9)], EMPTY, "buy", "0.9"),  # as old as may be
        ([("listing", 37, 9)], EMPTY, "hold", None),  # too old
        ([("listing", 1, 8)], EMPTY, "buy", "0.8"),
        ([("listing", 1, 7)], EMPTY, "hold", None),  # of no weight
        ([("sec_filing_8k", 1, 10)], EMPTY, "hold", None),  # neither good nor bad
        ([("listing", 2, 9), ("sec_filing_8k", 1, 10)], EMPTY, "buy", "0.9"),
        ([("listing", 2, 9), ("suspension", 1, 8)], EMPTY, "hold", None),  # the newest decides
        ([("suspension", 2, 8), ("listing", 1, 9)], EMPTY, "buy", "0.9"),
        ([("listing", 1, 9), ("delisting", 1, 8)], EMPTY, "hold", None),  # of one instant, the bad one
        ([("listing", 1, 9)], bought(HOUR / 2), "hold", None),  # held already: never twice
        ([("listing", 3, 9), ("delisting", 1, 8)], bought(2 * HOUR), "sell", "0.8"),  # at once
        ([("listing", 3, 9), ("delisting", 1, 7)], bought(2 * HOUR), "hold", None),
        ([("delisting", 50, 8)], bought(2 * HOUR), "hold", None),  # bad, but long ago
        ([("listing", 73, 9)], bought(72 * HOUR), "sell", "0.9"),  # time is up
        ([("listing", 73, 9)], bought(72 * HOUR - SECOND), "hold", None),
        ([("listing", 100, 9), ("listing", 71, 9)], bought(99 * HOUR), "hold", None),  # renewed by another
        ([("listing", 100, 9), ("listing", 72, 9)], bought(99 * HOUR), "sell", "0.9"),
        ([], bought(72 * HOUR), "sell", "1"),  # the event is forgotten, the time is up
        ([], EMPTY, "hold", None),
        ([("delisting", 1, 8)], book_of(BTC=("0", "200")), "hold", None),  # all of it is being sold already
    ],
)
def test_acts_on_the_newest_event_of_weight(
    events: list[Any], book: Book, action: str, confidence: str | None
) -> None:
    rows = [happened(kind, HOUR * ago, impact) for kind, ago, impact in events]
    signal = ask(RULE, rows, book=book)
    assert signal.action == action, signal.reason
    if confidence:
        assert (signal.coin_type, signal.fraction, signal.confidence) == ("BTC", D(1), D(confidence))


def test_rests_on_the_event_also_when_it_sells_because_time_is_up() -> None:
    event = happened("listing", 80 * HOUR, title="BTC listed")
    fresh = happened("listing", HOUR, title="BTC listed")
    assert ask(RULE, [event], book=bought(75 * HOUR)).evidence == (event.ref,)
    signal = ask(RULE, [event, fresh])
    assert (signal.evidence, signal.ledger) == ((fresh.ref,), "catalyst")
    assert signal.reason == "listing, impact 9: BTC listed"


def test_remembers_the_event_for_a_day_more_than_it_takes() -> None:
    late = [ask(RULE, [happened("listing", HOUR * ago)], book=bought(100 * HOUR)) for ago in (132, 133)]
    assert [(signal.action, len(signal.evidence)) for signal in late] == [("sell", 1), ("sell", 0)]


def test_event_types_are_the_ones_that_the_ledger_has() -> None:
    kinds = [kind for kind in vars(announcement_rules).values() if isinstance(kind, Kind)]
    defaults = CatalystReactionParameters()
    assert set(defaults.buy_on) == {kind.event_type for kind in kinds if kind.sentiment == "bullish"}
    assert set(defaults.sell_on) == {kind.event_type for kind in kinds if kind.sentiment == "bearish"}
    bullish = {kind.impact for kind in kinds if kind.sentiment != "neutral"}
    assert min(bullish) >= defaults.minimum_impact


def test_one_who_believes_in_filings_can_have_them() -> None:
    rows = [happened("sec_filing_8k", HOUR, 8)]
    assert ask(RULE, rows, buy_on=["listing", "sec_filing_8k"]).action == "buy"
    assert ask(RULE, rows, book=bought(HOUR), sell_on=["sec_filing_8k"]).action == "sell"


def test_a_holding_of_unknown_age_is_sold() -> None:
    assert ask(RULE, [], book=book_of(BTC=("1", "1", None))).action == "sell"  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(30))
def test_never_buys_twice_on_one_event(seed: int) -> None:
    """Live through forty days of events, read late, at a run every half hour."""
    chance = Random(seed)
    kinds = ("listing", "listing", "listing", "delisting", "maintenance")
    events = [late(chance, chance.choice(kinds), HOUR * chance.uniform(0, 960)) for _ in range(25)]
    settings: dict[str, Any] = {"window_hours": chance.choice([6, 36]), "hold_hours": chance.choice([37, 72])}
    book, purchases = EMPTY, []
    for run in range(2000):
        now = NOW - 960 * HOUR + run * HOUR / 2
        signal = ask(RULE, events, book=book, now=now, **settings)
        if signal.action == "buy":
            purchases.append(signal.evidence[0])
            book = Book(D(0), D(100), D(100), {"BTC": Position(D(1), D(100), now + timedelta(seconds=5))})
        elif signal.action == "sell":
            book = EMPTY
    assert purchases
    assert len(purchases) == len(set(purchases))


def late(chance: Random, kind: str, ago: timedelta) -> Happened:
    event = happened(kind, ago)
    known_at = event.occurred_at + HOUR * chance.choice([0, 1, 33])
    return Happened(
        ref=event.ref, occurred_at=event.occurred_at, known_at=known_at, event_type=kind, title=kind,
        source="tests", impact_score=9,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"window_hours": 72}, r"window_hours \(72\) must be less than hold_hours \(72\), or the same event"),
        ({"buy_on": ["listing", "delisting"]}, "delisting cannot be both good"),
        ({"buy_on": []}, "buy_on: Tuple should have at least 1 item"),
        ({"sell_on": ["Bad News"]}, "sell_on.0: String should match pattern"),
        ({"minimum_impact": 11}, "minimum_impact: Input should be less than or equal to 10"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read_parameters(RULE, given)


def test_says_why_it_holds() -> None:
    assert ask(RULE, []).reason == "nothing of weight happened within 36 h"
    assert ask(RULE, [happened("delisting", HOUR)]).reason == "delisting, and nothing is held"
    assert ask(RULE, [], book=bought(2 * HOUR)).reason == "held since 2026-03-02 10:00, for 72 h"
