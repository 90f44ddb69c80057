"""Accounts and discrepancies in the admin: what a person decides, with a reason."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Account, Discrepancy, Event
from apps.trading.services.accounts import open_account
from apps.trading.tests.factories import make_account
from ohmycoins.core import clock as system

pytestmark = pytest.mark.django_db
ACCOUNTS = "/admin/trading/account/"
DIFFERENCES = "/admin/trading/discrepancy/"


def act(client: Client, where: str, action: str, *ids: int, **fields: str) -> str:
    body = {"action": action, "_selected_action": ids, **fields}
    return client.post(where, body, follow=True).content.decode()


def test_account_that_may_only_sell_is_let_buy_again_with_a_reason(
    admin_client: Client, admin_user: Any
) -> None:
    account = make_account()
    Account.objects.filter(pk=account.pk).update(status="reduce_only", status_reason="a bad day")
    asked = act(admin_client, ACCOUNTS, "restore", account.pk)
    assert "Let these accounts buy again?" in asked
    assert "a bad day" in asked
    assert "This field is required" in act(admin_client, ACCOUNTS, "restore", account.pk, confirmed="yes")
    account.refresh_from_db()
    assert account.status == "reduce_only"
    done = act(admin_client, ACCOUNTS, "restore", account.pk, confirmed="yes", reason="explained")
    assert f"{account} may buy again." in done
    event = Event.objects.get(type="account.moved")
    assert (event.actor, event.reason) == (f"user:{admin_user.pk}", "explained")


def test_account_is_deactivated_with_a_reason(admin_client: Client) -> None:
    account = make_account()
    act(admin_client, ACCOUNTS, "deactivate", account.pk, confirmed="yes", reason="holiday")
    account.refresh_from_db()
    assert (account.status, account.status_reason) == ("inactive", "holiday")


def test_live_account_that_is_not_ready_is_told_what_is_missing(admin_client: Client) -> None:
    account = open_account(user=UserFactory(), name="Live", venue="coinspot")
    page = act(admin_client, ACCOUNTS, "activate", account.pk)
    assert "TRADING_MODE is not live." in page
    account.refresh_from_db()
    assert account.activated_at is None


def test_discrepancy_is_explained_and_nothing_else_changes(admin_client: Client) -> None:
    account = make_account()
    row = Discrepancy.objects.create(
        account=account, coin_type="AUD", ours=100_000, theirs=99_990, value_aud=10, found_at=system.now()
    )
    asked = act(admin_client, DIFFERENCES, "explain", row.pk)
    assert "AUD is 100000 here and 99990 at the venue" in asked
    act(admin_client, DIFFERENCES, "explain", row.pk, confirmed="yes", reason="a card fee")
    row.refresh_from_db()
    account.refresh_from_db()
    assert (row.resolution, account.cash_aud) == ("a card fee", 100_000)


@pytest.mark.parametrize("page", [ACCOUNTS, DIFFERENCES, "/admin/trading/daystart/"])
def test_lists_open(admin_client: Client, page: str) -> None:
    assert admin_client.get(page).status_code == 200


def test_staff_without_the_right_cannot_act(client: Client) -> None:
    account = make_account()
    client.force_login(UserFactory(is_staff=True))
    client.post(
        ACCOUNTS,
        {"action": "deactivate", "_selected_action": [account.pk], "confirmed": "yes", "reason": "x"},
    )
    account.refresh_from_db()
    assert account.status == "active"
