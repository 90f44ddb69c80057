"""`/floor/positions`, `/floor/portfolio` and `/floor/pnl` over HTTP."""

from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.ledgers.models import LatestPrice
from apps.ledgers.tests.factories import make_price
from apps.pnl.models import Position
from apps.trading.models import Account
from apps.trading.records import Quote
from apps.trading.tests.factories import make_account, trade
from ohmycoins.core.money import round_aud

pytestmark = pytest.mark.django_db
FLOOR = "/api/v1/floor"


@pytest.fixture
def account(user: User, clock: Any) -> Account:
    return make_account(user)


def test_position_has_every_promised_field(api: APIClient, account: Account, clock: Any) -> None:
    make_price(bid=99_900, ask=100_000, last=99_950)
    trade(account, quantity="0.1")
    expected = {
        "coin_type": "BTC", "quantity": "0.1", "average_price": "100100", "total_cost": "10010",
        "current_price": "99950", "price_at": "2026-03-02T12:00:00Z", "current_value": "9995",
        "unrealized_pnl": "-15", "unrealized_pnl_percent": "-0.14985015",
    }  # fmt: skip
    assert api.get(f"{FLOOR}/positions").json() == [expected]
    assert api.get(f"{FLOOR}/positions/btc").json() == expected
    for unknown in ("ETH", "BTC.", "..", "NOVN.SW"):
        assert api.get(f"{FLOOR}/positions/{unknown}").status_code == 404


@pytest.mark.parametrize(
    ("bid", "ask", "last"),
    [(99, 100, "99.5"), (99, 100, 120), (99, 100, 50), (11111, 222222, "1111.11"), (12, 11, 20)],
)
def test_positions_are_marked_as_the_pure_rule_says(
    api: APIClient, account: Account, clock: Any, bid: int, ask: int, last: str
) -> None:
    make_price(bid=10, ask=10)
    trade(account, quantity="1")
    clock.shift(60)
    latest = make_price(bid=bid, ask=ask, last=last)
    mark = Quote(latest.bid, latest.ask, latest.last, latest.observed_at).mark
    assert D(api.get(f"{FLOOR}/positions/BTC").json()["current_price"]) == mark


@pytest.mark.parametrize(
    ("quantity", "price"),
    [("0.5", "0.00000001"), ("0.5", "0.00000003"), ("1.5", "0.00000001"), ("2.5", "0.00000001"), ("0.1", "0.33333333"),
     ("0.00000001", "123456.78901234"), ("0.3", "0.00000005"), ("12345.12345678", "98.76543211")],
)  # fmt: skip
def test_values_round_as_the_pure_rule_does(
    api: APIClient, account: Account, quantity: str, price: str
) -> None:
    make_price(bid=price, ask=price)
    Position.objects.create(account=account, coin_type="BTC", quantity=D(quantity), cost=0)
    value = D(api.get(f"{FLOOR}/positions/BTC").json()["current_value"])
    assert value == round_aud(D(quantity) * D(price))
    assert D(api.get(f"{FLOOR}/portfolio").json()["positions_value"]) == value


def test_sold_out_position_is_gone(api: APIClient, account: Account) -> None:
    make_price()
    trade(account, quantity="0.1")
    trade(account, "sell", quantity="0.1")
    assert api.get(f"{FLOOR}/positions").json() == []


def test_buy_by_amount_then_sell_half_conserves_the_opening_cash_to_the_last_digit(
    api: APIClient, account: Account
) -> None:
    make_price(bid="129051.79", ask="129966.15", last="130487.3453")
    bought = trade(account, amount_aud="1000")
    trade(account, "sell", quantity=str((bought.quantity / 2).quantize(D("1e-8"))))
    portfolio = {
        name: D(value) for name, value in api.get(f"{FLOOR}/portfolio").json().items() if name != "unpriced"
    }
    assert portfolio["cash_aud"] + portfolio["total_cost"] - portfolio["realized_pnl"] == 100_000
    assert portfolio["equity"] == portfolio["cash_aud"] + portfolio["positions_value"]
    assert portfolio["realized_pnl"] + portfolio["unrealized_pnl"] == portfolio["equity"] - 100_000
    summary = api.get(f"{FLOOR}/pnl/summary").json()
    assert D(summary["total_pnl"]) == portfolio["equity"] - 100_000


def test_empty_account_has_zeros_and_nulls(api: APIClient) -> None:
    summary = api.get(f"{FLOOR}/pnl/summary").json()
    assert summary.pop("as_of")
    assert summary.pop("unpriced") == []
    for ratio in ("profit_factor", "sharpe_ratio", "sortino_ratio", "calmar_ratio"):
        assert summary.pop(ratio) is None
    assert set(summary.values()) == {"0", 0}
    assert api.get(f"{FLOOR}/portfolio").json()["return_percent"] == "0"


def test_summary_adds_up_wins_and_losses(api: APIClient, account: Account, clock: Any) -> None:
    make_price(bid=100, ask=100)
    trade(account, quantity="3")
    for bid in (110, 90, 130):
        clock.shift(60)
        make_price(bid=bid, ask=bid)
        trade(account, "sell", quantity="1")
    summary = api.get(f"{FLOOR}/pnl/summary").json()
    # Each coin cost 100.1; the sales bring 109.89, 89.91 and 129.87.
    assert {name: summary[name] for name in summary if name not in ("as_of", "unpriced")} == {
        "realized_pnl": "29.37", "unrealized_pnl": "0", "total_pnl": "29.37", "total_trades": 3,
        "winning_trades": 2, "losing_trades": 1, "win_rate": "66.66666667", "profit_factor": "3.88223749",
        "total_profit": "39.56", "total_loss": "-10.19", "average_win": "19.78", "average_loss": "-10.19",
        "largest_win": "29.77", "largest_loss": "-10.19", "expectancy": "9.79", "total_volume": "630",
        "total_fees": "0.63", "unmatched_quantity": "0", "max_drawdown": "0", "max_drawdown_percent": "0",
        "sharpe_ratio": None, "sortino_ratio": None, "calmar_ratio": None,
    }  # fmt: skip


def test_periods_include_dates_and_exclude_end_instants(api: APIClient, account: Account, clock: Any) -> None:
    make_price(bid=110, ask=100)
    trade(account, quantity="4")
    gain = D("109.89") - D("100.1")
    for _ in range(3):  # 2, 3 and 4 March, at noon
        make_price(bid=110, ask=100)
        trade(account, "sell", quantity="1")
        clock.shift(86_400)

    def realized(query: str) -> D:
        both = api.get(f"{FLOOR}/pnl/summary?{query}"), api.get(f"{FLOOR}/pnl/realized?{query}")
        assert [answer.status_code for answer in both] == [200, 200]
        figures = {D(answer.json()["realized_pnl"]) for answer in both}
        assert len(figures) == 1
        return figures.pop()

    assert realized("") == 3 * gain
    assert realized("start_date=2026-03-03&end_date=2026-03-04") == 2 * gain
    assert realized("start_date=2026-03-03&end_date=2026-03-03") == gain
    assert realized("start_date=2026-03-02T12:00:00Z&end_date=2026-03-03T12:00:00Z") == gain
    assert realized("start_date=2026-03-02T12:00:01Z&end_date=2026-03-04T12:00:00.000001Z") == 2 * gain
    assert realized("end_date=2026-03-01") == 0


def test_realised_by_coin_adds_up(api: APIClient, account: Account) -> None:
    for coin, price in (("BTC", 100), ("ETH", 10)):
        make_price(coin, bid=price * 2, ask=price)
        trade(account, coin_type=coin, quantity="2")
        trade(account, "sell", coin, quantity="1")
    whole = D(api.get(f"{FLOOR}/pnl/realized").json()["realized_pnl"])
    parts = [
        D(api.get(f"{FLOOR}/pnl/realized?coin_type={coin}").json()["realized_pnl"]) for coin in ("BTC", "eth")
    ]
    assert sum(parts) == whole == D("99.7") + D("9.97")
    assert api.get(f"{FLOOR}/pnl/realized?algorithm_id=7").json()["realized_pnl"] == "0"
    unrealized = api.get(f"{FLOOR}/pnl/unrealized").json()
    assert unrealized == {"unrealized_pnl": "109.89", "unpriced": []}
    assert api.get(f"{FLOOR}/pnl/unrealized?coin_type=ETH").json()["unrealized_pnl"] == "9.99"


def test_coin_without_a_price_is_named_and_left_out(api: APIClient, account: Account) -> None:
    make_price()
    make_price("ETH", bid=10, ask=10)
    trade(account, quantity="0.1")
    trade(account, coin_type="ETH", quantity="1")
    LatestPrice.objects.filter(coin_type="BTC").delete()
    portfolio = api.get(f"{FLOOR}/portfolio").json()
    assert (portfolio["unpriced"], portfolio["total_cost"], portfolio["positions_value"]) == (
        ["BTC"],
        "10.01",
        "10",
    )
    position = api.get(f"{FLOOR}/positions/BTC").json()
    assert (position["current_price"], position["current_value"], position["unrealized_pnl"]) == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    "query",
    ["start_date=soon", "end_date=2026-13-01", "start_date=2026-03-02&end_date=2026-03-01", "algorithm_id=x",
     "coin_type=%20", "account=-1", "account=99999999999999999999"],
)  # fmt: skip
def test_bad_parameter_is_400_and_named(api: APIClient, query: str) -> None:
    answer = api.get(f"{FLOOR}/pnl/realized?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "query"),
    [("pnl/summary", "coin_type=BTC"), ("pnl/summary", "start=2026-01-01"), ("pnl/unrealized", "algorithm_id=1"),
     ("pnl/by-coin", "algorithm_id=1"), ("positions", "coin_type=BTC"), ("portfolio", "as_of=now"),
     ("pnl/history", "period=day"), ("pnl/tax/2025-26", "year=1"),
     ("pnl/summary", "start_date=2026-01-01&start_date=2026-02-01")],
)  # fmt: skip
def test_filter_that_is_not_offered_is_refused_and_not_left_out(
    api: APIClient, path: str, query: str
) -> None:
    answer = api.get(f"{FLOOR}/{path}?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["message"]


def test_others_figures_are_404(api: APIClient, client_for: Callable[[User], APIClient]) -> None:
    other = make_account()
    for path in ("positions", "portfolio", "pnl/summary", "pnl/realized", "pnl/unrealized"):
        assert api.get(f"{FLOOR}/{path}?account={other.pk}").status_code == 404
        assert APIClient().get(f"{FLOOR}/{path}").status_code == 401


def test_queries_do_not_grow_with_fills(
    api: APIClient, account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_price()
    queries = {"positions": 2, "portfolio": 3, "pnl/summary": 5, "pnl/realized": 2, "pnl/unrealized": 2}
    for _ in range(2):
        for _ in range(4):
            trade(account, quantity="0.01")
            trade(account, "sell", quantity="0.005")
        for path, count in queries.items():
            with django_assert_num_queries(count):
                assert api.get(f"{FLOOR}/{path}").status_code == 200
