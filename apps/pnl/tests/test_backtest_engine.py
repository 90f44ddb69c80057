"""Trading in memory, computed by hand: fills, fees, results, limits, slices, days."""

import gc
import math
from datetime import date, timedelta
from decimal import Decimal as D
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.pnl.backtests.curve import MOST_POINTS, Curve
from apps.pnl.backtests.engine import Engine, RuleFailed
from apps.pnl.backtests.results import curve_of, metrics_of
from apps.pnl.backtests.state import State
from apps.pnl.tests.backtest_markets import HOUR, START, Market, Scripted, buy, cut_at, sell, tried
from apps.trading.algorithms.base import hold
from apps.trading.algorithms.rows import Tick
from apps.trading.records import Bounds


def test_purchase_and_sale_by_hand_to_the_last_digit() -> None:
    # Given a purchase of A$1,000 at an ask of 333.33, and a sale of all of it at a bid of 351.07.
    market = Market({"BTC": [("333.00", "333.33"), ("340", "341"), ("351.07", "352")]})
    engine = tried(Scripted({0: buy(amount_aud=1000), 2: sell()}), market, 4)
    # Then 1000 / (333.33 × 1.001) is bought, rounded down; value and fee are rounded half to even.
    bought, sold = engine.state.account.new_trades
    assert (bought.quantity, bought.price) == (D("2.99703296"), D("333.33"))
    assert (bought.value_aud, bought.fee_aud) == (D("999.00099656"), D("0.99900100"))
    assert (sold.value_aud, sold.fee_aud) == (D("1052.16836127"), D("1.05216836"))
    assert sold.realized_pnl == D("1051.11619291") - D("999.99999756") == D("51.11619535")
    metrics = metrics_of(engine)
    assert metrics["realized_pnl"] == metrics["total_pnl"] == metrics["total_profit"] == "51.11619535"
    assert (metrics["equity"], metrics["total_fees"]) == ("10051.11619535", "2.05116936")
    assert (metrics["total_trades"], metrics["win_rate"], metrics["unrealized_pnl"]) == (1, "100", "0")
    assert metrics["return_percent"] == "0.51116195"
    assert metrics["decisions"] == {"total": 4, "buy": 1, "sell": 1, "hold": 2}


def test_sale_of_two_lots_closes_the_older_one_first() -> None:
    market = Market({"BTC": [100, 200, 300, 300]})
    rule = Scripted({0: buy(quantity=1), 1: buy(quantity=1), 2: sell(quantity="1.5")})
    engine = tried(rule, market, 3)
    # 450 − 0.45 of proceeds; costs 100.1 + half of 200.2
    assert engine.state.account.results.realized_pnl == D("449.55") - D("100.1") - D("100.1")
    assert engine.state.account.cost_aud == D("100.1")
    assert metrics_of(engine)["unrealized_pnl"] == str(D(150) - D("100.1"))
    assert metrics_of(engine)["positions"] == [{"coin_type": "BTC", "quantity": "0.5"}]


def test_order_takes_levels_rests_at_its_limit_and_fills_from_the_next_book() -> None:
    # Given asks of 1 at 100 and 1 at 103 (the collar ends at 105), and one hour later 5 at 101.
    books = {"BTC": {0: ([(99, 9)], [(100, 1), (103, 1), (106, 9)]), 1: ([(99, 9)], [(101, 5)])}}
    market = Market({"BTC": [(99, 100), (99, 101), (99, 101)]}, books)
    engine = tried(Scripted({0: buy(quantity=3)}), market, 3)
    # Then what is left waits at 105, and whoever waits gets the price they wait at.
    got = [(trade.quantity, trade.price, trade.executed_at) for trade in engine.state.account.new_trades]
    assert got == [(1, 100, START), (1, 103, START), (1, 105, START + HOUR)]
    assert engine.state.account.orders == []
    assert engine.state.account.reserved_aud == 0


def test_order_at_rest_keeps_its_reservation_and_no_book_is_taken_twice() -> None:
    books = {"BTC": {0: ([], [(100, 1)]), 1: ([], [(100, 1)])}}
    market = Market({"BTC": [(99, 100), (99, 100), (99, 120)]}, books)
    shown: list[Any] = []

    def script(view: Any) -> Any:
        shown.append((view.book.cash_aud, view.book.quantity("BTC")))
        return buy(quantity=4) if view.now == START else hold("wait")

    engine = tried(Scripted(script), market, 4)
    # 4 × 105 × 1.001 reserved; a quarter is released with each coin filled.
    assert shown[1] == (D(10_000) - D("100.1") - D("105.105") - D("210.21"), 2)
    assert shown[2] == shown[3] == shown[1]
    (order,) = engine.state.account.orders
    assert (order.quantity, order.reserved_aud) == (2, D("210.21"))


@pytest.mark.parametrize(
    ("bounds", "fields", "code"),
    [
        (Bounds(), {}, "POSITION_LIMIT"),
        (Bounds(max_position_percent=D(100)), {}, "ALGORITHM_LIMIT"),
        (Bounds(D(100), D(5), D(100), max_order_aud=D(10)), {}, "ORDER_TOO_LARGE"),
        (Bounds(D(100), D(5), D(100)), {"position_limit_aud": D(4000)}, "DEPLOYMENT_POSITION_LIMIT"),
    ],
)
def test_limits_deny_as_they_do_in_trading(bounds: Bounds, fields: dict[str, Any], code: str) -> None:
    engine = tried(Scripted({0: buy(amount_aud=5000)}), Market({"BTC": [100]}), 2, bounds=bounds, **fields)
    assert code in engine.state.denials
    assert engine.state.account.trades == 0


def test_a_bad_day_stops_purchases_until_local_midnight() -> None:
    # Given 10 coins at 100, which halve: more than 2 % of the account is lost.
    script = {0: buy(quantity=10), 2: buy(quantity=1), 3: buy(quantity=1), 14: buy(quantity=1)}
    prices = [100, 100, 50, 99] + [99] * 12
    bounds = Bounds(D(100), D(2), D(100))
    engine = tried(Scripted(script), Market({"BTC": prices}), 16, bounds=bounds, timezone="Australia/Sydney")
    # Then nothing is bought that day, also after the price is back; Sydney's midnight is at 13:00 UTC.
    assert engine.state.denials == {"DAILY_LOSS_LIMIT": 1, "ACCOUNT_REDUCE_ONLY": 1}
    assert [trade.executed_at for trade in engine.state.account.new_trades] == [START, START + 14 * HOUR]


def test_a_deployment_s_own_loss_limit_counts_from_its_first_order_of_the_day() -> None:
    script = {0: buy(quantity=10), 2: buy(quantity=1), 25: buy(quantity=1)}
    prices = [100, 100, 90] + [90] * 30
    engine = tried(Scripted(script), Market({"BTC": prices}), 30, loss_limit_aud=D(90))
    assert engine.state.denials == {"DEPLOYMENT_LOSS_LIMIT": 1}
    assert engine.state.account.trades == 2


def test_slices_come_to_the_whole_and_one_that_is_denied_ends_the_rest() -> None:
    fields = {"slices": 3, "slice_every": timedelta(minutes=5)}
    engine = tried(Scripted({0: buy(quantity="1.00000001")}), Market({"BTC": [100]}), 2, **fields)
    got = [(trade.quantity, trade.executed_at - START) for trade in engine.state.account.new_trades]
    third, minute = D("0.33333333"), timedelta(minutes=1)
    assert got == [(third, 0 * minute), (third, 5 * minute), (D("0.33333335"), 10 * minute)]
    # Given a price that is ten minutes and more old at the second slice, nothing is bought on it.
    fields["slice_every"] = timedelta(minutes=11)
    engine = tried(Scripted({0: buy(amount_aud=100)}), Market({"BTC": [100]}), 2, **fields)
    assert engine.state.denials == {"STALE_PRICE": 1}
    assert engine.state.slices == []
    assert [trade.value_aud for trade in engine.state.account.new_trades] == [D("33.296703")]


def test_amount_is_cut_into_fewer_slices_than_would_be_below_the_venue_s_minimum() -> None:
    fields = {"slices": 3, "slice_every": timedelta(minutes=5)}
    engine = tried(Scripted({0: buy(amount_aud="2.50")}), Market({"BTC": [100]}), 2, **fields)
    paid = [round(trade.value_aud + trade.fee_aud, 2) for trade in engine.state.account.new_trades]
    assert paid == [D("1.25"), D("1.25")]


@pytest.mark.parametrize(
    ("fields", "books", "shown", "sold", "denials"),
    [
        # 9 bought by hour 4; of half of them 1.5 is sold at once and 3 are to come. Half of the 7.5 left is 0.75 more; an hour
        # later 5.75 are left, 2 to come, and half is 0.875 more.
        (
            {"slices": 3, "slice_every": 2 * HOUR}, {}, [("9", "0"), ("4.5", "3"), ("3.75", "2")],
            ["1.5", "0.25", "1.5", "0.29166666", "0.25", "1.5", "0.29166666", "0.25", "0.29166668"], {},
        ),
        # 9 bought at once; a market that takes 2 leaves 2.5 waiting, and of the 7 left half is 1 more, which waits, too.
        (
            {}, {"BTC": {5: ([(100, 2)], []), 6: ([(90, 9)], []), 7: ([(90, 9)], [])}},
            [("9", "0"), ("4.5", "2.5"), ("3.5", "3.5")], ["2", "2.5", "1"], {"NOTHING_HELD": 1},
        ),
    ],
)  # fmt: skip
def test_what_is_being_sold_counts_towards_a_share_that_is_sold(
    fields: dict[str, Any], books: dict[str, Any], shown: list[Any], sold: list[str], denials: dict[str, int]
) -> None:
    positions: list[Any] = []

    def script(view: Any) -> Any:
        if view.now not in (START + 5 * HOUR, START + 6 * HOUR, START + 7 * HOUR):
            return buy(quantity=9) if view.now == START else hold("wait")
        positions.append(view.book.positions["BTC"])
        return sell(fraction="0.5")

    engine = tried(Scripted(script), Market({"BTC": [100] * 13}, books), 12, **fields)
    assert [(each.quantity, each.selling) for each in positions] == [
        (D(free), D(taken)) for free, taken in shown
    ]
    sales = [trade.quantity for trade in engine.state.account.new_trades if trade.side == "sell"]
    assert sales == [D(some) for some in sold]
    assert engine.state.denials == denials


def test_stale_and_missing_inputs_stop_purchases_and_not_sales() -> None:
    prices = [None, 100, None, None, None, None]
    script = {0: buy(quantity=1), 1: buy(quantity=1), 4: buy(quantity=1), 5: sell()}
    engine = tried(Scripted(script), Market({"BTC": prices}), 6)
    assert engine.state.denials == {"MISSING_INPUT": 1, "STALE_INPUT": 1}
    assert [trade.side for trade in engine.state.account.new_trades] == ["buy", "sell"]


def test_rule_that_raises_or_says_nonsense_ends_it_with_a_plain_sentence() -> None:
    def raises(view: Any) -> Any:
        raise ValueError("no idea")

    with pytest.raises(RuleFailed, match=r"^scripted at 2026-01-01T00:00:00\+00:00: ValueError: no idea$"):
        tried(Scripted(raises), Market({"BTC": [100]}), 2)
    with pytest.raises(RuleFailed, match="BadSignal: fraction is 2; expected at most 1"):
        tried(Scripted({0: buy(fraction=2)}), Market({"BTC": [100]}), 2)
    with pytest.raises(RuleFailed, match="Undeclared: price:ETH is not among the inputs"):
        tried(Scripted(lambda view: view.price("ETH")), Market({"BTC": [100]}), 2)


def test_nothing_that_a_rule_holds_leads_to_the_market() -> None:
    market = Market({"BTC": [100, 101, 102]})
    found: list[Any] = []

    def script(view: Any) -> Any:
        seen, ahead = set(), [view]
        while ahead:
            each = ahead.pop()
            if id(each) not in seen and not isinstance(each, type | FunctionType | ModuleType):
                seen.add(id(each))
                found.append(each)
                ahead += gc.get_referents(each)
        return hold("it looked everywhere")

    tried(Scripted(script), market, 2)
    assert any(isinstance(each, Tick) for each in found)
    assert not any(isinstance(each, Market | Engine | State) for each in found)


def test_holding_spreads_the_capital_and_pays_the_fee() -> None:
    # Given BTC from the start and ETH from the second hour on; 5,000 each buys 49.95004995 and 24.97502497.
    market = Market({"BTC": [(99, 100), 110, 120], "ETH": [None, 200, 150]})
    engine = tried(Scripted({}, "BTC", "ETH"), market, 3)
    held = metrics_of(engine)["buy_and_hold"]
    assert held["quantities"] == {"BTC": "49.95004995", "ETH": "24.97502497"}
    fees = D("4.99500500") + D("4.99500499")
    cash = 10_000 - D("4995.004995") - D("4995.004994") - fees
    assert D(held["total_fees"]) == fees
    assert D(held["equity"]) == cash + D("49.95004995") * 120 + D("24.97502497") * 150


def test_exposure_weighs_time() -> None:
    # Half of the account is in coins for one of four hours; no price moves, and the fee is small.
    engine = tried(Scripted({1: buy(quantity=50), 2: sell()}), Market({"BTC": [100] * 5}), 4)
    weight = 5000 / (10_000 - 5)
    assert float(metrics_of(engine)["exposure_percent"]) == pytest.approx(100 * weight / 4, abs=1e-8)


def test_drawdown_is_followed_at_every_step_and_days_are_judged_as_in_the_summary() -> None:
    # Given a day that falls by half within and ends where it began.
    prices = [100, 50] + [100] * 70
    prices[30] = 80
    engine = tried(Scripted({0: buy(quantity=50)}), Market({"BTC": prices}), 72)
    metrics = metrics_of(engine)
    assert (metrics["max_drawdown_by_step"], metrics["max_drawdown_percent_by_step"]) == ("-2505", "-25.05")
    assert [day for day, *_ in engine.state.days] == [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]
    assert metrics["max_drawdown"] == "-5"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(50, 150), min_size=49, max_size=120), st.integers(1, 90))
def test_metrics_agree_with_numpy(prices: list[int], quantity: int) -> None:
    hours = len(prices) - 1
    engine = tried(Scripted({0: buy(quantity=quantity)}), Market({"BTC": prices}), hours)
    metrics = metrics_of(engine)
    at = np.array(prices, float)
    spent = quantity * at[0] * 1.001
    if spent > 10_000 / 1.05:
        return
    equity = 10_000 - spent + quantity * at
    fall = equity - np.maximum.accumulate(np.append(10_000, equity))[1:]
    assert float(metrics["max_drawdown_by_step"]) == pytest.approx(fall.min(), abs=1e-6)
    ends = np.append(equity[24 : hours + 1 : 24], [] if hours % 24 == 0 else equity[-1:])
    returns = np.diff(np.append(10_000, ends)) / np.append(10_000, ends[:-1])
    deviation = returns.std(ddof=1)
    if deviation > 1e-9:
        expected = returns.mean() / deviation * math.sqrt(365)
        assert float(metrics["sharpe_ratio"]) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=4_000))
def test_curve_keeps_its_extremes_in_few_points(values: list[int]) -> None:
    curve = Curve.of(len(values), D(5_000))
    for place, value in enumerate(values):
        curve.add(START + place * HOUR, D(value))
    drawn = curve.drawn()
    assert len(drawn) <= MOST_POINTS
    assert [point.at for point in drawn] == sorted({point.at for point in drawn})
    equities = [point.equity for point in drawn]
    assert (max(equities), min(equities)) == (max(values), min(values))
    assert (drawn[0].equity, drawn[-1].equity) == (values[0], values[-1])
    peaks = np.maximum.accumulate(np.append(5_000, values))[1:]
    deepest = int((np.array(values) - peaks).min())
    assert curve.deepest == min(point.drawdown for point in drawn) == deepest


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_stored_and_gone_on_with_anywhere_it_comes_to_the_same(data: st.DataObject) -> None:
    hours = 60
    amounts = st.sampled_from(["0.1", "1.23456789", "7"])
    signal = st.one_of(
        st.builds(lambda some: buy(quantity=some), amounts), st.builds(lambda: buy(fraction="0.5")),
        st.builds(lambda some: sell(fraction=some), st.sampled_from(["0.3", "1"])),
    )  # fmt: skip
    script = data.draw(st.dictionaries(st.integers(0, hours - 1), signal, min_size=5))
    prices = data.draw(st.lists(st.integers(80, 120), min_size=hours + 1, max_size=hours + 1))
    book = st.lists(st.tuples(st.integers(80, 120), amounts), max_size=3)
    books = {"BTC": data.draw(st.dictionaries(st.integers(0, hours), st.tuples(book, book)))}
    fields = {
        "slices": data.draw(st.sampled_from([1, 3])), "slice_every": timedelta(minutes=45), "timezone": "Australia/Adelaide",
        "bounds": Bounds(D(100), D(3), D(100)), "loss_limit_aud": D(150),
    }  # fmt: skip

    def market() -> Market:
        return Market({"BTC": prices}, books)

    whole = tried(Scripted(script), market(), hours, **fields)
    cuts = data.draw(st.lists(st.integers(0, 20), max_size=4))
    parts, trades = cut_at(Scripted(script), market, hours, cuts, **fields)
    assert metrics_of(parts) == metrics_of(whole)
    assert curve_of(parts) == curve_of(whole)
    assert trades == whole.state.account.new_trades
    assert parts.state.as_json() == whole.state.as_json()
