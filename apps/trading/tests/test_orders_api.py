"""`/floor/accounts` and `/floor/orders` over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Event, Order
from apps.trading.services.execute import poll
from apps.trading.tests.factories import make_account, place, trade

pytestmark = pytest.mark.django_db
ORDERS = "/api/v1/floor/orders"
BUY = {"coin_type": "BTC", "side": "buy", "order_type": "market"}


def post(api: APIClient, body: dict[str, Any] | str, key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    if isinstance(body, str):
        return api.post(ORDERS, body, content_type="application/json", headers=headers)
    return api.post(ORDERS, body, format="json", headers=headers)


def test_order_is_accepted_with_202_and_every_promised_field(api: APIClient) -> None:
    make_price()
    answer = post(api, BUY | {"coin_type": "btc", "amount_aud": "1000"})
    assert answer.status_code == 202
    body = answer.json()
    assert set(body) >= {
        "id", "coin_type", "side", "order_type", "quantity", "price", "filled_quantity", "average_fill_price",
        "fee_aud", "status", "algorithm_id", "venue_order_id", "created_at", "submitted_at", "filled_at", "error",
    }  # fmt: skip
    assert (body["coin_type"], body["quantity"], body["status"], body["error"]) == (
        "BTC",
        "0.00999",
        "pending",
        None,
    )


def test_filled_order_is_read_back(api: APIClient) -> None:
    make_price()
    order_id = post(api, BUY | {"quantity": "0.1"}).json()["id"]
    poll()
    body = api.get(f"{ORDERS}/{order_id}").json()
    assert (body["status"], body["filled_quantity"], body["average_fill_price"], body["fee_aud"]) == (
        "filled", "0.1", "100000", "10",
    )  # fmt: skip
    events = api.get(f"{ORDERS}/{order_id}/events/").json()["results"]
    assert [event["to_status"] for event in events] == ["pending", "submitting", "filled"]


@pytest.mark.parametrize(
    "quantity", ["-1", '"-1"', "NaN", '"NaN"', "Infinity", "1e400", '"1e400"', "0", '"0"', '"0.000000001"', "true",
                 "null", '"1,5"', '""', "[]", "{}", '"١"', '"1_0"', "1e-9"],
)  # fmt: skip
def test_bad_quantity_is_400_and_stores_nothing(api: APIClient, quantity: str) -> None:
    make_price()
    body = f'{{"coin_type": "BTC", "side": "buy", "order_type": "market", "quantity": {quantity}}}'
    answer = post(api, body, key="k")
    assert answer.status_code == 400, answer.json()
    assert set(answer.json()) == {"code", "message", "detail"}
    assert not Order.objects.exists()
    assert post(api, BUY | {"quantity": "0.1"}, key="k").status_code == 202, "a 400 uses no key"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"side": "buy", "order_type": "market", "quantity": "1"}, "coin_type"),
        (BUY | {"coin_type": "B T C", "quantity": "1"}, "coin_type"),
        (BUY | {"side": "hold", "quantity": "1"}, "side"),
        (BUY | {"order_type": "stop", "quantity": "1"}, "order_type"),
        (BUY, "quantity"),
        (BUY | {"quantity": "1", "amount_aud": "1"}, "quantity"),
        (BUY | {"quantity": "1", "price": "5"}, "price"),
        (BUY | {"order_type": "limit", "quantity": "1"}, "price"),
        (BUY | {"order_type": "limit", "price": "5", "amount_aud": "1"}, "amount_aud"),
        (BUY | {"side": "sell", "amount_aud": "1"}, "amount_aud"),
        (BUY | {"quantity": "1", "leverage": "5"}, "leverage"),
        (BUY | {"quantity": "1", "account": "x"}, "account"),
    ],
)
def test_malformed_order_is_400_and_the_field_is_named(
    api: APIClient, body: dict[str, str], field: str
) -> None:
    make_price()
    answer = post(api, body)
    assert answer.status_code == 400
    assert field in answer.json()["message"]
    assert not Order.objects.exists()


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', "1", '{"quantity": ' + "9" * 5000 + "}"])
def test_body_that_is_no_object_is_400(api: APIClient, body: str) -> None:
    answer = post(api, body)
    assert answer.status_code == 400, answer.content
    assert set(answer.json()) == {"code", "message", "detail"}


def test_json_numbers_are_read_exactly(api: APIClient) -> None:
    make_price(ask=1, bid=1)
    answer = post(api, '{"coin_type":"BTC","side":"buy","order_type":"market","quantity":12345.12345679}')
    assert answer.json()["quantity"] == "12345.12345679"


def test_denied_order_is_422_with_reasons_and_id(api: APIClient) -> None:
    make_price()
    answer = post(api, BUY | {"quantity": "1000"}, key="k")
    assert answer.status_code == 422
    body = answer.json()
    stored = Order.objects.get()
    assert (body["code"], body["order_id"], stored.status) == ("ORDER_DENIED", stored.pk, "denied")
    assert set(body["denials"][0]) == {"code", "message", "limit", "value"}
    assert body["denials"][0]["code"] == "INSUFFICIENT_CASH"
    again = post(api, BUY | {"quantity": "1000"}, key="k")
    assert (again.status_code, again.json()["order_id"]) == (422, stored.pk)
    assert Order.objects.count() == Event.objects.count() == 1


def test_key_reused_for_another_order_is_409(api: APIClient) -> None:
    make_price()
    first = post(api, BUY | {"quantity": "0.1"}, key="k")
    again = post(api, BUY | {"quantity": "0.1"}, key="k")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    other = post(api, BUY | {"quantity": "0.2"}, key="k")
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_overlong_key_is_400(api: APIClient) -> None:
    assert post(api, BUY | {"quantity": "0.1"}, key="k" * 201).status_code == 400


def test_others_orders_and_accounts_are_404(api: APIClient, client_for: Callable[[User], APIClient]) -> None:
    make_price()
    order = place(make_account(), quantity="0.1")
    for path in ("", "/events"):
        assert api.get(f"{ORDERS}/{order.pk}{path}").status_code == 404
    assert api.post(f"{ORDERS}/{order.pk}/cancel").status_code == 404
    assert api.get(f"{ORDERS}?account={order.account_id}").status_code == 404
    assert api.get(f"/api/v1/floor/accounts/{order.account_id}").status_code == 404
    assert post(api, BUY | {"quantity": "0.1", "account": order.account_id}).status_code == 404
    order.refresh_from_db()
    assert order.status == "pending"


def test_cancel_answers_the_order_and_409_when_it_is_filled(api: APIClient, user: User) -> None:
    make_price()
    account = make_account(user)
    order = place(account, quantity="0.1")
    assert api.post(f"{ORDERS}/{order.pk}/cancel").json()["status"] == "cancelled"
    filled = trade(account, quantity="0.1")
    answer = api.post(f"{ORDERS}/{filled.pk}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "ORDER_STATE")


def test_orders_are_listed_per_account_newest_first_and_filtered(
    api: APIClient, user: User, clock: Any
) -> None:
    make_price()
    make_price("ETH")
    account, other = make_account(user), make_account(user, cash="1000000")
    for coin_type in ("BTC", "ETH"):
        place(account, coin_type=coin_type, quantity="0.1")
        clock.shift(1)
    place(other, quantity="0.1")
    assert [row["coin_type"] for row in api.get(ORDERS).json()["results"]] == ["ETH", "BTC"]
    assert [row["coin_type"] for row in api.get(f"{ORDERS}?coin_type=btc").json()["results"]] == ["BTC"]
    assert len(api.get(f"{ORDERS}?account={other.pk}").json()["results"]) == 1
    assert api.get(f"{ORDERS}?status=filled&side=buy").json()["results"] == []
    assert api.get(f"{ORDERS}?algorithm_id=7").json()["results"] == []
    assert api.get(f"{ORDERS}?status=done").status_code == 400


def test_list_takes_two_queries_however_many_orders(
    api: APIClient, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_price()
    account = make_account(user)
    for _ in range(7):
        place(account, quantity="0.01")
    with django_assert_num_queries(2):
        assert len(api.get(ORDERS).json()["results"]) == 7


def test_accounts_are_listed_opened_and_renamed(api: APIClient) -> None:
    (default,) = api.get("/api/v1/floor/accounts").json()["results"]
    assert set(default) >= {"id", "name", "venue", "mode", "is_default", "status", "timezone", "cash_aud"}
    assert (default["is_default"], default["cash_aud"]) == (True, "100000")
    answer = api.post("/api/v1/floor/accounts", {"name": "Second"}, format="json")
    assert (answer.status_code, answer.json()["is_default"]) == (201, False)
    path = f"/api/v1/floor/accounts/{answer.json()['id']}"
    assert api.patch(path, {"name": "Renamed"}, format="json").json()["name"] == "Renamed"
    assert api.patch(path, {"name": "Paper"}, format="json").status_code == 409
    assert api.patch(path, {"timezone": "Nowhere"}, format="json").status_code == 400
    assert (
        api.post("/api/v1/floor/accounts", {"name": "Second", "venue": "nyse"}, format="json").status_code
        == 400
    )
    assert Account.objects.count() == 2


def test_trading_needs_a_login() -> None:
    assert post(APIClient(), BUY | {"quantity": "1"}).status_code == 401
    assert UserFactory().orders.count() == 0
