"""Orders and accounts in the admin: readable, never editable, cancellable."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.tests.factories import make_account, place, trade

pytestmark = pytest.mark.django_db
LIST = "/admin/trading/order/"


def act(client: Client, action: str, ids: list[int], where: str = LIST) -> Any:
    return client.post(where, {"action": action, "_selected_action": ids}, follow=True)


def test_order_page_shows_its_moves_and_fills_in_plain_numbers(admin_client: Client) -> None:
    make_price()
    order = trade(make_account(), quantity="0.1")
    page = admin_client.get(f"{LIST}{order.pk}/change/").content.decode()
    assert "submitting" in page
    assert f"paper-{order.pk}-1" in page
    assert "0.100000000000000000" not in page
    listed = admin_client.get(LIST).content.decode()
    assert "0.100000000000000000" not in listed
    assert admin_client.get(f"/admin/trading/account/{order.account_id}/change/").status_code == 200


def test_order_cannot_be_edited_or_deleted(admin_client: Client) -> None:
    make_price()
    order = place(make_account(), quantity="0.1")
    assert admin_client.post(f"{LIST}{order.pk}/change/", {"quantity": "5"}).status_code == 403
    assert admin_client.post(f"{LIST}{order.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get(f"{LIST}add/").status_code == 403
    order.refresh_from_db()
    assert order.quantity is not None


def test_operator_cancels_and_is_told_what_could_not_be(admin_client: Client, admin_user: Any) -> None:
    make_price()
    account = make_account()
    filled, pending = trade(account, quantity="0.1"), place(account, quantity="0.1")
    page = act(admin_client, "cancel", [filled.pk, pending.pk]).content.decode()
    assert f"Order {pending.pk} is cancelled." in page
    assert f"Order {filled.pk} is filled; it cannot be cancelled." in page
    pending.refresh_from_db()
    assert pending.status == "cancelled"
    assert pending.events.get(to_status="cancelled").actor == f"user:{admin_user.pk}"


def test_auditor_sees_orders_and_cancels_none(client: Client) -> None:
    make_price()
    order = place(make_account(), quantity="0.1")
    auditor = UserFactory(is_staff=True)
    auditor.user_permissions.add(Permission.objects.get(codename="view_order"))
    client.force_login(auditor)
    assert client.get(LIST).status_code == 200
    act(client, "cancel", [order.pk])
    order.refresh_from_db()
    assert order.status == "pending"
