"""`/floor/signals`: what algorithms decided, on what, and what came of it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Decision, Deployment, Order, Twap
from apps.trading.services.algorithms import digest_of
from apps.trading.tests.algorithms import (
    SLUG,
    make_decision,
    make_deployment,
    make_evidence,
    make_on_paper,
)
from apps.trading.tests.factories import make_account, place
from apps.trading.tests.many import make_many, rows_read
from ohmycoins.core import clock as system

pytestmark = pytest.mark.django_db
PATH = "/api/v1/floor/signals"
MINUTE = timedelta(minutes=1)
DENIALS = [{"code": "STALE_INPUT", "message": "price:BTC is 400 s old", "limit": "300", "value": "400"}]


@pytest.fixture
def deployment(user: User, clock: Any) -> Deployment:
    return make_deployment(make_on_paper(user))


def listed(api: APIClient, query: str = "") -> list[int]:
    answer = api.get(f"{PATH}{query}")
    assert answer.status_code == 200, answer.json()
    return [row["id"] for row in answer.json()["results"]]


def followed_by_order(decision: Decision) -> Order:
    make_price()
    order = place(decision.deployment.account, quantity="0.1")
    Order.objects.filter(pk=order.pk).update(decision=decision)
    return order


def test_signal_says_what_was_wanted_why_and_what_came_of_it(api: APIClient, deployment: Deployment) -> None:
    decision = make_decision(deployment, confidence=Decimal("0.7500"))
    make_evidence(decision, 31, 7)
    order = followed_by_order(decision)
    row = api.get(PATH).json()["results"][0]
    assert row == {
        "id": decision.pk, "deployment_id": deployment.pk, "algorithm_id": deployment.algorithm_id,
        "account": deployment.account_id, "slot": "2026-03-02T12:00:00Z", "status": "done", "action": "buy",
        "coin_type": "BTC", "quantity": None, "fraction": None, "amount_aud": "50", "confidence": "0.75",
        "ledger": "exchange", "reason": "why not", "decided_at": "2026-03-02T12:00:00Z",
        "evidence": [
            {"ledger": "exchange", "table": "price", "row_id": 31, "source": "coinspot_prices"},
            {"ledger": "exchange", "table": "price", "row_id": 7, "source": "coinspot_prices"},
        ],
        "order_id": order.pk, "twap_id": None, "denials": [], "error": None,
    }  # fmt: skip


def test_one_signal_is_shown_with_everything_it_went_by(api: APIClient, deployment: Deployment) -> None:
    quality = [
        {"series": "price:BTC", "state": "ok", "known_at": None, "age_seconds": 3, "max_age_seconds": 300}
    ]
    decision = make_decision(
        deployment, reads={"price": [31, 7]}, quality=quality, book={"cash_aud": "5"}, denials=DENIALS,
        attempts=1,
    )  # fmt: skip
    row = api.get(f"{PATH}/{decision.pk}").json()
    assert {name: row[name] for name in ("reads", "quality", "book", "parameters", "denials", "order_ids")} == {
        "reads": {"price": [31, 7]}, "quality": quality, "book": {"cash_aud": "5"},
        "parameters": deployment.parameters, "denials": DENIALS, "order_ids": [],
    }  # fmt: skip
    assert (row["code_digest"], row["code_version"], row["attempts"]) == (digest_of(SLUG), "1", 1)
    assert row["order_id"] is None


def test_list_is_newest_first_and_of_what_was_decided(api: APIClient, deployment: Deployment) -> None:
    ids = {
        status: make_decision(
            deployment, system.now() + number * MINUTE, status=status,
            action="hold" if status == "done" else "", coin_type="",
        ).pk
        for number, status in enumerate(("due", "done", "failed", "skipped"))
    }  # fmt: skip
    newest = make_decision(deployment, system.now() + 9 * MINUTE).pk
    assert listed(api) == [newest, ids["done"]]
    for status in ("due", "failed", "skipped"):
        assert listed(api, f"?status={status}") == [ids[status]]


def test_filters_narrow_the_list(api: APIClient, user: User, deployment: Deployment) -> None:
    other = make_deployment(make_on_paper(user, "Other"), make_account(user, cash="500"))
    buy = make_decision(deployment).pk
    sell = make_decision(deployment, system.now() + MINUTE, action="sell", coin_type="ETH").pk
    far = make_decision(other).pk
    assert listed(api, f"?deployment={deployment.pk}") == [sell, buy]
    assert listed(api, f"?algorithm={other.algorithm_id}") == [far]
    assert listed(api, f"?account={other.account_id}") == [far]
    assert listed(api, "?action=sell") == [sell]
    assert listed(api, "?coin_type=eth") == [sell]
    assert listed(api, "?action=hold") == []
    assert listed(api, f"?deployment={deployment.pk}&action=buy&coin_type=BTC") == [buy]


@pytest.mark.parametrize(
    ("query", "named"),
    [("action=moon", "buy, sell, hold"), ("status=moon", "due, done, failed, skipped"),
     ("coin_type=B-C", "coin's symbol"), ("deployment=x", "whole number"), ("ordering=id", "not offered")],
)  # fmt: skip
def test_filter_that_is_wrong_is_a_400_that_says_what_is_accepted(
    api: APIClient, query: str, named: str
) -> None:
    answer = api.get(f"{PATH}?{query}")
    assert answer.status_code == 400
    assert named in answer.json()["message"]


def test_another_user_s_signals_are_nowhere(api: APIClient, deployment: Deployment) -> None:
    theirs = make_decision(make_deployment())
    assert listed(api) == []
    for query in (
        f"/{theirs.pk}",
        f"?deployment={theirs.deployment_id}",
        f"?algorithm={theirs.deployment.algorithm_id}",
        f"?account={theirs.deployment.account_id}",
    ):
        assert api.get(f"{PATH}{query}").status_code == 404


def test_list_pages_by_cursor(api: APIClient, deployment: Deployment) -> None:
    ids = [make_decision(deployment, system.now() + number * MINUTE).pk for number in range(5)]
    page = api.get(f"{PATH}?page_size=2").json()
    seen = [row["id"] for row in page["results"]]
    while page["next"]:
        page = api.get(page["next"]).json()
        seen += [row["id"] for row in page["results"]]
    assert seen == ids[::-1]


def test_list_reads_its_own_rows_behind_however_many_of_others(
    api: APIClient, user: User, deployment: Deployment
) -> None:
    """One's 40 old decisions, and 2 × 30,000 of one's other algorithm in two accounts, behind another's 140,000."""
    make_many(deployment, 40, system.now())
    for account in (deployment.account, make_account(user, cash="500")):
        busy = make_deployment(make_on_paper(user, f"busy {account.pk}"), account)
        make_many(busy, 30_000, system.now() + timedelta(days=1))
    make_many(make_deployment(), 140_000, system.now() + timedelta(days=2))
    for query in (
        "", "action=hold", "action=buy", "action=sell", "coin_type=BTC", f"deployment={deployment.pk}", f"algorithm={deployment.algorithm_id}",
        f"algorithm={busy.algorithm_id}", f"deployment={busy.pk}&coin_type=BTC", f"account={busy.account_id}",
    ):  # fmt: skip
        with CaptureQueriesContext(connection) as asked:
            page = api.get(f"{PATH}?page_size=20&{query}").json()
            api.get(page["next"]) if page["next"] else None
        pages = [
            each["sql"] for each in asked.captured_queries if 'ORDER BY "trading_decision"' in each["sql"]
        ]
        assert pages
        assert max(rows_read(sql) for sql in pages) <= 1_500, query


@pytest.mark.parametrize("count", [1, 12])
def test_list_takes_three_queries_however_many_signals_it_has(
    api: APIClient, deployment: Deployment, count: int, django_assert_num_queries: Any
) -> None:
    for number in range(count):
        decision = make_decision(deployment, system.now() + number * MINUTE)
        make_evidence(decision, 1, 2, 3)
        followed_by_order(decision)
    with django_assert_num_queries(3):  # the signals, their evidence, their orders
        rows = api.get(PATH).json()["results"]
    assert [len(row["evidence"]) for row in rows] == [3] * count
    assert all(row["order_id"] for row in rows)


def test_sliced_signal_names_its_plan_and_its_first_order(api: APIClient, deployment: Deployment) -> None:
    decision = make_decision(deployment)
    plan = Twap.objects.create(
        account=deployment.account, user=deployment.user, decision=decision, coin_type="BTC", side="buy",
        amount_aud=Decimal(50), slices=2, slice_seconds=60,
    )  # fmt: skip
    make_price()
    orders = [place(deployment.account, quantity="0.1") for _ in range(2)]
    Order.objects.update(decision=decision, twap=plan)
    row = api.get(f"{PATH}/{decision.pk}").json()
    assert (row["twap_id"], row["order_id"]) == (plan.pk, orders[0].pk)
    assert row["order_ids"] == [order.pk for order in orders]
