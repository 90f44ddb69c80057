"""The emergency stop and volatile markets in the admin."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Event, Order, Stop, VolatileMarket
from apps.trading.services.control import trip
from apps.trading.tests.factories import make_account, trade

pytestmark = pytest.mark.django_db
LIST = "/admin/trading/stop/"
TRIP = f"{LIST}trip/"
MARKETS = "/admin/trading/volatilemarket/"
HALT = {"scope": "global", "state": "halted", "reason": "it <b>looks</b> wrong"}


@pytest.fixture
def account() -> Account:
    make_price()
    return make_account()


def text(answer: Any) -> str:
    return str(answer.content.decode())


def resting(account: Account) -> Order:
    return trade(account, quantity="0.01", price="50")


def nothing_happened() -> bool:
    return not Event.objects.filter(account=None).exists() and Stop.objects.get().state == "active"


def test_list_leads_to_the_emergency_stop(admin_client: Client, account: Account) -> None:
    page = text(admin_client.get(LIST))
    assert "global" in page
    assert f'href="{TRIP}"' in page
    assert "Emergency stop" in text(admin_client.get(TRIP))


def test_stopping_says_what_will_happen_before_it_does(
    admin_client: Client, admin_user: Any, account: Account
) -> None:
    order = resting(account)
    asked = text(admin_client.post(TRIP, HALT))
    assert "Stop global?" in asked
    assert "Yes, stop it now" in asked
    assert "Orders that wait or rest, and are cancelled: 1." in asked
    assert "Orders in flight at a venue now: 1." in asked
    assert nothing_happened()
    done = text(admin_client.post(TRIP, HALT | {"confirmed": "yes"}, follow=True))
    assert "Orders cancelled: 1, left to workers: 0." in done
    assert "Nothing is in flight." in done
    order.refresh_from_db()
    assert order.status == "cancelled"
    stop = Stop.objects.get()
    assert (stop.state, stop.changed_by) == ("halted", f"user:{admin_user.pk}")


def test_page_shows_what_is_in_flight_until_it_is_drained(admin_client: Client, account: Account) -> None:
    trade(account, quantity="0.1")
    order = trade(account, "sell", quantity="0.05", price="999999")
    page = text(admin_client.post(TRIP, HALT | {"state": "reduce_only", "confirmed": "yes"}, follow=True))
    assert "1 still in flight" in page
    assert f">{order.pk}<" in page.replace(" ", "").replace("\n", "")
    assert 'http-equiv="refresh"' in page
    assert admin_client.get(f"{LIST}in-flight/?stop=x").status_code == 200
    assert admin_client.get(f"{LIST}in-flight/?stop=999999").status_code == 404


def test_liquidation_is_announced_and_ordered(admin_client: Client, account: Account) -> None:
    trade(account, quantity="0.1")
    asked = {"scope": f"account:{account.pk}", "state": "reduce_only", "reason": "x", "liquidate": "on"}
    assert "Holdings that are sold at market: 1." in text(admin_client.post(TRIP, asked))
    assert not Order.objects.filter(side="sell").exists()
    assert "0.1 BTC, account" in text(admin_client.post(TRIP, asked | {"confirmed": "yes"}, follow=True))
    assert Order.objects.get(side="sell").quantity == account.holdings.get().quantity


@pytest.mark.parametrize(
    ("change", "said"),
    [({"scope": "moon"}, "is not one of"), ({"reason": ""}, "required"), ({"state": "active"}, "valid choice"),
     ({"scope": "account:999999"}, "There is no account 999999"), ({"liquidate": "on"}, "Nothing is sold while halted")],
)  # fmt: skip
def test_form_that_is_wrong_stops_nothing(
    admin_client: Client, account: Account, change: dict[str, str], said: str
) -> None:
    for more in ({}, {"confirmed": "yes"}):
        assert said in text(admin_client.post(TRIP, HALT | change | more))
    assert nothing_happened()


def clear(client: Client, stop: Stop, **more: str) -> Any:
    return client.post(LIST, {"action": "clear_stops", "_selected_action": [stop.pk], **more}, follow=True)


def test_clearing_asks_for_a_reason(admin_client: Client, admin_user: Any, account: Account) -> None:
    stop = trip(scope="coin:BTC", state="halted", reason="why", actor=None)
    assert "coin:BTC: halted will be active again" in text(clear(admin_client, stop))
    assert "required" in text(clear(admin_client, stop, confirmed="yes", reason=""))
    stop.refresh_from_db()
    assert stop.state == "halted"
    assert "coin:BTC is cleared." in text(clear(admin_client, stop, confirmed="yes", reason="all is well"))
    stop.refresh_from_db()
    assert (stop.state, stop.reason, stop.changed_by) == ("active", "all is well", f"user:{admin_user.pk}")
    assert "coin:BTC is not stopped." in text(clear(admin_client, stop, confirmed="yes", reason="again"))


def test_stop_s_page_shows_every_change_escaped(admin_client: Client, account: Account) -> None:
    stop = trip(scope="coin:BTC", state="halted", reason=HALT["reason"], actor=None)
    page = text(admin_client.get(f"{LIST}{stop.pk}/change/"))
    assert "Every change" in page
    assert "manage.py" in page
    assert "it &lt;b&gt;looks&lt;/b&gt; wrong" in page
    assert "<b>looks" not in page


def test_stop_is_neither_added_edited_nor_deleted_by_hand(admin_client: Client) -> None:
    stop = Stop.objects.get()
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(f"{LIST}{stop.pk}/change/", {"state": "halted"}).status_code == 403
    assert admin_client.post(f"{LIST}{stop.pk}/delete/", {"post": "yes"}).status_code == 403
    assert nothing_happened()


def test_auditor_sees_stops_and_changes_none(client: Client, account: Account) -> None:
    stop = trip(scope="coin:BTC", state="halted", reason="why", actor=None)
    auditor = UserFactory(is_staff=True)
    auditor.user_permissions.add(Permission.objects.get(codename="view_stop"))
    client.force_login(auditor)
    assert TRIP not in text(client.get(LIST))
    assert client.get(TRIP).status_code == 403
    assert client.post(TRIP, HALT | {"confirmed": "yes"}).status_code == 403
    clear(client, stop, confirmed="yes", reason="x")
    assert set(Stop.objects.values_list("state", flat=True)) == {"active", "halted"}
    assert Event.objects.filter(type__startswith="stop.").count() == 1


def test_market_is_marked_and_unmarked_with_who_and_why(admin_client: Client, admin_user: Any) -> None:
    admin_client.post(f"{MARKETS}add/", {"coin_type": "doge", "reason": "it moves"})
    row = VolatileMarket.objects.get()
    assert (row.coin_type, row.reason, row.marked_by) == ("DOGE", "it moves", f"user:{admin_user.pk}")
    assert "DOGE" in text(admin_client.get(MARKETS))
    assert admin_client.get(f"{MARKETS}{row.pk}/change/").status_code == 200
    assert (
        admin_client.post(f"{MARKETS}{row.pk}/change/", {"coin_type": "BTC", "reason": "x"}).status_code
        == 403
    )
    admin_client.post(f"{MARKETS}{row.pk}/delete/", {"post": "yes"})
    assert not VolatileMarket.objects.exists()
    events = Event.objects.order_by("id")
    assert [(event.type, event.account, event.actor, event.inputs) for event in events] == [
        ("market.marked", None, f"user:{admin_user.pk}", {"coin_type": "DOGE"}),
        ("market.unmarked", None, f"user:{admin_user.pk}", {"coin_type": "DOGE"}),
    ]  # fmt: skip


@pytest.mark.parametrize("body", [{"coin_type": "DOGE", "reason": ""}, {"coin_type": "D O", "reason": "x"}])
def test_market_needs_a_symbol_and_a_reason(admin_client: Client, body: dict[str, str]) -> None:
    assert admin_client.post(f"{MARKETS}add/", body).status_code == 200
    assert not VolatileMarket.objects.exists()
    assert not Event.objects.exists()


def test_markets_selected_in_the_list_are_unmarked_as_events(admin_client: Client) -> None:
    for coin in ("BTC", "ETH"):
        admin_client.post(f"{MARKETS}add/", {"coin_type": coin, "reason": "it moves"})
    ids = list(VolatileMarket.objects.values_list("pk", flat=True))
    admin_client.post(MARKETS, {"action": "delete_selected", "_selected_action": ids, "post": "yes"})
    assert not VolatileMarket.objects.exists()
    assert Event.objects.filter(type="market.unmarked").count() == 2
