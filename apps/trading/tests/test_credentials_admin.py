"""Venue keys in the admin: seen by their ends, validated, deleted, never edited."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Credential, Event
from apps.trading.tests.credentials import (
    BODY,
    READING,
    SECRETS,
    TRADING,
    assert_no_secret,
    live_account,
    order_in,
    stored,
)
from ohmycoins.groups import sync_groups
from ohmycoins.tests.sandbox_venue import serving

pytestmark = pytest.mark.django_db
LIST = "/admin/trading/credential/"


def act(client: Client, action: str, *rows: Credential) -> str:
    body = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(LIST, body, follow=True).content.decode()


def signed_in(client: Client, *rights: str) -> Client:
    person = UserFactory(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(person)
    return client


def test_superuser_sees_ends_and_no_secret_on_any_page(admin_client: Client) -> None:
    row = stored()
    Credential.objects.update(error="CoinSpot does not let the trading key in: invalid key")
    pages = [admin_client.get(LIST), admin_client.get(f"{LIST}{row.pk}/change/")]
    for page in pages:
        text = page.content.decode()
        assert "abcd" in text
        assert "invalid key" in text
        assert_no_secret(text, [*SECRETS, row.sealed, row.key_digest])


def test_nobody_adds_edits_or_deletes_a_row_by_hand(admin_client: Client) -> None:
    row = stored()
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(f"{LIST}{row.pk}/change/", {"api_key_end": "x"}).status_code == 403
    assert admin_client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Credential.objects.get() == row


def test_operator_validates_and_is_told_what_came_of_it(
    admin_client: Client, admin_user: Any, settings: Any
) -> None:
    good, bad = stored(), stored(api_key="no-such-key", api_secret="x")
    with serving(settings) as sandbox:
        sandbox.venue.open_account(
            key=TRADING.key, secret=TRADING.secret, read_only_key=READING.key,
            read_only_secret=READING.secret, balances={"AUD": Decimal(1)},
        )  # fmt: skip
        page = act(admin_client, "validate", good, bad)
    assert f"{good.account}: CoinSpot lets the keys in." in page
    assert f"{bad.account}: CoinSpot does not let the trading key in: invalid key" in page
    assert_no_secret(page)
    good.refresh_from_db()
    assert good.validated_at is not None
    assert Event.objects.filter(type="credential.validated").get().actor == f"user:{admin_user.pk}"


def test_operator_deletes_keys_that_no_order_needs(admin_client: Client, admin_user: Any) -> None:
    free, held = stored(), stored(api_key="other-key-1", api_secret="x")
    order_in(held.account, "unknown")
    page = act(admin_client, "remove", free, held)
    assert f"{free.account}: the keys are deleted." in page
    assert "It is not known yet whether CoinSpot has order" in page
    assert list(Credential.objects.all()) == [held]
    event = Event.objects.filter(type="credential.deleted").get()
    assert (event.actor, event.reason) == (f"user:{admin_user.pk}", "deleted by an operator")


@pytest.mark.parametrize("action", ["validate", "remove"])
def test_action_without_its_right_does_nothing(client: Client, action: str) -> None:
    row = stored(**BODY)
    other = "delete_credential" if action == "validate" else "change_credential"
    act(signed_in(client, "view_credential", other), action, row)
    assert Credential.objects.get().validated_at is None
    assert Event.objects.filter(account=row.account).count() == 1


@pytest.mark.parametrize("group", ["auditors", "operators"])
def test_shipped_groups_see_that_there_are_keys(client: Client, group: str) -> None:
    row = stored()
    sync_groups()
    person = UserFactory(is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    client.force_login(person)
    assert "abcd" in client.get(LIST).content.decode()
    act(client, "remove", row)
    assert Credential.objects.exists()


def test_account_page_shows_no_key(admin_client: Client) -> None:
    account = live_account()
    row = stored(account)
    text = admin_client.get(f"/admin/trading/account/{account.pk}/change/").content.decode()
    assert_no_secret(text, [*SECRETS, row.sealed])
