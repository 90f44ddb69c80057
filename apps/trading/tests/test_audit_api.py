"""`/audit/events` over HTTP, and the trail in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Event, Order
from apps.trading.tests.factories import make_account, place, trade
from ohmycoins.core import clock

pytestmark = pytest.mark.django_db
EVENTS = "/api/v1/audit/events"


@pytest.fixture
def own(user: User) -> Order:
    make_price()
    return trade(make_account(user), quantity="0.1")


@pytest.fixture
def other(own: Order) -> Order:
    return place(make_account(), quantity="0.1")


def auditor() -> User:
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="view_event"))
    return user


def rows(api: APIClient, query: str = "") -> list[Any]:
    answer = api.get(f"{EVENTS}{query}")
    assert answer.status_code == 200, answer.content
    return list(answer.json()["results"])


def test_events_of_one_s_own_accounts_are_listed_newest_first(
    api: APIClient, own: Order, other: Order
) -> None:
    Event.objects.create(type="stop.halted", at=clock.now(), actor="user:1", reason="x")
    listed = rows(api)
    assert [row["to_status"] for row in listed] == ["filled", "submitting", "pending"]
    assert set(listed[0]) == {
        "id", "seq", "account", "order", "type", "from_status", "to_status", "at", "actor", "reason", "inputs",
        "digest",
    }  # fmt: skip
    event = Event.objects.get(pk=listed[0]["id"])
    assert (listed[0]["seq"], listed[0]["account"], listed[0]["order"], listed[0]["digest"]) == (
        3, own.account_id, own.pk, event.digest,
    )  # fmt: skip


def test_auditor_sees_everything(client_for: Callable[[User], APIClient], own: Order, other: Order) -> None:
    Event.objects.create(type="stop.halted", at=clock.now(), actor="user:1", reason="x")
    api = client_for(auditor())
    assert [row["account"] for row in rows(api)] == [None, other.account_id, *[own.account_id] * 3]
    assert len(rows(api, f"?account={own.account_id}")) == 3


def test_events_are_filtered_and_paged(api: APIClient, own: Order, user: User) -> None:
    second = place(own.account, quantity="0.2")
    assert [row["order"] for row in rows(api, f"?order={second.pk}")] == [second.pk]
    assert {row["type"] for row in rows(api, "?type=order.made")} == {"order.made"}
    assert rows(api, "?type=no.such") == []
    assert len(rows(api, f"?account={own.account_id}&type=order.moved")) == 2
    first = api.get(f"{EVENTS}?page_size=3").json()
    rest = api.get(first["next"]).json()
    assert [len(first["results"]), len(rest["results"]), rest["next"]] == [3, 1, None]


@pytest.mark.parametrize("query", ["?order=x", "?account=-1", "?type=%00", "?type=Order", "?type=a.b;--", "?type=",
                                   "?ordering=reason", "?cursor=x"])  # fmt: skip
def test_nonsense_is_400(api: APIClient, own: Order, query: str) -> None:
    answer = api.get(f"{EVENTS}{query}")
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message", "detail"}


def test_another_user_s_ids_are_404(api: APIClient, other: Order) -> None:
    assert api.get(f"{EVENTS}?account={other.account_id}").status_code == 404
    assert api.get(f"{EVENTS}?order={other.pk}").status_code == 404
    assert api.get(f"{EVENTS}?account=999999").status_code == 404


def test_stranger_is_401_and_the_trail_takes_no_writes(api: APIClient, own: Order) -> None:
    assert APIClient().get(EVENTS).status_code == 401
    before = Event.objects.count()
    for method in (api.post, api.put, api.patch, api.delete):
        assert method(EVENTS, {}, format="json").status_code == 405
    assert Event.objects.count() == before


@pytest.mark.parametrize("orders", [1, 4])
def test_list_takes_four_queries_however_long(
    api: APIClient, own: Order, orders: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(orders):
        place(own.account, quantity="0.01")
    with django_assert_num_queries(4):  # rights (two), one's accounts, the events
        rows(api)


def test_trail_in_the_admin_is_read_only(admin_client: Client, own: Order) -> None:
    event = Event.objects.filter(order=own).latest("id")
    where = "/admin/trading/event/"
    page = admin_client.get(f"{where}?type=order.moved&account__id__exact={own.account_id}").content.decode()
    assert "submitting" in page
    assert event.digest in admin_client.get(f"{where}{event.pk}/change/").content.decode()
    assert admin_client.get(f"{where}add/").status_code == 403
    assert admin_client.post(f"{where}{event.pk}/change/", {"reason": "x"}).status_code == 403
    assert admin_client.post(f"{where}{event.pk}/delete/", {"post": "yes"}).status_code == 403
    event.refresh_from_db()
    assert event.reason != "x"
