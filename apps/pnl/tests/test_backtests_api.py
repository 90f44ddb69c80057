"""`/lab/backtests` over HTTP, and in the admin."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.models import Candle
from apps.ledgers.tests.factories import make_price
from apps.pnl.api import backtest_serializers
from apps.pnl.api.serializers import SummarySerializer
from apps.pnl.models import Backtest
from apps.pnl.services.backtest_runs import run_backtests
from apps.trading.models import Algorithm
from apps.trading.tests.factories import make_account
from ohmycoins.core import clock as time

pytestmark = pytest.mark.django_db
LAB = "/api/v1/lab/backtests"


@pytest.fixture(autouse=True)
def prices(clock: Any) -> None:
    """Have an hourly price of the last day."""
    now = time.now()
    for hour in range(25):
        make_price(bid=99_900 + hour, ask=100_000 + hour, at=now - timedelta(hours=24 - hour))


def body(**fields: Any) -> dict[str, Any]:
    now = time.now()
    return {
        "slug": "dollar_cost_averaging", "parameters": {"amount_aud": "100"}, "coins": ["btc"], "step": "hour",
        "start": (now - timedelta(hours=24)).isoformat(), "end": now.isoformat(), "initial_capital": "50000",
    } | fields  # fmt: skip


def ask(api: APIClient, **fields: Any) -> Any:
    return api.post(LAB, body(**fields), format="json")


def test_asked_for_run_and_read(api: APIClient) -> None:
    answer = ask(api)
    assert answer.status_code == 202
    asked = answer.json()
    assert (asked["status"], asked["progress"], asked["metrics"], asked["error"]) == ("queued", 0, None, None)
    assert (asked["coins"], asked["initial_capital"]) == (["BTC"], "50000")
    assert asked["parameters"] == {"coin_type": "BTC", "amount_aud": "100", "max_price_age_minutes": 5}
    run_backtests()
    found = api.get(f"{LAB}/{asked['id']}").json()
    assert (found["status"], found["progress"]) == ("done", 100)
    assert set(SummarySerializer().fields) <= set(found["metrics"])
    more = {"exposure_percent", "buy_and_hold", "denials", "decisions", "equity", "return_percent"}
    assert more <= set(found["metrics"])
    assert set(found["equity_curve"][0]) >= {"timestamp", "equity", "drawdown"}
    assert len(found["equity_curve"]) == 25
    assert [trade["number"] for trade in found["trades"]] == list(range(1, 25))
    first = found["trades"][0]
    assert (first["quantity"], first["price"], first["fee_aud"], first["ledger"]) == (
        "0.000999", "100000", "0.0999", "exchange",
    )  # fmt: skip
    page = api.get(f"{LAB}/{asked['id']}/trades", {"page_size": 10}).json()
    assert page["results"] == found["trades"][:10]
    assert api.get(page["next"]).json()["results"] == found["trades"][10:20]
    assert asked["counts_for_promotion"] is None
    assert found["counts_for_promotion"] is False
    assert found["promotion_reason"] == "It was asked for with a rule, and not with an algorithm."
    (row,) = api.get(LAB).json()["results"]
    assert row == {name: value for name, value in found.items() if name not in ("equity_curve", "trades")}


def test_detail_shows_so_many_trades_and_no_more(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest_serializers, "MOST_TRADES_SHOWN", 5)
    asked = ask(api).json()
    run_backtests()
    assert len(api.get(f"{LAB}/{asked['id']}").json()["trades"]) == 5


def test_days_are_whole_local_days(api: APIClient, user: User) -> None:
    account = make_account(user)
    account.timezone = "Australia/Sydney"
    account.save()
    asked = ask(api, start="2026-03-02", end="2026-03-02T12:00:00", account=account.pk).json()
    assert (asked["start"], asked["end"]) == ("2026-03-01T13:00:00Z", "2026-03-02T12:00:00Z")
    assert (asked["timezone"], asked["account"]) == ("Australia/Sydney", account.pk)


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        (
            {"slug": "nonsense"},
            400,
            "slug='nonsense' is not one of: catalyst_reaction, dollar_cost_averaging, ",
        ),
        ({"slug": ""}, 400, "slug: This field may not be blank."),
        (
            {"parameters": {"amount_aud": "0", "colour": "red"}},
            400,
            "parameters of dollar_cost_averaging: amount_aud: ",
        ),
        ({"parameters": {"coin_type": "X\x00"}}, 400, "parameters of dollar_cost_averaging: coin_type: "),
        ({"slug": "tvl_trend", "parameters": {"protocol": "a\x00"}}, 400, "parameters of tvl_trend: "),
        ({"start": "2026-03-02T12:00:00Z"}, 400, "must be before end="),
        ({"start": "yesterday"}, 400, "start: start='yesterday' is not an ISO 8601 time"),
        ({"end": "2026-03-02T12:00:01Z"}, 422, "lies in the future; it is 2026-03-02T12:00:00+00:00"),
        ({"start": "2020-01-01", "step": "minute"}, 422, "at most 1,100,000 are accepted"),
        ({"step": "week"}, 400, 'step: "week" is not a valid choice.'),
        (
            {"coins": ["ETH"]},
            422,
            "coins: dollar_cost_averaging with these parameters reads or trades BTC too; add it",
        ),
        (
            {"slug": "sentiment_momentum", "parameters": {"coin_type": "BTC"}, "coins": ["ETH"]},
            422,
            "coins: sentiment_momentum with these parameters reads or trades BTC too; add it",
        ),
        ({"coins": ["BTC", "ETH", "DOGE"]}, 422, "there are no prices or candles of ETH, DOGE from "),
        ({"start": "2025-01-01", "end": "2025-02-01"}, 422, "there are no prices or candles of BTC from "),
        ({"initial_capital": "0"}, 400, "initial_capital: must be above zero"),
        ({"initial_capital": "1e30"}, 400, "initial_capital: "),
        ({"slices": 0}, 400, "slices: "),
        ({"spread_percent": "-1"}, 400, "spread_percent: "),
        ({"colour": "red"}, 400, "colour: is not a field of a backtest; accepted: slug, algorithm_id, "),
        ({"account": 999_999}, 404, "You have no account 999999."),
        ({"algorithm_id": 999_999}, 404, "You have no algorithm 999999."),
    ],
)
def test_bad_wish_says_what_is_wrong_and_what_is_accepted(
    api: APIClient, fields: dict[str, Any], status: int, said: str
) -> None:
    answer = ask(api, **fields)
    assert (answer.status_code, said in answer.json()["message"]) == (status, True), answer.json()
    assert not Backtest.objects.exists()


def test_neither_rule_nor_algorithm_is_refused_and_both_must_agree(api: APIClient, user: User) -> None:
    wish = body()
    del wish["slug"]
    assert "give slug" in api.post(LAB, wish, format="json").json()["message"]
    algorithm = Algorithm.objects.create(
        user=user, slug="dollar_cost_averaging", name="mine", parameters={"amount_aud": "70"}
    )
    answer = ask(api, slug="rebalance", algorithm_id=algorithm.pk)
    assert (answer.status_code, "which is meant?" in answer.json()["message"]) == (400, True)
    wish |= {"algorithm_id": algorithm.pk, "parameters": {}}
    asked = api.post(LAB, wish, format="json").json()
    assert (asked["slug"], asked["parameters"]["amount_aud"]) == ("dollar_cost_averaging", "70")
    assert [row["id"] for row in api.get(LAB, {"algorithm_id": algorithm.pk}).json()["results"]] == [
        asked["id"]
    ]


def test_cancelled_and_resumed(api: APIClient) -> None:
    path = f"{LAB}/{ask(api).json()['id']}"
    assert api.post(f"{path}/resume").status_code == 409
    assert api.post(f"{path}/cancel").json()["status"] == "cancelled"
    again = api.post(f"{path}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "BACKTEST_STATE")
    assert not run_backtests()
    assert api.post(f"{path}/resume").json()["status"] == "queued"
    run_backtests()
    assert api.get(path).json()["status"] == "done"
    assert api.get(LAB, {"status": "done"}).json()["results"]
    assert not api.get(LAB, {"status": "failed"}).json()["results"]
    assert api.get(LAB, {"status": "lost"}).status_code == 400


def test_others_see_nothing_of_it(
    api: APIClient, client_for: Callable[[User], APIClient], user: User
) -> None:
    asked = ask(api).json()
    other = client_for(UserFactory())
    path = f"{LAB}/{asked['id']}"
    answers = [
        other.get(path),
        other.get(f"{path}/trades"),
        other.post(f"{path}/cancel"),
        other.post(f"{path}/resume"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert other.get(LAB).json()["results"] == []
    algorithm = Algorithm.objects.create(user=user, slug="dollar_cost_averaging", name="mine")
    assert ask(other, algorithm_id=algorithm.pk).status_code == 404
    assert APIClient().get(path).status_code == 401


def test_reads_cost_the_same_however_many_there_are(
    api: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ids = [ask(api).json()["id"] for _ in range(4)]
    while run_backtests():
        pass
    with django_assert_num_queries(1):
        assert len(api.get(LAB).json()["results"]) == 4
    with django_assert_num_queries(2):
        api.get(f"{LAB}/{ids[0]}")
    with django_assert_num_queries(2):
        api.get(f"{LAB}/{ids[0]}/trades")


def test_history_of_candles_alone_is_traded_at_their_closes_and_a_spread(api: APIClient) -> None:
    now = time.now()
    for hours in range(1, 11):
        at, close = now - timedelta(days=30, hours=hours), 200 + hours
        Candle.objects.create(
            coin_type="SOL", interval="hour", open=close, high=close, low=close, close=close, occurred_at=at, observed_at=now,
            available_at=at + timedelta(hours=1), origin="backfill",
        )  # fmt: skip
    start, end = now - timedelta(days=30, hours=5), now - timedelta(days=30)
    asked = ask(
        api,
        coins=["SOL"],
        parameters={"coin_type": "SOL"},
        start=start.isoformat(),
        end=end.isoformat(),
        spread_percent="1",
    ).json()
    run_backtests()
    found = api.get(f"{LAB}/{asked['id']}").json()
    assert found["metrics"]["decisions"]["buy"] == 5
    assert [D(trade["price"]) for trade in found["trades"]] == [
        D(200 + hours) * D("1.005") for hours in (6, 5, 4, 3, 2)
    ]


def test_admin_shows_it(api: APIClient, client: Client) -> None:
    asked = ask(api).json()
    run_backtests()
    client.force_login(User.objects.create_superuser("boss@example.com", "secret"))
    listed = client.get(reverse("admin:pnl_backtest_changelist"))
    assert (listed.status_code, b"dollar_cost_averaging" in listed.content) == (200, True)
    shown = client.get(reverse("admin:pnl_backtest_change", args=[asked["id"]]))
    assert (shown.status_code, b"at every run" in shown.content) == (200, True)
    assert b"checkpoint" not in shown.content.lower()
