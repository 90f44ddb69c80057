"""Dollar-cost averaging: the same amount, whatever it costs."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from apps.trading.algorithms.base import read_parameters
from apps.trading.algorithms.dollar_cost_averaging import DollarCostAveraging
from apps.trading.deciding import judge_inputs, size_of
from apps.trading.records import MARKET, Ticket
from apps.trading.tests.views import EMPTY, NOW, KnownRows, ask, book_of, tick
from ohmycoins.core.errors import Invalid

RULE = DollarCostAveraging()


@pytest.mark.parametrize("book", [EMPTY, book_of(cash=0, BTC=("9", "9000"))])
def test_buys_the_same_amount_at_every_run(book: Any) -> None:
    older, newest = tick(last="1", ago=timedelta(minutes=1)), tick(last="100000")
    signal = ask(RULE, [older, newest], book=book, amount_aud="75.5")
    assert size_of(signal, book) == Ticket("BTC", "buy", MARKET, amount_aud=D("75.5"))
    assert (signal.evidence, signal.reason) == ((newest.ref,), "A$75.5 at every run")


def test_holds_where_there_is_no_price() -> None:
    assert ask(RULE, [tick("ETH")]).reason == "BTC has no price"


def test_says_how_old_the_price_may_be() -> None:
    inputs = RULE.inputs(read_parameters(RULE, {"max_price_age_minutes": 2}))
    ages = (timedelta(minutes=2), timedelta(minutes=2, seconds=1))
    assert [judge_inputs(inputs, KnownRows([tick(ago=age)]), NOW)[0].state for age in ages] == ["ok", "stale"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"amount_aud": "0.99"}, "amount_aud: Input should be greater than or equal to 1"),
        ({"amount_aud": "1.005"}, "amount_aud: Decimal input should have no more than 2 decimal places"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read_parameters(RULE, given)
