"""`/floor/brakes`, its release, and what `/floor/safety` says of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Brake, Event
from apps.trading.services.brakes import engage
from apps.trading.tests.factories import make_account
from ohmycoins.core.clock import now

pytestmark = pytest.mark.django_db
LIST = "/api/v1/floor/brakes"
Clients = Callable[[User], APIClient]


@pytest.fixture
def account(user: User, clock: Any) -> Account:
    make_price()
    return make_account(user)


def hold(kind: str = "cooldown", cause: str = "1", **fields: Any) -> Brake:
    brake = engage(kind=kind, cause=cause, reason="why", actor="monitoring", now=now(), **fields)
    assert brake is not None
    return brake


def ids(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_row_says_what_is_held_back_by_what_and_until_when(api: APIClient, account: Account) -> None:
    until = now() + timedelta(minutes=10)
    brake = hold(account_id=account.pk, coin_type="BTC", until=until, inputs={"loss_aud": "5"})
    assert api.get(LIST).json()["results"] == [
        {
            "id": brake.pk, "kind": "cooldown", "reason": "why", "user": None, "account": account.pk,
            "algorithm_id": None, "coin_type": "BTC", "inputs": {"loss_aud": "5"},
            "engaged_at": "2026-03-02T12:00:00Z", "engaged_by": "monitoring", "until": "2026-03-02T12:10:00Z",
            "released_at": None, "released_by": "", "release_reason": "",
        }
    ]  # fmt: skip


def test_user_sees_own_brakes_and_everybodys_newest_first(
    api: APIClient, user: User, account: Account, client_for: Clients
) -> None:
    own, mine = hold(account_id=account.pk), hold(cause="2", user_id=user.pk)
    everybodys = hold("outliers", coin_type="BTC")
    theirs = hold(cause="3", account_id=make_account().pk)
    assert ids(api.get(LIST)) == [everybodys.pk, mine.pk, own.pk]
    staff = UserFactory()
    staff.user_permissions.add(Permission.objects.get(codename="view_brake"))
    assert ids(client_for(staff).get(LIST)) == [theirs.pk, everybodys.pk, mine.pk, own.pk]


def test_list_is_filtered_by_state_kind_and_account(api: APIClient, account: Account, clock: Any) -> None:
    over = hold(account_id=account.pk, until=now() + timedelta(seconds=1))
    stands = hold("drawdown", account_id=account.pk)
    clock.shift(1)
    assert ids(api.get(LIST, {"engaged": "true"})) == [stands.pk]
    assert ids(api.get(LIST, {"engaged": "false"})) == [over.pk]
    assert ids(api.get(LIST, {"kind": "cooldown"})) == [over.pk]
    assert ids(api.get(LIST, {"account": account.pk})) == [stands.pk, over.pk]
    assert api.get(LIST, {"account": make_account().pk}).status_code == 404
    answer = api.get(LIST, {"engaged": "yes"})
    assert (answer.status_code, answer.json()["message"]) == (400, "engaged='yes' is not one of: true, false")


def test_list_costs_one_query_however_long(
    api: APIClient, account: Account, django_assert_num_queries: Any
) -> None:
    for number in range(7):
        hold(cause=str(number), account_id=account.pk)
    api.get(LIST)
    with django_assert_num_queries(1):
        assert len(ids(api.get(LIST))) == 7


@pytest.mark.parametrize("kind", ["cooldown", "losing_sales", "low_profit", "drawdown"])
def test_owner_releases_what_guards_own_results(
    api: APIClient, user: User, account: Account, kind: str
) -> None:
    brake = hold(kind, account_id=account.pk)
    answer = api.post(f"{LIST}/{brake.pk}/release", {"reason": "I have seen it"}, format="json")
    assert (answer.status_code, answer.json()["released_by"]) == (200, f"user:{user.pk}")
    assert answer.json()["release_reason"] == "I have seen it"
    again = api.post(f"{LIST}/{brake.pk}/release", {"reason": "x"}, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "BRAKE_STATE")


@pytest.mark.parametrize("kind", ["failing_collectors", "outliers"])
def test_what_guards_against_bad_data_is_released_by_operators_only(
    api: APIClient, account: Account, client_for: Clients, kind: str
) -> None:
    brake = hold(kind, account_id=account.pk)
    path = f"{LIST}/{brake.pk}/release"
    answer = api.post(path, {"reason": "x"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
    brake.refresh_from_db()
    assert brake.released_at is None
    operator = UserFactory()
    operator.user_permissions.add(Permission.objects.get(codename="change_stop"))
    assert client_for(operator).post(path, {"reason": "x"}, format="json").status_code == 200


def test_everybodys_brake_is_not_one_users_to_release(api: APIClient, account: Account) -> None:
    brake = hold("drawdown", coin_type="BTC")
    assert api.post(f"{LIST}/{brake.pk}/release", {"reason": "x"}, format="json").status_code == 403


def test_anothers_brake_is_not_found(api: APIClient, account: Account) -> None:
    brake = hold(account_id=make_account().pk)
    assert api.post(f"{LIST}/{brake.pk}/release", {"reason": "x"}, format="json").status_code == 404
    assert not Event.objects.filter(type="brake.released").exists()


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 301}, {"reason": "x", "because": "y"}])
def test_release_needs_a_reason_and_nothing_else(
    api: APIClient, account: Account, body: dict[str, str]
) -> None:
    brake = hold(account_id=account.pk)
    assert api.post(f"{LIST}/{brake.pk}/release", body, format="json").status_code == 400
    brake.refresh_from_db()
    assert brake.released_at is None


def test_safety_lists_what_is_engaged_on_the_account(api: APIClient, account: Account) -> None:
    first = hold("outliers", coin_type="BTC")
    second = hold(account_id=account.pk, coin_type="ETH", until=now() + timedelta(hours=1))
    hold(cause="3", account_id=make_account().pk)
    said = api.get("/api/v1/floor/safety").json()["brakes"]
    assert [(row["id"], row["kind"], row["coin_type"]) for row in said] == [
        (first.pk, "outliers", "BTC"), (second.pk, "cooldown", "ETH"),
    ]  # fmt: skip


def test_denied_purchase_is_a_422_that_names_the_brake(api: APIClient, account: Account) -> None:
    hold("outliers", coin_type="BTC")
    body = {"coin_type": "BTC", "side": "buy", "order_type": "market", "quantity": "0.1"}
    answer = api.post("/api/v1/floor/orders", body, format="json")
    assert (answer.status_code, answer.json()["denials"][0]["code"]) == (422, "BRAKED")
    assert answer.json()["denials"][0]["message"] == "A brake (outliers) lets this only sell: why."


def test_admin_lists_brakes_and_releases_them_with_a_reason(
    admin_client: Client, admin_user: Any, account: Account
) -> None:
    brake = hold(account_id=account.pk)
    page = "/admin/trading/brake/"
    assert "engaged" in str(admin_client.get(page).content)
    assert admin_client.get(f"{page}{brake.pk}/change/").status_code == 200
    asked = {"action": "release_brakes", "_selected_action": [brake.pk]}
    assert "Release these brakes?" in str(admin_client.post(page, asked).content)
    brake.refresh_from_db()
    assert brake.released_at is None
    done = admin_client.post(page, asked | {"confirmed": "yes", "reason": "all is well"}, follow=True)
    assert f"Brake {brake.pk} is released." in str(done.content)
    brake.refresh_from_db()
    assert (brake.released_by, brake.release_reason) == (f"user:{admin_user.pk}", "all is well")
