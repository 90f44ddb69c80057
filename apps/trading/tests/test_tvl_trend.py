"""The trend of value locked on tables worked by hand."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from apps.trading.algorithms.base import read_parameters
from apps.trading.algorithms.tvl_trend import TvlTrend
from apps.trading.deciding import judge_inputs
from apps.trading.tests.views import DAY, EMPTY, HOUR, NOW, KnownRows, ask, book_of, figures, measured
from ohmycoins.core.errors import Invalid

RULE = TvlTrend()
READ_AGO = 10 * HOUR  # at 02:00
SMALL = {"short_days": 2, "long_days": 5, "entry_percent": "10", "exit_percent": "-10"}
HELD = book_of(ETH=("2", "200"))


def chain(values: list[Any], **about: Any) -> list[Any]:
    """Give a chain's days, the last one today's; None leaves one out."""
    last = len(values) - 1
    return [
        measured(value, READ_AGO + DAY * (last - place), **about)
        for place, value in enumerate(values)
        if value is not None
    ]


@pytest.mark.parametrize(
    ("values", "book", "action", "confidence"),
    [
        # mean of the last 2 days against that of 5
        ([95, 95, 95, 110, 115], EMPTY, "buy", "1"),  # 112.5 / 102 = +10.29 %
        ([100, 100, 100, 120, 120], EMPTY, "buy", "1"),  # 120 / 108 = +11.1 %
        ([100, 100, 100, 117, 117], EMPTY, "hold", None),  # 117 / 106.8 = +9.55 %
        ([100, 100, 100, 120, 120], HELD, "hold", None),  # held already
        ([100, 100, 100, 80, 80], HELD, "sell", "1"),  # 80 / 92 = −13 %
        ([100, 100, 100, 80, 80], EMPTY, "hold", None),  # nothing to sell
        ([100, 100, 100, 100, 100], HELD, "hold", None),
        ([100, 100, 100, 90, 170], EMPTY, "buy", "0.5"),  # 130 / 112 = +16 %; one day of two is above 112
        ([None, 100, 100, 130, 130], EMPTY, "buy", "1"),  # 130 / 115 = +13 %: four days of five will do
        ([None, None, 100, 200, 200], EMPTY, "hold", None),  # three will not
        ([100, 100, 100, 200, None, 200], EMPTY, "hold", None),  # of two days both are needed
        ([1, 1, 1, 100, 100, 100, 120, 120], EMPTY, "buy", "1"),  # older days do not count
        (
            [100, 100, 100, 110, 140],
            EMPTY,
            "buy",
            "0.5",
        ),  # 125 / 110; 110 is as usual, and does not speak for it
        ([100, 100, 100, 90, 60], HELD, "sell", "0.5"),  # 75 / 90
        ([0, 0, 0, 0, 0], EMPTY, "hold", None),
        ([], EMPTY, "hold", None),
    ],
)
def test_acts_on_the_change(values: list[Any], book: Any, action: str, confidence: str | None) -> None:
    rows = chain(values)
    signal = ask(RULE, rows, book=book, **SMALL)
    assert signal.action == action, signal.reason
    if confidence:
        assert (signal.coin_type, signal.fraction, signal.confidence) == ("ETH", D(1), D(confidence))
        assert signal.ledger == "glass"


@pytest.mark.parametrize(
    ("last", "book", "action"),
    [
        # 2 days of x against 3 of 100 and 2 of x: x / (60 + 0.4 x) is 1.2 at x = 72 / 0.52
        (D(72) / D("0.52") + D("1e-30"), EMPTY, "buy"),
        (D(72) / D("0.52") - D("1e-30"), EMPTY, "hold"),
        # and 0.8 at x = 48 / 0.68
        (D(48) / D("0.68") - D("1e-30"), HELD, "sell"),
        (D(48) / D("0.68") + D("1e-30"), HELD, "hold"),
    ],
)
def test_what_is_not_written_in_decimals_is_compared_exactly(last: D, book: Any, action: str) -> None:
    bounds = SMALL | {"entry_percent": "20", "exit_percent": "-20"}
    assert ask(RULE, chain([100, 100, 100, last, last]), book=book, **bounds).action == action


@pytest.mark.parametrize(("last", "book", "action"), [(300, EMPTY, "buy"), (60, HELD, "sell")])
def test_as_much_as_the_threshold_is_enough(last: int, book: Any, action: str) -> None:
    bounds = {"short_days": 1, "long_days": 2, "entry_percent": "50", "exit_percent": "-25"}
    assert ask(RULE, chain([100, last]), book=book, **bounds).action == action  # 300 / 200, 60 / 80


def test_says_what_it_saw_and_rests_on_the_newest_day_and_the_first() -> None:
    rows = chain([1, 100, 100, 100, 120, 120])
    signal = ask(RULE, rows, **SMALL)
    assert signal.reason == "value locked in Ethereum: +11.11 % against 5 days"
    assert signal.evidence == (rows[-1].ref, rows[1].ref)
    assert ask(RULE, [], **SMALL).reason == "nothing is known of the value locked in Ethereum"
    assert ask(RULE, chain([None, None, 1, 1, 1]), **SMALL).reason == "3 of 5 days are known of Ethereum"
    assert ask(RULE, chain([0] * 5), **SMALL).reason == "nothing is locked in Ethereum"


def test_chains_that_share_a_coin_are_told_apart() -> None:
    rows = chain([100, 100, 100, 120, 120]) + chain([900, 900, 900, 1, 1], network="Base")
    assert ask(RULE, rows, **SMALL).action == "buy"
    assert ask(RULE, rows, book=HELD, name="Base", **SMALL).action == "sell"
    assert ask(RULE, rows, name="Blast", **SMALL).reason == "nothing is known of the value locked in Blast"


def test_a_protocol_s_days_move_the_coin_that_one_trades() -> None:
    of_aave: dict[str, Any] = SMALL | {"measure": "protocol", "name": "aave", "coin_type": "AAVE"}
    days = [100, 100, 100, 120, 120]
    rows = [figures("aave", value, READ_AGO + DAY * (4 - place)) for place, value in enumerate(days)]
    signal = ask(RULE, rows, **of_aave)
    assert (signal.action, signal.coin_type) == ("buy", "AAVE")
    nothing = [figures("aave", None, READ_AGO + DAY * place) for place in range(5)]
    assert ask(RULE, nothing, **of_aave).reason == "nothing is known of the value locked in aave"
    assert RULE.inputs(read_parameters(RULE, of_aave))[0].label == "fundamentals:aave"


def test_days_are_utc_s_whether_read_at_two_or_taken_from_history_at_midnight() -> None:
    history = [measured(value, 12 * HOUR + DAY * ago) for value, ago in ((100, 4), (100, 3), (100, 2))]
    assert ask(RULE, [*history, *chain([120, 120])], **SMALL).action == "buy"


@pytest.mark.parametrize(("ago", "state"), [(50 * HOUR, "ok"), (50 * HOUR + timedelta(seconds=1), "stale")])
def test_one_day_may_be_missed(ago: timedelta, state: str) -> None:
    inputs = RULE.inputs(read_parameters(RULE, {}))
    assert inputs[0].label == "metrics:ETH:chain_tvl_usd"
    assert judge_inputs(inputs, KnownRows([measured(1, ago)]), NOW)[0].state == state


def test_a_day_that_was_missed_does_not_take_from_the_long_mean() -> None:
    rows = [
        measured(value, 49 * HOUR + DAY * (4 - place))
        for place, value in enumerate([100, 100, 100, 120, 120])
    ]
    assert ask(RULE, rows, **SMALL).reason == "value locked in Ethereum: +11.11 % against 5 days"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"short_days": 30}, r"short_days \(30\) must be less than long_days \(30\)"),
        ({"exit_percent": "3"}, r"exit_percent \(3\) must be less than entry_percent \(3\)"),
        ({"measure": "coin"}, "measure: Input should be 'chain' or 'protocol'"),
        ({"name": ""}, "name: String should have at least 1 character"),
        ({"long_days": 366}, "long_days: Input should be less than or equal to 365"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read_parameters(RULE, given)
