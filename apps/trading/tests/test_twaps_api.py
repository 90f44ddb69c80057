"""`/floor/twaps` over HTTP, and orders in slices in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Order, Twap
from apps.trading.services.execute import drain_account
from apps.trading.services.twaps import run_due_twaps, start_twap
from apps.trading.tests.deployed import make_decision, make_deployment, order_of
from apps.trading.tests.factories import make_account, ticket
from ohmycoins.core import clock as clock_of

pytestmark = pytest.mark.django_db
TWAPS = "/api/v1/floor/twaps"
BUY = {"coin_type": "btc", "side": "buy", "quantity": "0.1", "slices": 4, "slice_seconds": 60}


def post(api: APIClient, body: dict[str, Any], key: str = "") -> Any:
    return api.post(TWAPS, body, format="json", headers={"Idempotency-Key": key} if key else {})


def test_plan_is_accepted_with_its_first_slice(api: APIClient, user: User, clock: Any) -> None:
    make_price()
    account = make_account(user)
    answer = post(api, BUY)
    assert answer.status_code == 202
    order = Order.objects.get()
    assert answer.json() == {
        "id": Twap.objects.get().pk, "account": account.pk, "coin_type": "BTC", "side": "buy", "quantity": "0.1",
        "amount_aud": None, "slices": 4, "slice_seconds": 60, "placed": 1, "filled_quantity": "0", "status": "active",
        "reason": "", "next_at": "2026-03-02T12:01:00Z", "created_at": "2026-03-02T12:00:00Z", "ended_at": None,
        "decision_id": None, "order_ids": [order.pk],
    }  # fmt: skip
    sliced = api.get(f"/api/v1/floor/orders/{order.pk}").json()
    assert (sliced["twap_id"], sliced["decision_id"], sliced["quantity"]) == (
        answer.json()["id"],
        None,
        "0.025",
    )
    drain_account(account.pk)
    clock.shift(60)
    make_price()
    run_due_twaps(clock_of.now())
    body = api.get(f"{TWAPS}/{answer.json()['id']}").json()
    assert (body["placed"], body["filled_quantity"], len(body["order_ids"])) == (2, "0.025", 2)


@pytest.mark.parametrize(
    ("minutes", "slices", "seconds"), [(10, 10, 60), (10, 4, 150), (1, 100, 1), (1, 7, 8), (1440, 2, 43_200)]
)
def test_minutes_are_shared_among_slices(
    api: APIClient, user: User, minutes: int, slices: int, seconds: int
) -> None:
    make_price()
    make_account(user)
    body = {name: value for name, value in BUY.items() if name != "slice_seconds"}
    answer = post(api, body | {"minutes": minutes, "slices": slices})
    assert (answer.status_code, answer.json()["slice_seconds"]) == (202, seconds)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"slices": 1}, "slices"), ({"slices": 101}, "slices"), ({"slices": "many"}, "slices"), ({"slice_seconds": 0}, "slice_seconds"),
        ({"slice_seconds": 86_401}, "slice_seconds"), ({"minutes": 5}, "minutes"), ({"slice_seconds": None}, "slice_seconds"),
        ({"quantity": "-1"}, "quantity"), ({"quantity": "0.000000001"}, "quantity"), ({"quantity": "NaN"}, "quantity"),
        ({"amount_aud": "5"}, "amount_aud"), ({"side": "hold"}, "side"), ({"coin_type": "?"}, "coin_type"),
        ({"order_type": "market"}, "order_type"), ({"price": "1"}, "price"),
    ],
)  # fmt: skip
def test_bad_plan_is_400_names_what_is_wrong_and_stores_nothing(
    api: APIClient, changes: dict[str, Any], named: str
) -> None:
    make_price()
    answer = post(api, BUY | changes, key="unused")
    assert answer.status_code == 400
    assert named in str(answer.json())
    assert not Twap.objects.exists()
    assert not Order.objects.exists()


def test_sale_by_amount_and_a_plan_without_a_pace_are_400(api: APIClient) -> None:
    without = {name: value for name, value in BUY.items() if name not in ("quantity", "slice_seconds")}
    for wrong in (
        without | {"side": "sell", "amount_aud": "100", "slice_seconds": 60},
        without | {"amount_aud": "100"},
        without | {"slice_seconds": 60},
        without | {"amount_aud": "100", "minutes": 5761},
    ):
        assert post(api, wrong).status_code == 400


def test_refused_first_slice_is_422_with_its_denials_and_again_when_repeated(
    api: APIClient, user: User
) -> None:
    make_price()
    make_account(user)
    for _ in range(2):
        answer = post(api, BUY | {"quantity": "10"}, key="much")
        assert (answer.status_code, answer.json()["code"]) == (422, "ORDER_DENIED")
        assert answer.json()["denials"][0]["code"] == "INSUFFICIENT_CASH"
        assert answer.json()["order_id"] == Order.objects.get().pk
    assert Twap.objects.get().status == "denied"
    answer = post(api, BUY | {"quantity": "0.00000003"})
    assert (answer.status_code, answer.json()["code"]) == (422, "REFUSED")
    small = {name: value for name, value in BUY.items() if name != "quantity"} | {"amount_aud": "3.99"}
    answer = post(api, small)
    assert (answer.status_code, answer.json()["code"]) == (422, "REFUSED")
    assert "slices of at least 1 AUD each: that takes 4 AUD" in answer.json()["message"]


def test_key_answers_the_same_plan_and_no_other(api: APIClient, user: User) -> None:
    make_price()
    make_account(user)
    first, again = post(api, BUY, key="mine").json(), post(api, BUY, key="mine").json()
    assert first == again
    assert post(api, BUY | {"slices": 5}, key="mine").status_code == 409
    assert Order.objects.count() == 1
    body = {"coin_type": "BTC", "side": "buy", "order_type": "market", "quantity": "0.5"}
    answer = api.post("/api/v1/floor/orders", body, format="json", headers={"Idempotency-Key": "mine"})
    assert answer.status_code == 409


def test_list_is_filtered_and_costs_the_same_however_long(
    api: APIClient, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_price()
    account = make_account(user)
    for length in (1, 5):
        for _ in range(length):
            post(api, BUY)
        with django_assert_num_queries(2):
            listed = api.get(TWAPS).json()["results"]
    assert [row["id"] for row in listed] == sorted((row["id"] for row in listed), reverse=True)
    api.post(f"{TWAPS}/{listed[0]['id']}/cancel")
    assert len(api.get(f"{TWAPS}?status=cancelled&coin_type=BTC&account={account.pk}").json()["results"]) == 1
    assert len(api.get(f"{TWAPS}?status=active").json()["results"]) == 5
    assert api.get(f"{TWAPS}?status=asleep").status_code == 400
    assert api.get(f"{TWAPS}?coin_type=ETH").json()["results"] == []


def test_cancel_ends_the_plan_and_a_finished_one_is_409(api: APIClient, user: User) -> None:
    make_price()
    make_account(user)
    pk = post(api, BUY).json()["id"]
    for _ in range(2):
        answer = api.post(f"{TWAPS}/{pk}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    Twap.objects.filter(pk=pk).update(status="done")
    answer = api.post(f"{TWAPS}/{pk}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "TWAP_STATE")


def test_others_plans_and_accounts_are_404(
    api: APIClient, user: User, client_for: Callable[[User], APIClient]
) -> None:
    make_price()
    account = make_account(user)
    pk = post(api, BUY).json()["id"]
    other = client_for(UserFactory())
    assert other.get(f"{TWAPS}/{pk}").status_code == 404
    assert other.post(f"{TWAPS}/{pk}/cancel").status_code == 404
    assert other.get(f"{TWAPS}?account={account.pk}").status_code == 404
    assert post(other, BUY | {"account": account.pk}).status_code == 404
    assert other.get(TWAPS).json()["results"] == []
    assert APIClient().get(TWAPS).status_code == 401
    assert Twap.objects.get().status == "active"


def test_order_says_which_decision_it_follows_from(api: APIClient, user: User) -> None:
    make_price()
    account = make_account(user)
    decision = make_decision(make_deployment(account))
    order = order_of(decision, quantity="0.1")
    assert api.get(f"/api/v1/floor/orders/{order.pk}").json()["decision_id"] == decision.pk


def test_admin_shows_plans_with_their_slices_and_cancels_them(admin_client: Client) -> None:
    make_price()
    account = make_account()
    decision = make_decision(make_deployment(account))
    twap = start_twap(
        user=account.user, account=account, ticket=ticket(quantity="0.1"), slices=4, slice_seconds=60,
        decision=decision,
    )  # fmt: skip
    where = "/admin/trading/twap/"
    page = admin_client.get(f"{where}{twap.pk}/change/").content.decode()
    assert "0.025" in page
    assert f"/admin/trading/order/{twap.orders.get().pk}/change/" in page
    order_page = admin_client.get(f"/admin/trading/order/{twap.orders.get().pk}/change/").content.decode()
    assert str(twap) in order_page
    assert str(decision) in order_page
    assert admin_client.post(f"{where}{twap.pk}/change/", {"placed": 4}).status_code == 403
    admin_client.post(where, {"action": "cancel", "_selected_action": [twap.pk]}, follow=True)
    twap.refresh_from_db()
    assert (twap.status, twap.reason) == ("cancelled", "cancelled by an operator")
    assert admin_client.get(where).status_code == 200
