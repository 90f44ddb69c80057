"""Rebalancing on tables worked by hand."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from apps.trading.algorithms.base import read_parameters
from apps.trading.algorithms.rebalance import Rebalance
from apps.trading.algorithms.view import Book, Position
from apps.trading.deciding import size_of
from apps.trading.records import Ticket
from apps.trading.tests.views import EMPTY, NOW, ask, book_of, tick
from ohmycoins.core.errors import Invalid

RULE = Rebalance()
HALVES = {"weights": {"BTC": "0.5", "ETH": "0.4"}, "tolerance": "0.1"}
PRICES = [tick("BTC"), tick("ETH"), tick("SOL")]


@pytest.mark.parametrize(
    ("held", "action", "coin", "fraction"),
    [
        # a budget of 1,000: BTC should be worth 500, ETH 400, give or take 100
        ({}, "buy", "BTC", "0.5"),  # 500 and 400 are missing: the larger first
        ({"BTC": ("5", "500")}, "buy", "ETH", "0.4"),
        ({"BTC": ("5", "500"), "ETH": ("4", "400")}, "hold", "", None),
        ({"BTC": ("4", "400"), "ETH": ("5", "500")}, "hold", "", None),  # both just within
        ({"BTC": ("4", "399.99"), "ETH": ("4", "400")}, "buy", "BTC", "0.10001"),
        ({"BTC": ("8", "800"), "ETH": ("4", "400")}, "sell", "BTC", "0.375"),  # 300 of 800
        ({"BTC": ("8", "800")}, "sell", "BTC", "0.375"),  # sales first: ETH lacks 400
        ({"BTC": ("7", "700"), "ETH": ("9", "900")}, "sell", "ETH", "0.55555556"),  # 500 of 900, the furthest
        (
            {"BTC": ("7", "700"), "ETH": ("6", "600")},
            "sell",
            "BTC",
            "0.28571429",
        ),  # of equals, by name: 200 of 700
        (
            {"BTC": ("5", "500"), "ETH": ("4", "400"), "SOL": ("1", "150")},
            "sell",
            "SOL",
            "1",
        ),  # has no weight
        ({"BTC": ("5", "500"), "ETH": ("4", "400"), "SOL": ("1", "99")}, "hold", "", None),
        ({"BTC": ("0", "800"), "ETH": ("4", "400")}, "hold", "", None),  # all of it is being sold already
    ],
)
def test_trades_what_is_furthest_from_its_weight(
    held: dict[str, Any], action: str, coin: str, fraction: str | None
) -> None:
    signal = ask(RULE, PRICES, book=book_of(budget=1000, **held), **HALVES)
    assert (signal.action, signal.coin_type) == (action, coin), signal.reason
    assert signal.fraction == (fraction and D(fraction))
    if action != "hold":
        assert (signal.confidence, signal.ledger) == (D(1), "" if coin == "SOL" else "exchange")


def test_says_how_far_off_it_is() -> None:
    signal = ask(RULE, PRICES, book=book_of(budget=1000, BTC=("8", "800")), **HALVES)
    assert signal.reason == "BTC is 80 % of the budget and should be 50 %"
    assert signal.evidence == (PRICES[0].ref,)


def test_a_coin_without_a_price_is_not_guessed_at_and_stops_no_sale() -> None:
    only_btc = [tick("BTC")]
    assert ask(RULE, only_btc, **HALVES).reason == "no price is known of ETH"
    assert ask(RULE, [], **HALVES).reason == "no price is known of BTC, ETH"
    assert ask(RULE, only_btc, book=book_of(budget=1000, BTC=("8", "800")), **HALVES).action == "sell"
    assert ask(RULE, PRICES, book=Book(D(0), D(0), D(0)), **HALVES).reason == "there is no budget"


def test_run_after_run_it_comes_to_its_weights_and_rests() -> None:
    """From a book that is all wrong: two sales, two purchases, at prices of A$100 without fees."""
    weights = {"BTC": "0.5", "ETH": "0.3"}
    held = {"SOL": D(5), "ETH": D(5)}
    cash, seen = D(5000), []
    for _ in range(6):
        book = Book(
            cash_aud=cash, equity_aud=D(6000), budget_aud=D(1000),
            positions={coin: Position(quantity, quantity * 100, NOW) for coin, quantity in held.items() if quantity},
        )  # fmt: skip
        signal = ask(RULE, PRICES, book=book, weights=weights, tolerance="0.02")
        seen.append((signal.action, signal.coin_type))
        if signal.action == "hold":
            break
        ticket = size_of(signal, book)
        assert isinstance(ticket, Ticket)
        if signal.action == "sell":
            quantity = -(ticket.quantity or D(0))
        else:
            quantity = (ticket.amount_aud or D(0)) / 100
        held[signal.coin_type] = held.get(signal.coin_type, D(0)) + quantity
        cash -= quantity * 100
    assert seen == [("sell", "SOL"), ("sell", "ETH"), ("buy", "BTC"), ("hold", "")]
    assert held == {"SOL": D(0), "ETH": D(3), "BTC": D(5)}


def test_reads_the_price_of_every_coin_that_has_a_weight() -> None:
    inputs = RULE.inputs(read_parameters(RULE, {"weights": {"SOL": 0, "BTC": 1}, "max_price_age_minutes": 7}))
    assert [(each.label, each.max_age) for each in inputs] == [
        ("price:BTC", timedelta(minutes=7)),
        ("price:SOL", timedelta(minutes=7)),
    ]
    assert ask(RULE, PRICES, book=EMPTY, weights={"SOL": 0, "BTC": "0.01"}).action == "hold"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"weights": {"BTC": "0.6", "ETH": "0.41"}},
            "weights: they come to 1.01 together; expected at most 1",
        ),
        ({"weights": {"BTC": "-0.1"}}, "weights.BTC: Input should be greater than or equal to 0"),
        ({"weights": {"btc": "0.1"}}, "expected a coin's symbol in upper case, such as BTC"),
        ({"weights": {}}, "weights: Dictionary should have at least 1 item"),
        ({"tolerance": "0"}, "tolerance: Input should be greater than 0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read_parameters(RULE, given)


def test_weights_may_come_to_exactly_one() -> None:
    tenths = {f"C{n}": "0.1" for n in range(10)}
    assert len(read_parameters(RULE, {"weights": tenths}).model_dump()["weights"]) == 10
