"""`/floor/safety`, its limits, and the activation of live accounts over HTTP."""

from collections.abc import Callable
from typing import Any

import pgtrigger
import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Credential, Event, Limits
from apps.trading.services.accounts import open_account
from apps.trading.services.credentials import store_credentials
from apps.trading.services.execute import drain_account
from apps.trading.tests.factories import make_account, place, trade
from ohmycoins.core import clock as system

pytestmark = pytest.mark.django_db
LIMITS = "/api/v1/floor/safety/limits"
KEYS = {"api_key": "a-key-of-some-length", "api_secret": "a-secret-of-some-length"}


def test_limits_have_defaults_until_they_are_set(api: APIClient, user: User) -> None:
    account = make_account(user, limited=True)
    assert api.get(LIMITS).json() == {
        "account": account.pk, "max_position_percent": "20", "max_daily_loss_percent": "5",
        "max_algorithm_percent": "30", "max_order_aud": None,
    }  # fmt: skip
    assert not Limits.objects.exists()


def test_limits_are_replaced_and_those_before_are_kept(api: APIClient, user: User) -> None:
    account = make_account(user, limited=True)
    body = {"max_position_percent": "12.5", "max_daily_loss_percent": 3, "max_order_aud": "1000"}
    answer = api.put(LIMITS, body, format="json")
    expected = {
        "account": account.pk, "max_position_percent": "12.5", "max_daily_loss_percent": "3",
        "max_algorithm_percent": "30", "max_order_aud": "1000",
    }  # fmt: skip
    assert (answer.status_code, answer.json()) == (200, expected)
    assert api.put(LIMITS, {"max_algorithm_percent": "30"}, format="json").status_code == 200
    assert [str(row.max_position_percent) for row in Limits.objects.order_by("id")] == ["12.50", "20.00"]
    event = Event.objects.filter(type="limits.set").first()
    assert event is not None
    assert (event.actor, event.inputs["after"]["max_position_percent"]) == (f"user:{user.pk}", "12.5")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"max_position_percent": "0"}, "max_position_percent"),
        ({"max_position_percent": "100.01"}, "max_position_percent"),
        ({"max_position_percent": "1.005"}, "max_position_percent"),
        ({"max_daily_loss_percent": "NaN"}, "max_daily_loss_percent"),
        ({"max_algorithm_percent": "-1"}, "max_algorithm_percent"),
        ({"max_order_aud": "0"}, "max_order_aud"),
        ({"max_orders": "5"}, "max_orders"),
        ({}, "name at least one limit"),
    ],
)
def test_bad_limits_are_a_400_that_names_the_field_and_stores_nothing(
    api: APIClient, body: dict[str, str], field: str
) -> None:
    answer = api.put(LIMITS, body, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["message"]
    assert not Limits.objects.exists()


def test_another_user_s_account_is_a_404(api: APIClient) -> None:
    other = make_account(limited=True)
    assert api.put(LIMITS, {"account": other.pk, "max_order_aud": "1"}, format="json").status_code == 404
    for path in (f"{LIMITS}?account={other.pk}", f"/api/v1/floor/safety?account={other.pk}"):
        assert api.get(path).status_code == 404
    for act in ("activate", "deactivate", "restore"):
        answer = api.post(f"/api/v1/floor/accounts/{other.pk}/{act}", {"reason": "x"}, format="json")
        assert answer.status_code == 404
    assert not Limits.objects.exists()


def test_safety_says_how_much_of_each_limit_is_used(
    api: APIClient, user: User, clock: Any, django_assert_max_num_queries: Any
) -> None:
    make_price(bid=100, ask=100)
    account = make_account(user, limited=True)
    trade(account, quantity="150")
    place(account, quantity="10", price="90")
    with django_assert_max_num_queries(20):
        answer = api.get("/api/v1/floor/safety").json()
    assert answer == {
        "account": account.pk, "status": "active", "status_reason": "",
        "stop": {"state": "active", "scope": "global"}, "brakes": [],
        "equity_aud": "99985", "day_start_equity_aud": "100000", "day_loss_aud": "15",
        "max_day_loss_aud": "5000", "max_position_aud": "19997", "max_algorithm_aud": "29995.5",
        "limits": {"max_position_percent": "20", "max_daily_loss_percent": "5", "max_algorithm_percent": "30",
                   "max_order_aud": None, "set_at": None},
        "positions": [{"coin_type": "BTC", "value_aud": "15900", "percent": "15.9"}],
        "algorithms": [], "unpriced": [],
    }  # fmt: skip


@pytest.fixture
def ready(user: User, settings: Any) -> Account:
    """Give a live account with everything that activating it needs, but the permission."""
    settings.TRADING_MODE = "live"
    account = open_account(user=user, name="Live", venue="coinspot")
    store_credentials(account, **KEYS, actor="tests")
    Credential.objects.update(validated_at=system.now())
    Limits.objects.create(account=account, set_by="tests")
    return account


def permitted(user: User) -> User:
    user.user_permissions.add(Permission.objects.get(codename="activate_account"))
    return User.objects.get(pk=user.pk)


def activate(client: APIClient, account: Account) -> Any:
    return client.post(f"/api/v1/floor/accounts/{account.pk}/activate")


def test_live_account_is_activated_when_everything_is_there(
    client_for: Callable[[User], APIClient], user: User, ready: Account
) -> None:
    assert ready.status == "inactive"
    answer = activate(client_for(permitted(user)), ready)
    assert (answer.status_code, answer.json()["status"]) == (200, "active")
    ready.refresh_from_db()
    assert ready.activated_at is not None
    assert ready.next_reconcile_at is not None
    assert Event.objects.get(type="account.moved").to_status == "active"


def test_operator_with_the_permission_activates_another_user_s_account(
    client_for: Callable[[User], APIClient], ready: Account
) -> None:
    assert activate(client_for(permitted(UserFactory())), ready).status_code == 200


def test_without_the_permission_nobody_activates(api: APIClient, ready: Account) -> None:
    assert activate(api, ready).status_code == 403
    ready.refresh_from_db()
    assert (ready.status, ready.activated_at) == ("inactive", None)


@pytest.mark.parametrize("missing", ["mode", "credentials", "validation", "limits"])
def test_live_account_stays_refused_while_anything_is_missing(
    client_for: Callable[[User], APIClient], user: User, ready: Account, settings: Any, missing: str
) -> None:
    account = ready
    if missing == "mode":
        settings.TRADING_MODE = "paper"
    elif missing == "credentials":
        Credential.objects.all().delete()
    elif missing == "validation":
        Credential.objects.update(validated_at=None)
    else:
        with pgtrigger.ignore("trading.Limits:append_only"):
            Limits.objects.all().delete()
    answer = activate(client_for(permitted(user)), account)
    assert (answer.status_code, answer.json()["code"]) == (422, "NOT_READY")
    expected = {
        "mode": "TRADING_MODE", "credentials": "API keys", "validation": "API keys", "limits": "limits",
    }  # fmt: skip
    assert expected[missing] in answer.json()["message"]
    account.refresh_from_db()
    assert (account.status, account.activated_at) == ("inactive", None)


@pytest.mark.parametrize("gone", ["mode", "validation", "activation"])
def test_order_of_a_live_account_is_refused_when_anything_is_gone_again(
    client_for: Callable[[User], APIClient], user: User, ready: Account, settings: Any, gone: str
) -> None:
    make_price()
    activate(client_for(permitted(user)), ready)
    if gone == "mode":
        settings.TRADING_MODE = "paper"
    elif gone == "validation":
        Credential.objects.update(validated_at=None)
    else:
        Account.objects.filter(pk=ready.pk).update(activated_at=None)
    order = place(Account.objects.get(pk=ready.pk), quantity="0.1")
    assert order.status == "denied"
    assert order.denials[0]["code"] == "VENUE_NOT_READY"


def test_deactivated_account_takes_no_orders(
    client_for: Callable[[User], APIClient], user: User, ready: Account
) -> None:
    make_price()
    client = client_for(permitted(user))
    activate(client, ready)
    path = f"/api/v1/floor/accounts/{ready.pk}/deactivate"
    assert client.post(path, {}, format="json").status_code == 400, "without a reason"
    assert client.post(path, {"reason": "holiday"}, format="json").json()["status"] == "inactive"
    codes = [denial["code"] for denial in place(Account.objects.get(pk=ready.pk), quantity="0.1").denials]
    assert codes[:2] == ["ACCOUNT_NOT_ACTIVE", "VENUE_NOT_READY"]


def test_paper_account_is_put_away_and_taken_up_again_by_its_owner(api: APIClient, user: User) -> None:
    account = make_account(user)
    path = f"/api/v1/floor/accounts/{account.pk}"
    assert activate(api, account).status_code == 409, "it is active"
    assert api.post(f"{path}/deactivate", {"reason": "away"}, format="json").json()["status"] == "inactive"
    assert activate(api, account).json()["status"] == "active"


def test_another_time_zone_does_not_forget_the_day_s_loss(api: APIClient, user: User, clock: Any) -> None:
    make_price(bid=100, ask=100)
    account = make_account(user)
    trade(account, quantity="500")
    clock.shift(60)
    make_price(bid=80, ask=80)
    before = api.get("/api/v1/floor/safety").json()["day_loss_aud"]
    assert before == "10050"
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12", "Australia/Sydney"):
        api.patch(f"/api/v1/floor/accounts/{account.pk}", {"timezone": zone}, format="json")
        assert api.get("/api/v1/floor/safety").json()["day_loss_aud"] == before


def test_account_in_the_query_is_the_account_that_trades(api: APIClient, user: User, clock: Any) -> None:
    make_price()
    other = make_account(user, cash="50000")
    body = {"coin_type": "BTC", "side": "buy", "order_type": "market", "quantity": "0.01"}
    answer = api.post(f"/api/v1/floor/orders?account={other.pk}", body, format="json")
    assert answer.json()["account"] == other.pk
    differing = api.post("/api/v1/floor/orders?account=1", body | {"account": other.pk}, format="json")
    assert (differing.status_code, differing.json()["code"]) == (400, "INVALID")


def test_replay_of_an_order_that_was_denied_at_its_claim_answers_as_it_did_first(
    api: APIClient, user: User, clock: Any
) -> None:
    make_price(bid=99, ask=100)
    account = make_account(user)
    body = {"coin_type": "BTC", "side": "buy", "order_type": "market", "quantity": "300"}
    headers = {"HTTP_IDEMPOTENCY_KEY": "k"}
    assert api.post("/api/v1/floor/orders", body, format="json", **headers).status_code == 202
    Limits.objects.create(account=account, set_by="tests")
    drain_account(account.pk)
    again = api.post("/api/v1/floor/orders", body, format="json", **headers)
    assert (again.status_code, again.json()["status"]) == (202, "denied")
