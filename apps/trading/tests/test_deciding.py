"""What becomes of what an algorithm says, and of what it was told, as tables."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.trading.algorithms.base import Input, Parameters, Series, Signal, hold
from apps.trading.algorithms.rows import Ref
from apps.trading.algorithms.view import Book, Position, View
from apps.trading.deciding import (
    BadSignal,
    Verdict,
    budget_of,
    cut,
    decide,
    gate,
    judge_inputs,
    most_slices,
    size_of,
    slice_of,
)
from apps.trading.records import MARKET, Bounds, Denial, Ticket
from apps.trading.tests.views import (
    DAY,
    EMPTY,
    HOUR,
    NOW,
    KnownRows,
    bars,
    book_of,
    happened,
    said,
    tick,
    view_of,
)

SECOND = timedelta(seconds=1)


def buy(**size: str) -> Signal:
    return Signal(
        action="buy", coin_type="BTC", reason="why", **{name: D(value) for name, value in size.items()}
    )  # type: ignore[arg-type]


def sell(**size: str) -> Signal:
    return Signal(
        action="sell", coin_type="BTC", reason="why", **{name: D(value) for name, value in size.items()}
    )  # type: ignore[arg-type]


class Says:
    """Says what it was given, and reads nothing."""

    slug = "says"
    title = "Says"
    version = "1"
    parameters = Parameters

    def __init__(self, said: Any) -> None:
        self.said = said

    def inputs(self, parameters: Parameters) -> tuple[Input, ...]:
        return ()

    def decide(self, view: View) -> Any:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


# What can be meant -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said_by_it", "problem"),
    [
        (None, "expected a Signal, got NoneType"),
        ("buy", "expected a Signal, got str"),
        (Signal(action="short", reason=""), "action is 'short'; expected buy, sell or hold"),
        (Signal(action="BUY", reason=""), "action is 'BUY'"),
        (buy(), "expected exactly one of quantity, fraction and amount_aud"),
        (buy(quantity="1", fraction="1"), "expected exactly one"),
        (buy(fraction="1.00000001"), "fraction is 1.00000001; expected at most 1"),
        (buy(fraction="0"), "its size is not a positive number"),
        (buy(quantity="-1"), "its size is not a positive number"),
        (buy(amount_aud="NaN"), "its size is not a positive number"),
        (buy(quantity="Infinity"), "its size is not a positive number"),
        (buy(fraction="1", confidence="1.1"), "confidence is 1.1; expected 0 to 1"),
        (buy(fraction="1", confidence="NaN"), "confidence is NaN"),
        (sell(amount_aud="5"), "a sale has no amount_aud"),
        (Signal(action="buy", reason="", fraction=D(1)), "buy of ''; expected a coin"),
    ],
)
def test_what_cannot_be_meant_is_refused(said_by_it: Any, problem: str) -> None:
    with pytest.raises(BadSignal, match=problem):
        decide(Says(said_by_it), view_of(Says(None), []))


@pytest.mark.parametrize(
    "meant", [hold("why"), buy(quantity="1"), buy(amount_aud="5"), sell(fraction="1"), sell(quantity="2")]
)
def test_what_can_be_meant_passes(meant: Signal) -> None:
    assert decide(Says(meant), view_of(Says(None), [])) is meant


def test_what_an_algorithm_raises_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        decide(Says(ZeroDivisionError()), view_of(Says(None), []))


def test_a_signal_s_ledger_is_that_of_its_first_evidence() -> None:
    refs = (Ref("human", "news", 1, "a"), Ref("exchange", "candle", 2, "b"))
    assert Signal(action="buy", reason="", evidence=refs).ledger == "human"
    assert hold("why").ledger == ""


# What can be believed --------------------------------------------------------------------------------

PRICE = Input(series=Series.PRICE, of="BTC", max_age=5 * timedelta(minutes=1), count=1)
CANDLES = Input(series=Series.CANDLES, of="BTC", detail="hour", max_age=HOUR)
NEWS = Input(series=Series.NEWS, of="BTC", max_age=HOUR, within=DAY)


@pytest.mark.parametrize(
    ("declared", "rows", "state", "age"),
    [
        (PRICE, [], "missing", None),
        (PRICE, [tick("ETH")], "missing", None),
        (PRICE, [tick(ago=timedelta(minutes=5))], "ok", 300),
        (PRICE, [tick(ago=timedelta(minutes=5) + SECOND)], "stale", 301),
        (PRICE, [tick(bid="101", ask="100")], "bad", 0),
        (PRICE, [tick(bid="101", ask="100", ago=HOUR)], "stale", 3600),  # too old to be called bad
        (PRICE, [tick(bid="101", ask="100", ago=SECOND), tick()], "ok", 0),  # it recovered
        (CANDLES, bars([1], end=NOW - HOUR), "ok", 3600),  # as old as its end
        (CANDLES, bars([1], end=NOW - HOUR - SECOND), "stale", 3601),
        (NEWS, [said("0", HOUR)], "ok", 3600),
        (NEWS, [said("0", 3 * DAY)], "stale", 259_200),
    ],
)
def test_inputs_are_judged(declared: Input, rows: Any, state: str, age: int | None) -> None:
    (verdict,) = judge_inputs([declared], KnownRows(rows), NOW)
    assert verdict.state == state
    assert verdict.as_json() == {
        "series": declared.label, "state": state, "age_seconds": age,
        "max_age_seconds": round(declared.max_age.total_seconds()),
        "newest_at": None if age is None else (NOW - timedelta(seconds=age)).isoformat(),
    }  # fmt: skip


def test_silence_about_one_coin_is_no_fault_of_its_ledger() -> None:
    class Ledger(KnownRows):
        def rows(self, wanted: Input) -> Any:
            return []

    assert judge_inputs([NEWS], Ledger([said("0", SECOND)]), NOW)[0].state == "ok"


def test_unbelievable_inputs_stop_purchases_and_name_each_series_with_its_age() -> None:
    rows = [tick(bid="101", ask="100"), *bars([1], end=NOW - 2 * HOUR)]
    events = Input(series=Series.EVENTS, of="BTC", max_age=DAY, within=DAY)
    verdicts = judge_inputs(
        [PRICE, CANDLES, NEWS, events], KnownRows([*rows, happened("listing", HOUR)]), NOW
    )
    assert gate(buy(fraction="1"), verdicts, in_flight=False) == (
        Denial("BAD_INPUT", "price:BTC has a bid above its ask.", limit="300", value="0"),
        Denial(
            "STALE_INPUT", "candles:BTC:hour is 7200 s old; nothing is bought on it when older than 3600 s.",
            limit="3600", value="7200",
        ),
        Denial("MISSING_INPUT", "Nothing is known of news:BTC.", limit="3600"),
    )  # fmt: skip


def test_sales_and_holding_pass_whatever_the_inputs_are_like() -> None:
    verdicts = (Verdict("price:BTC", "missing", HOUR), Verdict("news:BTC", "stale", HOUR, NOW, DAY))
    assert gate(sell(fraction="1"), verdicts, in_flight=False) == ()
    assert gate(hold("why"), verdicts, in_flight=False) == ()
    assert gate(buy(fraction="1"), (Verdict("price:BTC", "ok", HOUR, NOW, SECOND),), in_flight=False) == ()


# What it comes to ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equity", "percent", "limit", "budget"),
    [
        ("10000", "30", None, "3000"),
        ("10000", "30", "2999.99", "2999.99"),
        ("10000", "30", "5000", "3000"),
        ("0.00000001", "50", None, "0"),  # half a step, rounded half to even
        ("-5", "30", None, "-1.5"),
    ],
)
def test_the_budget_is_the_lesser_of_the_account_s_share_and_the_deployment_s(
    equity: str, percent: str, limit: str | None, budget: str
) -> None:
    bounds = Bounds(max_algorithm_percent=D(percent))
    assert budget_of(D(equity), bounds, D(limit) if limit else None) == D(budget)


def book(cash: str, budget: str, **held: tuple[str, str]) -> Book:
    positions = {coin: Position(D(quantity), D(value), NOW) for coin, (quantity, value) in held.items()}
    return Book(cash_aud=D(cash), equity_aud=D(0), budget_aud=D(budget), positions=positions)


def limited(most: str, *, others: str = "0", **held: tuple[str, str]) -> Book:
    return replace(book("10000", "3000", **held), coin_limit_aud=D(most), others_aud={"BTC": D(others)})


@pytest.mark.parametrize(
    ("signal", "shown", "expected"),
    [
        (buy(fraction="1"), book("10000", "3000"), {"amount_aud": D(3000)}),
        (buy(fraction="0.33333333"), book("10000", "100"), {"amount_aud": D("33.33")}),  # whole cents, down
        (
            buy(fraction="0.5"),
            book("10000", "3000", ETH=("1", "2000")),
            {"amount_aud": D(1000)},
        ),  # what is left
        (buy(fraction="0.25"), book("10000", "3000", ETH=("1", "2000")), {"amount_aud": D(750)}),
        (
            buy(fraction="1"),
            book("105", "3000"),
            {"amount_aud": D(99)},
        ),  # 105 / 1.05, a hundredth kept for fees
        (buy(fraction="1"), limited("2000"), {"amount_aud": D(2000)}),  # what one coin may be worth
        (buy(fraction="0.5"), limited("2000"), {"amount_aud": D(1500)}),
        (buy(fraction="1"), limited("2000", others="500", BTC=("1", "300")), {"amount_aud": D(1200)}),
        (buy(quantity="1.234567891"), book("0", "0"), {"quantity": D("1.23456789")}),
        (buy(amount_aud="500"), book("0", "0"), {"amount_aud": D(500)}),
        (sell(fraction="1"), book("0", "0", BTC=("0.123456789", "9")), {"quantity": D("0.12345678")}),
        (sell(fraction="0.5"), book("0", "0", BTC=("3", "9")), {"quantity": D("1.5")}),
        (
            sell(quantity="7"),
            book("0", "0", BTC=("3", "9")),
            {"quantity": D(7)},
        ),  # safety says what it thinks of it
    ],
)
def test_a_signal_becomes_an_order_at_market(signal: Signal, shown: Book, expected: dict[str, Any]) -> None:
    assert size_of(signal, shown) == Ticket("BTC", signal.action, MARKET, **expected)


@pytest.mark.parametrize(
    ("signal", "shown", "code", "value"),
    [
        (sell(fraction="1"), EMPTY, "NOTHING_HELD", "0"),
        (sell(quantity="1"), book_of(ETH=("1", "1")), "NOTHING_HELD", "0"),
        (sell(fraction="0.1"), book("0", "0", BTC=("0.00000009", "1")), "NOTHING_HELD", "0.00000009"),
        (buy(fraction="1"), book("10000", "3000", BTC=("1", "2999.01")), "NOTHING_LEFT", "2999.01"),
        (buy(fraction="1"), book("10000", "3000", BTC=("1", "4000")), "NOTHING_LEFT", "4000"),
        (buy(fraction="1"), book("1", "3000"), "NOTHING_LEFT", "0"),
        (buy(fraction="1"), limited("2000", others="1999.5"), "NOTHING_LEFT", "0"),
        (buy(fraction="0.0001"), book("10000", "3000"), "NOTHING_LEFT", "0"),
    ],
)
def test_a_signal_that_comes_to_nothing_says_so(signal: Signal, shown: Book, code: str, value: str) -> None:
    denial = size_of(signal, shown)
    assert isinstance(denial, Denial)
    assert (denial.code, denial.value) == (code, value)


@pytest.mark.parametrize(
    ("size", "most", "parts"),
    [
        ({"amount_aud": "0.99"}, 0, ["0.99"]),
        ({"amount_aud": "1"}, 1, ["1"]),
        ({"amount_aud": "3.99"}, 3, ["1.33", "1.33", "1.33"]),
        ({"amount_aud": "4"}, 4, ["1", "1", "1", "1"]),
        ({"amount_aud": "5.50000001"}, 5, ["1.1", "1.1", "1.1", "1.1", "1.10000001"]),
        ({"quantity": "0.00000001"}, 1, ["0.00000001"]),
        ({"quantity": "0.00000003"}, 3, ["0.00000001"] * 3),
    ],
)  # fmt: skip
def test_order_is_cut_into_slices_that_the_venue_takes(
    size: dict[str, str], most: int, parts: list[str]
) -> None:
    ticket = Ticket("BTC", "buy", MARKET, **{name: D(value) for name, value in size.items()})
    assert (most_slices(ticket), cut(ticket, max(most, 1))) == (most, [D(part) for part in parts])
    (name,) = size
    assert slice_of(ticket, len(parts), len(parts) - 1) == Ticket(
        "BTC", "buy", MARKET, **{name: D(parts[-1])}
    )


@given(amount=st.decimals("1", "1000", places=8), slices=st.integers(1, 100))
def test_no_slice_is_below_the_venue_s_minimum(amount: D, slices: int) -> None:
    ticket = Ticket("BTC", "buy", MARKET, amount_aud=amount)
    parts = cut(ticket, min(slices, most_slices(ticket)))
    assert (sum(parts), min(parts) >= 1) == (amount, True)
