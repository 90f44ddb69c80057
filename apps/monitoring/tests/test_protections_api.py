"""`/monitoring/protections` and the protections in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.monitoring.models import Protection
from apps.monitoring.services.protections import look
from apps.monitoring.tests.protecting import engaged, make_outlier, protect
from apps.trading.models import Account, Event
from apps.trading.tests.deployed import make_deployment
from apps.trading.tests.factories import make_account
from ohmycoins.core.clock import now

pytestmark = pytest.mark.django_db
LIST = "/api/v1/monitoring/protections"
ADMIN = "/admin/monitoring/protection/"
COOL = {"kind": "cooldown", "parameters": {"minutes": 10}}
Clients = Callable[[User], APIClient]


@pytest.fixture
def account(user: User, clock: Any) -> Account:
    make_price()
    return make_account(user)


def permitted(*rights: str) -> User:
    user = UserFactory()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return user


def test_protection_is_made_complete_and_shown(api: APIClient, user: User, account: Account) -> None:
    answer = api.post(LIST, COOL | {"account": account.pk}, format="json")
    made = Protection.objects.get()
    expected = {
        "id": made.pk, "kind": "cooldown", "user": user.pk, "account": account.pk, "deployment": None,
        "parameters": {"minutes": 10, "only_losses": True}, "enabled": True, "created_at": "2026-03-02T12:00:00Z",
        "created_by": f"user:{user.pk}",
    }  # fmt: skip
    assert (answer.status_code, answer.json()) == (201, expected)
    assert api.get(f"{LIST}/{made.pk}").json() == expected
    assert api.get(LIST).json()["results"] == [expected]
    event = Event.objects.get(type="protection.made")
    assert (event.actor, event.inputs["parameters"]) == (f"user:{user.pk}", {"minutes": 10, "only_losses": True})  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"kind": "stop"}, 400, "kind"),
        ({"kind": "cooldown"}, 400, "parameters of cooldown: minutes: Field required"),
        (COOL | {"scope": "all"}, 400, "scope"),
        (COOL | {"parameters": {"minutes": 10, "coin": "BTC"}}, 400, "coin: is not one of: minutes, only_losses"),
        (COOL | {"parameters": []}, 400, "parameters"),
        (COOL | {"account": "theirs"}, 404, "You have no account"),
        (COOL | {"deployment": "theirs"}, 404, ""),
        (COOL | {"account": "own", "deployment": "own"}, 400, "give account or deployment, not both"),
        (COOL | {"everybody": True}, 403, "monitoring.add_protection"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_and_stores_nothing(
    api: APIClient, account: Account, body: dict[str, Any], status: int, said: str
) -> None:
    theirs = make_account()
    ids = {
        "account": {"own": account.pk, "theirs": theirs.pk},
        "deployment": {"own": make_deployment(account).pk, "theirs": make_deployment(theirs).pk},
    }
    given = {
        name: ids[name][value] if name in ids and isinstance(value, str) else value
        for name, value in body.items()
    }
    answer = api.post(LIST, given, format="json")
    assert answer.status_code == status, answer.content
    assert said in answer.json()["message"]
    assert not Protection.objects.exists()


def test_deployment_that_was_stopped_cannot_be_watched(api: APIClient, account: Account) -> None:
    stopped = make_deployment(account, status="stopped", next_run_at=None)
    assert api.post(LIST, COOL | {"deployment": stopped.pk}, format="json").status_code == 404


def test_twenty_are_the_most_that_a_user_has(api: APIClient, user: User, account: Account) -> None:
    for _ in range(20):
        protect("cooldown", {"minutes": 1}, user=user)
    answer = api.post(LIST, COOL, format="json")
    assert (answer.status_code, answer.json()["code"]) == (422, "TOO_MANY_PROTECTIONS")
    assert Protection.objects.count() == 20


def test_list_is_ones_own_and_everybodys_and_filtered_by_kind_in_one_query(
    api: APIClient, user: User, client_for: Clients, django_assert_num_queries: Any
) -> None:
    own = [protect("cooldown", {"minutes": minutes}, user=user).pk for minutes in range(1, 6)]
    outliers = protect("outliers", {"minutes": 5}, user=user).pk
    theirs = protect("cooldown", {"minutes": 9}, user=UserFactory()).pk
    everybodys = protect("outliers", {"minutes": 9}).pk
    api.get(LIST)
    with django_assert_num_queries(1):
        rows = api.get(LIST).json()["results"]
    assert [row["id"] for row in rows] == [*own, outliers, everybodys]
    assert [row["id"] for row in api.get(LIST, {"kind": "outliers"}).json()["results"]] == [
        outliers,
        everybodys,
    ]
    assert api.patch(f"{LIST}/{everybodys}", {"enabled": False}, format="json").status_code == 403
    staff = client_for(permitted("view_protection"))
    assert [row["id"] for row in staff.get(LIST).json()["results"]] == [*own, outliers, theirs, everybodys]


def test_change_replaces_parameters_and_leaves_the_rest(api: APIClient, user: User) -> None:
    made = protect("losing_sales", {"sales": 3, "window_minutes": 60, "pause_minutes": 30}, user=user)
    path = f"{LIST}/{made.pk}"
    body = {"parameters": {"sales": 2, "window_minutes": 5, "pause_minutes": 7, "per_coin": True}}
    assert api.patch(path, body, format="json").json()["parameters"] == {
        "sales": 2, "window_minutes": 5, "pause_minutes": 7, "per_coin": True, "required_profit_percent": "0",
    }  # fmt: skip
    assert api.patch(path, {"parameters": {"sales": 2}}, format="json").status_code == 400
    assert api.patch(path, {}, format="json").status_code == 400
    assert api.patch(path, {"kind": "cooldown"}, format="json").status_code == 400
    made.refresh_from_db()
    assert (made.kind, made.enabled, made.parameters["sales"]) == ("losing_sales", True, 2)


@pytest.mark.parametrize("how", ["off", "delete"])
def test_switched_off_or_deleted_it_releases_at_once(api: APIClient, user: User, clock: Any, how: str) -> None:  # fmt: skip
    made = protect("outliers", {"minutes": 15}, user=user)
    make_outlier()
    look(now())
    assert [brake.user_id for brake in engaged()] == [user.pk]
    if how == "off":
        assert api.patch(f"{LIST}/{made.pk}", {"enabled": False}, format="json").json()["enabled"] is False
    else:
        assert api.delete(f"{LIST}/{made.pk}").status_code == 204
        assert not Protection.objects.exists()
    assert engaged() == []
    assert Event.objects.filter(type="brake.released", actor=f"user:{user.pk}").count() == 1


def test_anothers_is_not_found_and_everybodys_is_for_who_may(api: APIClient, client_for: Clients) -> None:
    theirs = protect("cooldown", {"minutes": 1}, user=UserFactory())
    for call in (api.get, api.delete):
        assert call(f"{LIST}/{theirs.pk}").status_code == 404
    assert api.patch(f"{LIST}/{theirs.pk}", {"enabled": False}, format="json").status_code == 404
    viewer = client_for(permitted("view_protection"))
    assert viewer.get(f"{LIST}/{theirs.pk}").status_code == 200
    assert viewer.delete(f"{LIST}/{theirs.pk}").status_code == 403
    staff = client_for(
        permitted("view_protection", "add_protection", "change_protection", "delete_protection")
    )
    made = staff.post(LIST, COOL | {"everybody": True}, format="json").json()
    assert (made["user"], made["account"], made["deployment"]) == (None, None, None)
    assert staff.patch(f"{LIST}/{made['id']}", {"enabled": False}, format="json").status_code == 200
    assert staff.delete(f"{LIST}/{made['id']}").status_code == 204
    assert (
        staff.post(LIST, COOL | {"everybody": True, "account": 1}, format="json").json()["code"] == "INVALID"
    )


def test_prepare_makes_the_shipped_ones_once(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prepare")
    assert "created protections: failing_collectors, outliers, drawdown" in capsys.readouterr().out
    call_command("prepare")
    assert Protection.objects.count() == 3


def test_admin_makes_changes_and_deletes_by_the_same_services(
    admin_client: Client, admin_user: Any, account: Account
) -> None:
    empty = {
        "peaks-TOTAL_FORMS": "0", "peaks-INITIAL_FORMS": "0", "peaks-MIN_NUM_FORMS": "0", "peaks-MAX_NUM_FORMS": "0",
    }  # fmt: skip
    body = empty | {
        "kind": "drawdown", "account": account.pk, "parameters": '{"max_percent": "300"}', "enabled": "on",
    }  # fmt: skip
    refused = admin_client.post(f"{ADMIN}add/", body)
    assert "max_percent: Input should be less than or equal to 100" in str(refused.content)
    assert not Protection.objects.exists()
    body["parameters"] = '{"max_percent": "30", "window_days": 7}'
    assert admin_client.post(f"{ADMIN}add/", body).status_code == 302
    made = Protection.objects.get()
    assert (made.user_id, made.account_id) == (account.user_id, account.pk)
    assert (made.parameters["max_percent"], made.created_by) == ("30", f"user:{admin_user.pk}")
    look(now())
    assert "2026-03-02" in str(admin_client.get(f"{ADMIN}{made.pk}/change/").content)
    change = {"parameters": '{"max_percent": "40", "window_days": 7}'}
    assert admin_client.post(f"{ADMIN}{made.pk}/change/", empty | change).status_code == 302
    made.refresh_from_db()
    assert (made.parameters["max_percent"], made.enabled) == ("40", False)
    assert "max_percent" in str(admin_client.get(ADMIN).content)
    assert admin_client.post(f"{ADMIN}{made.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Protection.objects.exists()
    types = Event.objects.filter(type__startswith="protection.").order_by("id").values_list("type", flat=True)
    assert list(types) == ["protection.made", "protection.changed", "protection.deleted"]
