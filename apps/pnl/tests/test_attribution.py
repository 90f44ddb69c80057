"""What each source, and each ledger row, earned: shares by hand, and sums that tie to the summary."""

from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.ledgers.models import LatestPrice
from apps.ledgers.tests.factories import make_price
from apps.pnl.services import attribution, figures
from apps.pnl.services.attribution import attribute
from apps.pnl.tests.book_factories import record_receipt
from apps.trading.models import Account, Decision, Deployment
from apps.trading.tests.deployed import make_decision, make_deployment, traded_by
from apps.trading.tests.factories import make_account, trade

pytestmark = pytest.mark.django_db
BY_SIGNAL = "/api/v1/floor/pnl/by-signal"
NEWS, POST, OTHER_NEWS = ("human", "coindesk", 11), ("human", "reddit:Bitcoin", 12), ("human", "coindesk", 13)
PRICE = ("exchange", "coinspot_prices", 14)
SUMMED = ("realized_pnl", "unrealized_pnl", "total_pnl", "fees")


@pytest.fixture
def account(user: User, clock: Any) -> Account:
    make_price(bid=100, ask=100)
    return make_account(user)


@pytest.fixture
def deployment(account: Account) -> Deployment:
    return make_deployment(account)


def set_price(clock: Any, price: str | int, coin: str = "BTC") -> None:
    clock.shift(60)
    make_price(coin, bid=price, ask=price)


def rows_by(api: APIClient, by: str, query: str = "") -> dict[Any, dict[str, Any]]:
    """Give the rows by row id or, of sources, by their name; and check that they tie to the summary."""
    rows = api.get(f"{BY_SIGNAL}?by={by}{query}").json()
    summary = api.get(f"/api/v1/floor/pnl/summary?{query}").json() | {}
    summary["fees"] = summary["total_fees"]
    for name in SUMMED:
        assert sum(D(row[name] or 0) for row in rows) == D(summary[name]), name
    assert sum(row["trades"] for row in rows) == summary["total_trades"]
    assert sorted({coin for row in rows for coin in row["unpriced"]}) == summary["unpriced"]
    key = "row_id" if by == "row" else "source"
    return {
        row[key] if row["ledger"] not in ("unattributed", "other") else row["ledger"]: row for row in rows
    }


def shown(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["realized_pnl"], row["unrealized_pnl"], row["fees"], row["trades"]


def test_shares_are_equal_to_the_last_digit_which_the_first_row_takes(
    api: APIClient, account: Account, deployment: Deployment, clock: Any
) -> None:
    decision = make_decision(deployment, NEWS, POST, OTHER_NEWS)
    traded_by(decision, quantity="3")  # 300.3 paid
    set_price(clock, 110)
    traded_by(
        make_decision(deployment, PRICE, action="sell"), "sell", quantity="1"
    )  # 109.89 had: a gain of 9.79
    rows = rows_by(api, "row")
    # 9.79 / 3 = 3.26333333 and 3.26333334; the two left are worth 220 and cost 200.2, 19.8 / 3 = 6.6; a fee of 0.3.
    assert shown(rows[11]) == ("3.26333334", "6.6", "0.1", 0)
    assert shown(rows[12]) == ("3.26333333", "6.6", "0.1", 0)
    assert shown(rows[13]) == ("3.26333333", "6.6", "0.1", 0)
    # What is sold earns for what it was bought on; the sale and its fee are the row's that it was sold on.
    assert shown(rows[14]) == ("0", "0", "0.11", 1)
    assert shown(rows["unattributed"]) == ("0", "0", "0", 0)
    assert rows[11] == {
        "ledger": "human", "source": "coindesk", "table": "newsitem", "row_id": 11, "realized_pnl": "3.26333334",
        "unrealized_pnl": "6.6", "total_pnl": "9.86333334", "fees": "0.1", "trades": 0, "unpriced": [],
    }  # fmt: skip
    sources = rows_by(api, "source")
    assert shown(sources["coindesk"]) == ("6.52666667", "13.2", "0.2", 0)
    assert shown(sources["reddit:Bitcoin"]) == ("3.26333333", "6.6", "0.1", 0)
    assert shown(sources["coinspot_prices"]) == ("0", "0", "0.11", 1)
    assert list(sources["coindesk"]) == [
        "ledger", "source", "realized_pnl", "unrealized_pnl", "total_pnl", "fees", "trades", "unpriced",
    ]  # fmt: skip


def test_loss_is_cut_towards_zero_and_the_first_row_takes_the_rest(
    api: APIClient, account: Account, deployment: Deployment, clock: Any
) -> None:
    traded_by(make_decision(deployment, NEWS, POST, OTHER_NEWS), quantity="1")
    set_price(clock, 90)
    traded_by(make_decision(deployment, NEWS, action="sell"), "sell", quantity="1")  # 89.91 − 100.1 = −10.19
    rows = rows_by(api, "row")
    assert [rows[row]["realized_pnl"] for row in (11, 12, 13)] == [
        "-3.39666668",
        "-3.39666666",
        "-3.39666666",
    ]
    assert shown(rows[11]) == ("-3.39666668", "0", "0.12333334", 1)


def test_what_rests_on_no_row_is_unattributed(
    api: APIClient, account: Account, deployment: Deployment, clock: Any
) -> None:
    traded_by(make_decision(deployment, ledger="human"), quantity="1")  # a decision without evidence
    trade(account, quantity="2")
    record_receipt(account, "1")
    traded_by(make_decision(deployment, NEWS), quantity="1")
    set_price(clock, 110)
    trade(account, "sell", quantity="2")
    rows = rows_by(api, "row")
    assert set(rows) == {"unattributed", 11}
    assert shown(rows[11]) == ("0", "9.9", "0.1", 0)
    assert (rows["unattributed"]["source"], rows["unattributed"]["trades"]) == (None, 1)
    assert rows_by(api, "source")["unattributed"]["total_pnl"] == rows["unattributed"]["total_pnl"]


def test_manual_sale_of_an_algorithm_s_lots_earns_for_their_rows(
    api: APIClient, account: Account, deployment: Deployment, clock: Any
) -> None:
    traded_by(make_decision(deployment, NEWS), quantity="1")
    set_price(clock, 200)
    trade(account, "sell", quantity="1")
    rows = rows_by(api, "row")
    assert shown(rows[11]) == ("99.7", "0", "0.1", 0)
    assert shown(rows["unattributed"]) == ("0", "0", "0.2", 1)


def test_row_that_many_decisions_rest_on_gets_a_share_of_each(
    api: APIClient, account: Account, deployment: Deployment, clock: Any
) -> None:
    for sources in ((NEWS,), (NEWS, POST), (POST, NEWS, OTHER_NEWS)):
        traded_by(make_decision(deployment, *sources), quantity="1")
    set_price(clock, 110)
    rows = rows_by(api, "row")
    # 9.9 each: all of it, a half, a third.
    assert [rows[row]["unrealized_pnl"] for row in (11, 12, 13)] == ["18.15", "8.25", "3.3"]


def test_value_of_a_position_is_cut_along_its_decisions_without_a_rest(
    api: APIClient, account: Account, deployment: Deployment, clock: Any
) -> None:
    for sources in ((NEWS,), (POST,), (OTHER_NEWS,)):
        traded_by(make_decision(deployment, *sources), quantity="0.00000001")
    set_price(clock, "0.5")
    rows = rows_by(api, "row")
    # Three parts of a position of 0.00000003 coins at 0.5, worth 0.00000002 (a tie, to even); each cost 0.000001.
    assert [rows[row]["unrealized_pnl"] for row in (11, 12, 13)] == [
        "-0.00000099",
        "-0.000001",
        "-0.00000099",
    ]
    assert shown(rows["unattributed"])[:2] == ("0", "0")


def test_period_counts_what_happened_in_it_and_what_is_held_now(
    api: APIClient, account: Account, deployment: Deployment, clock: Any
) -> None:
    traded_by(make_decision(deployment, NEWS), quantity="3")
    for price in (110, 120):
        clock.shift(86_400 - 60)
        set_price(clock, price)
        traded_by(make_decision(deployment, POST, action="sell"), "sell", quantity="1")
    third = "&start_date=2026-03-03&end_date=2026-03-03"
    rows = rows_by(api, "row", third)
    assert shown(rows[11]) == ("9.79", "19.9", "0", 0)
    assert shown(rows[12]) == ("0", "0", "0.11", 1)
    halves = "&start_date=2026-03-03T12:00:00Z&end_date=2026-03-04T12:00:00Z"
    assert rows_by(api, "source", halves)["coindesk"]["realized_pnl"] == "9.79"
    empty = rows_by(api, "row", "&end_date=2026-03-01")
    assert shown(empty[11]) == ("0", "19.9", "0", 0)
    assert 12 not in empty


def test_coin_without_a_price_is_named_where_it_is_held(
    api: APIClient, account: Account, deployment: Deployment, clock: Any
) -> None:
    make_price("ETH", bid=10, ask=10)
    traded_by(make_decision(deployment, NEWS), quantity="1")
    traded_by(make_decision(deployment, NEWS, POST), coin_type="ETH", quantity="1")
    trade(account, coin_type="ETH", quantity="1")
    LatestPrice.objects.filter(coin_type="ETH").delete()
    rows = rows_by(api, "row")
    assert (rows[11]["unrealized_pnl"], rows[11]["unpriced"]) == ("-0.1", ["ETH"])
    assert (rows[12]["unrealized_pnl"], rows[12]["total_pnl"], rows[12]["unpriced"]) == (None, "0", ["ETH"])
    assert (rows["unattributed"]["unrealized_pnl"], rows["unattributed"]["unpriced"]) == (None, ["ETH"])


def test_most_earning_rows_are_listed_and_the_others_are_one(
    api: APIClient, account: Account, deployment: Deployment, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribution, "MOST_ROWS", 2)
    for quantity, row in (("1", 21), ("4", 22), ("2", 23), ("3", 24)):
        traded_by(make_decision(deployment, ("human", "coindesk", row)), quantity=quantity)
    set_price(clock, 90)
    rows = api.get(f"{BY_SIGNAL}?by=row").json()
    assert [(row["ledger"], row["row_id"]) for row in rows] == [
        ("unattributed", None), ("human", 22), ("human", 24), ("other", None),
    ]  # fmt: skip
    assert rows[-1] == {
        "ledger": "other", "source": None, "table": None, "row_id": None, "realized_pnl": "0",
        "unrealized_pnl": "-30.3", "total_pnl": "-30.3", "fees": "0.3", "trades": 0, "unpriced": [],
    }  # fmt: skip
    rows_by(api, "row")


def test_by_ledger_stays_as_it_was(
    api: APIClient, account: Account, deployment: Deployment, clock: Any
) -> None:
    traded_by(make_decision(deployment, NEWS), quantity="1")
    trade(account, quantity="1")
    default, named = api.get(BY_SIGNAL).json(), api.get(f"{BY_SIGNAL}?by=ledger").json()
    assert default == named
    assert [list(row) for row in default] == [
        ["ledger", "realized_pnl", "unrealized_pnl", "total_pnl", "fees", "trades", "unpriced"]
    ] * 2
    assert {row["ledger"]: row["fees"] for row in default} == {"unattributed": "0.1", "human": "0.1"}


def test_bad_parameters_are_400_and_others_accounts_404(api: APIClient, account: Account) -> None:
    for query in ("by=coin", "by=", "by=row&by=row", "by=row&coin_type=BTC", "start_date=soon"):
        answer = api.get(f"{BY_SIGNAL}?{query}")
        assert answer.status_code == 400, query
        assert query.split("=")[0] in answer.json()["message"] or "coin_type" in answer.json()["message"]
    assert api.get(f"{BY_SIGNAL}?by=row&account={make_account().pk}").status_code == 404


def test_nothing_traded_is_one_row_of_nothing(api: APIClient, account: Account) -> None:
    (row,) = api.get(f"{BY_SIGNAL}?by=source").json()
    assert (row["ledger"], row["source"], row["total_pnl"], row["trades"]) == ("unattributed", None, "0", 0)


def test_statements_do_not_grow_with_what_was_traded(account: Account, deployment: Deployment) -> None:
    for _ in range(3):
        for row in range(3):
            traded_by(make_decision(deployment, NEWS, ("human", "x", row)), quantity="1")
        for by in ("source", "row"):
            with CaptureQueriesContext(connection) as queries:
                attribute(account, None, None, by)
            assert len(queries) == 5, "a savepoint's two, the memory's, and two that read"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_cut_of_any_history_ties_to_the_summary(
    account: Account, clock: Any, data: st.DataObject
) -> None:
    account = make_account(account.user, cash=f"{1_000_000 + Account.objects.count()}")
    deployments = [make_deployment(account) for _ in range(2)]
    refs = st.lists(st.sampled_from([NEWS, POST, OTHER_NEWS, PRICE]), max_size=4, unique=True)
    began = clock_time()
    for _ in range(data.draw(st.integers(1, 8))):
        clock.shift(3600 * data.draw(st.integers(0, 20)) + 60)
        price = data.draw(st.decimals("0.0001", 90_000, places=8))
        make_price(bid=price, ask=price)
        side = data.draw(st.sampled_from(["buy", "buy", "sell"]))
        quantity = str(data.draw(st.decimals("0.00000001", 3, places=8)))
        if data.draw(st.integers(0, 3)):
            decision: Decision = make_decision(data.draw(st.sampled_from(deployments)), *data.draw(refs))
            traded_by(decision, side, quantity=quantity)
        else:
            trade(account, side, quantity=quantity)
    middle = datetime.fromtimestamp((began.timestamp() + clock_time().timestamp()) // 2, UTC)
    for period in ((None, None), (middle, None), (None, middle), (began.date(), middle)):
        summary = figures.summary(account, *period, now=clock_time())
        for by in ("source", "row"):
            shares = attribute(account, *period, by)
            assert sum(share.realized_pnl for share in shares) == summary.results.realized_pnl
            assert sum(share.total_pnl for share in shares) == summary.total_pnl
            assert sum(share.fees for share in shares) == summary.results.fees
            assert sum(share.trades for share in shares) == summary.results.sales


def clock_time() -> datetime:
    return datetime.now(UTC)
