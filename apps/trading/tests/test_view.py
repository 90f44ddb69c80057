"""What an algorithm is shown: what it declared, as of its clock, and nothing else."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from apps.trading.algorithms.base import Input, Parameters, Series, Signal, hold
from apps.trading.algorithms.view import Book, Position, Undeclared, View
from apps.trading.deciding import decide
from apps.trading.tests.views import (
    DAY,
    EMPTY,
    HOUR,
    NOW,
    KnownRows,
    bars,
    figures,
    happened,
    measured,
    said,
    tick,
    view_of,
)

INPUTS = (
    Input(series=Series.PRICE, of="BTC", max_age=HOUR, count=1),
    Input(series=Series.CANDLES, of="BTC", detail="hour", max_age=HOUR, count=3),
    Input(series=Series.NEWS, of="BTC", max_age=HOUR, within=DAY),
    Input(series=Series.POSTS, of="BTC", max_age=HOUR, within=DAY),
    Input(series=Series.EVENTS, of="BTC", max_age=HOUR, within=DAY),
    Input(series=Series.FUNDAMENTALS, of="aave", max_age=DAY, within=3 * DAY),
    Input(series=Series.METRICS, of="ETH", detail="chain_tvl_usd", max_age=DAY, within=3 * DAY),
)


class Asks:
    """An algorithm that asks for one thing, with every input declared."""

    slug = "asks"
    title = "Asks"
    version = "1"
    parameters = Parameters

    def __init__(self, question: Callable[[View], Any] = lambda view: None) -> None:
        self.question = question
        self.answer: Any = None

    def inputs(self, parameters: Parameters) -> tuple[Input, ...]:
        return INPUTS

    def decide(self, view: View) -> Signal:
        self.answer = self.question(view)
        return hold("it asked")


@pytest.mark.parametrize(
    ("question", "said_of_it"),
    [
        (lambda view: view.price("ETH"), "price:ETH is not among the inputs that it declares"),
        (lambda view: view.candles("BTC", "day", 3), "candles:BTC:day is not among"),
        (
            lambda view: view.candles("BTC", "hour", 4),
            "candles:BTC:hour: 4 rows were asked for, and 3 declared",
        ),
        (lambda view: view.candles("BTC", "hour", 0), "0 rows were asked for"),
        (lambda view: view.candles("BTC", "hour", -1), "-1 rows were asked for"),
        (lambda view: view.news("ETH", DAY), "news:ETH is not among"),
        (lambda view: view.news("BTC", DAY + HOUR), "news:BTC: 1 day, 1:00:00 back was asked for"),
        (lambda view: view.posts("BTC", -HOUR), "posts:BTC: -1 day, 23:00:00 back was asked for"),
        (lambda view: view.posts("BTC", timedelta(0)), "posts:BTC: 0:00:00 back was asked for"),
        (lambda view: view.events("SOL", HOUR), "events:SOL is not among"),
        (lambda view: view.fundamentals("lido", DAY), "fundamentals:lido is not among"),
        (lambda view: view.metrics("ETH", "addresses", DAY), "metrics:ETH:addresses is not among"),
        (lambda view: view.metrics("ETH", "chain_tvl_usd", 4 * DAY), "4 days, 0:00:00 back was asked for"),
    ],
)
def test_a_rule_that_tries_to_see_more_or_ahead_is_refused(question: Any, said_of_it: str) -> None:
    with pytest.raises(Undeclared, match=said_of_it):
        decide(Asks(question), view_of(Asks(), [tick(), *bars([1, 2, 3, 4])]))


def test_there_is_nothing_else_to_ask() -> None:
    shown = {name for name in dir(view_of(Asks(), [])) if not name.startswith("_")}
    assert shown == {
        "book", "candles", "events", "fundamentals", "metrics", "news", "now", "parameters", "posts", "price", "read",
    }  # fmt: skip
    with pytest.raises(AttributeError):
        view_of(Asks(), []).clock = NOW  # type: ignore[attr-defined]


def asked(rows: Any, question: Callable[[View], Any]) -> Any:
    rule = Asks(question)
    decide(rule, view_of(rule, rows))
    return rule.answer


def test_gives_the_newest_price_and_none_where_there_is_none() -> None:
    first, second = tick(last="1", ago=HOUR), tick(last="2")
    ahead = tick(last="3", ago=-HOUR)
    assert asked([first, second, ahead], lambda view: view.price("BTC")) == second
    assert asked([], lambda view: view.price("BTC")) is None


def test_gives_the_newest_candles_oldest_first_and_fewer_where_fewer_are_known() -> None:
    candles = bars([1, 2, 3, 4])
    assert asked(candles, lambda view: view.candles("BTC", "hour", 2)) == candles[2:]
    assert asked(candles[:1], lambda view: view.candles("BTC", "hour", 3)) == candles[:1]
    assert asked([], lambda view: view.candles("BTC", "hour", 3)) == []


def test_windows_hold_what_occurred_within_them_to_the_second() -> None:
    texts = [said("0", HOUR + timedelta(seconds=1)), said("0", HOUR), said("0", timedelta(0))]
    assert asked(texts, lambda view: view.news("BTC", HOUR)) == texts[1:]
    assert asked(texts, lambda view: view.news("BTC", DAY)) == texts


def test_every_series_can_be_asked_for() -> None:
    rows = [
        said("0", HOUR, table="socialpost"),
        happened("listing", HOUR),
        figures("aave", 1, DAY),
        measured(1, DAY),
    ]
    answers = asked(
        rows,
        lambda view: [
            *view.posts("BTC", DAY), *view.events("BTC", DAY), *view.fundamentals("aave", 3 * DAY),
            *view.metrics("ETH", "chain_tvl_usd", 3 * DAY),
        ],
    )  # fmt: skip
    assert answers == rows


def test_remembers_what_was_looked_at_once_and_nothing_that_was_not() -> None:
    candles, price = bars([1, 2, 3]), tick()
    rule = Asks(
        lambda view: (view.candles("BTC", "hour", 2), view.candles("BTC", "hour", 1), view.price("BTC"))
    )
    view = view_of(rule, [*candles, price, said("0", HOUR)])
    assert view.read == ()
    decide(rule, view)
    assert view.read == (candles[1].ref, candles[2].ref, price.ref)


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        (tick(), "last"),
        (INPUTS[0], "count"),
        (EMPTY, "cash_aud"),
        (Position(D(1), D(1), None), "quantity"),
        (hold("why"), "action"),
    ],
)
def test_rows_and_books_cannot_be_changed_by_who_sees_them(shown: Any, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(shown, name, D(5))


def test_a_price_s_mark_lies_within_its_quotes_and_a_crossed_one_says_so() -> None:
    assert tick(last="120", bid="99", ask="100").mark == 100
    assert tick(last="5", bid="100", ask="99").mark == 99
    assert (tick(bid="100", ask="99").is_crossed, tick(bid="99", ask="99").is_crossed) == (True, False)


def test_a_book_counts_what_it_holds() -> None:
    book = Book(D(1), D(100), D(50), {"BTC": Position(D(2), D(20), NOW), "ETH": Position(D(3), D(5), None)})
    assert (book.value_aud, book.quantity("BTC"), book.value_of("ETH")) == (D(25), D(2), D(5))
    assert (book.quantity("SOL"), book.value_of("SOL"), EMPTY.value_aud) == (D(0), D(0), D(0))


def test_asks_the_ledgers_only_for_what_was_declared() -> None:
    known = KnownRows([tick()])
    view = view_of(Asks(lambda view: view.price("BTC")), known)
    view.price("BTC")
    with pytest.raises(Undeclared):
        view.price("ETH")
    assert known.asked == [INPUTS[0]]
