"""The crossover on tables worked by hand, and on real prices beside an independent count."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import numpy as np
import pytest

from apps.ledgers.tests.shared import SHARED, needs_shared
from apps.trading.algorithms.base import read_parameters
from apps.trading.algorithms.moving_average_crossover import MovingAverageCrossover
from apps.trading.algorithms.rows import Bar
from apps.trading.deciding import decide, judge_inputs
from apps.trading.tests.views import DAY, EMPTY, NOW, KnownRows, ask, bars, book_of, view_of
from ohmycoins.core.errors import Invalid

RULE = MovingAverageCrossover()
SMALL = {"fast": 2, "slow": 3}
HELD = book_of(BTC=("2", "200"))


@pytest.mark.parametrize(
    ("closes", "book", "action", "confidence"),
    [
        # averages of 2 and 3 before the newest close, and with it
        ([4, 3, 2, 6], EMPTY, "buy", "0.5"),  # 2.5 ≤ 3, then 4 > 11/3; of 2 and 6 one is above 11/3
        ([3, 3, 3, 4], EMPTY, "buy", "0.5"),  # equal, then 3.5 > 10/3
        ([4, 3, 2, 6], HELD, "hold", None),  # held already
        ([2, 3, 4, 5], EMPTY, "hold", None),  # 3.5 > 3 before: above all along, no cross
        ([3, 3, 3, 3], EMPTY, "hold", None),  # equal is not above
        ([3, 3, 3, 3], HELD, "hold", None),  # nor below
        ([9, 1, 2, 3], EMPTY, "buy", "0.5"),  # 1.5 ≤ 4, then 2.5 > 2; of 2 and 3 one is above 2
        ([2, 3, 4, 0], HELD, "sell", "0.5"),  # 3.5 > 3, then 2 < 7/3; of 4 and 0 one is below 7/3
        ([3, 3, 3, 2], HELD, "sell", "0.5"),  # equal, then 2.5 < 8/3
        ([2, 3, 4, 0], EMPTY, "hold", None),  # nothing to sell
        ([5, 4, 3, 2], HELD, "hold", None),  # below all along
        ([2, 4, 3, 2], HELD, "sell", "0.5"),  # 3.5 > 3, then 2.5 < 3: of 3 and 2 one is below 3
        ([9, 1, 1, 9], EMPTY, "buy", "0.5"),  # 1 ≤ 11/3, then 5 > 11/3
        ([1, 9, 9, 9], EMPTY, "hold", None),  # 9 > 19/3, then 9 = 9: back to equal is not a cross
        ([4, 3, 2], EMPTY, "hold", None),  # too few
        ([4, None, 3, 2, 6], EMPTY, "hold", None),  # a gap
        ([9, None, 4, 3, 2, 6], EMPTY, "buy", "0.5"),  # a gap before what is averaged
        ([], EMPTY, "hold", None),
    ],
)
def test_acts_at_the_cross_and_only_there(
    closes: list[Any], book: Any, action: str, confidence: str | None
) -> None:
    candles = bars([None if close is None else close + 1 for close in closes])  # no price is 0
    signal = ask(RULE, candles, book=book, **SMALL)
    assert signal.action == action, signal.reason
    if confidence:
        assert signal.confidence == D(confidence)
        assert signal.evidence == (candles[-1].ref, candles[-2].ref)
        assert (signal.coin_type, signal.ledger) == ("BTC", "exchange")


def test_says_why_it_holds() -> None:
    def reason(closes: list[Any], **more: Any) -> str:
        return ask(RULE, bars(closes), **SMALL, **more).reason

    assert reason([4, 3]) == "2 of the 4 hour candles are known"
    assert reason([4, None, 3, 2, 6]) == "no hour candle before that of 2026-03-02 09:00"
    assert reason([2, 3, 4, 5]) == "no cross"
    assert reason([5, 4, 3, 7], book=HELD) == "crossed upwards, and held already"
    assert reason([3, 4, 5, 1]) == "crossed downwards, and nothing is held"


def test_buys_its_share_of_the_budget_and_sells_all() -> None:
    up = ask(RULE, bars([5, 4, 3, 7]), fraction="0.25", **SMALL)
    down = ask(RULE, bars([3, 4, 5, 1]), book=HELD, fraction="0.25", **SMALL)
    assert (up.fraction, down.fraction) == (D("0.25"), D(1))
    assert up.reason == "the average of 2 hour closes crossed above that of 3"


def test_averages_are_compared_exactly_where_rounded_means_would_be_equal() -> None:
    third = D("0.1") ** 18  # the fast average is a third of the last digit above the slow one
    before = [D(10), D(10), D(10)]
    assert ask(RULE, bars([*before, D(10) + third]), **SMALL).action == "buy"
    assert ask(RULE, bars([*before, D(10) - third]), book=HELD, **SMALL).action == "sell"


@pytest.mark.parametrize(("interval", "minutes"), [("5min", 15), ("hour", 70), ("day", 1450)])
def test_candles_may_be_as_old_as_the_next_one_is_long_in_coming(interval: str, minutes: int) -> None:
    inputs = RULE.inputs(read_parameters(RULE, {"interval": interval, "slow": 40}))
    assert [(each.label, each.max_age, each.count) for each in inputs] == [
        (f"candles:BTC:{interval}", timedelta(minutes=minutes), 41)
    ]
    known = KnownRows(bars([1, 2], interval=interval, end=NOW - timedelta(minutes=minutes)))
    later = NOW + timedelta(seconds=1)
    assert [judge_inputs(inputs, known, at)[0].state for at in (NOW, later)] == ["ok", "stale"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fast": 30, "slow": 30}, r"fast \(30\) must be less than slow \(30\)"),
        ({"fast": 0}, "fast: Input should be greater than or equal to 1"),
        ({"slow": 501}, "slow: Input should be less than or equal to 500"),
        ({"interval": "week"}, "interval: Input should be '5min', 'hour' or 'day'"),
        ({"coin_type": "btc"}, "coin_type: expected a coin's symbol in upper case, such as BTC"),
        ({"fraction": "0"}, "fraction: Input should be greater than 0"),
        ({"fraction": "1.01"}, "fraction: Input should be less than or equal to 1"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read_parameters(RULE, given)


# Real prices -------------------------------------------------------------------------------------------


def real_days() -> list[Bar]:
    """Give bitcoin's days in AUD, 2014 to 2020; days without a close are missing."""
    with (SHARED / "prices" / "btc_aud_yahoo_daily_2014_2020.csv").open() as file:
        days = {
            datetime.fromisoformat(row["Date"]).replace(tzinfo=UTC): D(row["Close"])
            for row in csv.DictReader(file)
            if row["Close"] not in ("", "null")
        }
    first, last = min(days), max(days)
    every = [first + DAY * place for place in range((last - first).days + 1)]
    return bars([days.get(day) for day in every], interval="day", end=last + DAY)


def crosses(times: Any, closes: Any, fast: int, slow: int) -> dict[int, str]:
    """Find by running sums where the averages cross, over days without a gap: place and side."""
    sums = np.concatenate([[0.0], np.cumsum(closes)])
    ends = np.arange(slow, len(closes) + 1)
    lead = (sums[ends] - sums[ends - fast]) / fast - (sums[ends] - sums[ends - slow]) / slow
    found = {}
    for place in range(slow, len(closes)):
        before, now = lead[place - slow], lead[place - slow + 1]
        if times[place] - times[place - slow] != slow:
            continue
        if before <= 0 < now:
            found[place] = "buy"
        elif before >= 0 > now:
            found[place] = "sell"
    return found


@needs_shared
@pytest.mark.parametrize(("fast", "slow"), [(10, 30), (50, 200), (1, 2)])
def test_on_real_days_it_crosses_where_an_independent_count_does(fast: int, slow: int) -> None:
    days = real_days()
    times = np.array([(day.occurred_at - days[0].occurred_at).days for day in days])
    expected = crosses(times, np.array([float(day.close) for day in days]), fast, slow)
    held, bought, found = book_of(BTC=("1", "1")), 0, {}
    for place in range(len(days)):
        told = KnownRows(days[max(0, place - slow - 5) : place + 1], now=days[place].known_at)
        for book in (EMPTY, held):
            settings = {"interval": "day", "fast": fast, "slow": slow}
            signal = decide(RULE, view_of(RULE, told, book=book, now=told.now, **settings))
            if signal.action != "hold":
                found[place] = signal.action
    bought = sum(action == "buy" for action in found.values())
    assert found == expected
    assert bought > 3
    assert abs(len(found) - 2 * bought) <= 5  # ups and downs take turns, but for gaps
