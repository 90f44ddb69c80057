"""`/floor/emergency-stop` over HTTP, and `manage.py emergency_stop`."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from kombu.exceptions import OperationalError as BrokerError
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Event, Order, Stop
from apps.trading.tests.factories import make_account, place, trade
from ohmycoins.core import outbox

pytestmark = pytest.mark.django_db
STOP = "/api/v1/floor/emergency-stop"
WHY = "it looks wrong"


@pytest.fixture
def account(user: User) -> Account:
    make_price()
    return make_account(user)


@pytest.fixture
def staff(client_for: Callable[[User], APIClient]) -> APIClient:
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="change_stop"))
    return client_for(user)


def activate(api: APIClient, scope: str = "user", state: str = "halted", **more: Any) -> Any:
    return api.post(f"{STOP}/activate", {"scope": scope, "state": state, "reason": WHY} | more, format="json")


def clear(api: APIClient, scope: str = "user", reason: str = "all is well") -> Any:
    return api.post(f"{STOP}/clear", {"scope": scope, "reason": reason}, format="json")


def resting(account: Account) -> Order:
    return trade(account, quantity="0.01", price="50")


def test_nothing_is_stopped_at_first(api: APIClient, account: Account) -> None:
    order = resting(account)
    body = api.get(f"{STOP}/").json()
    (row,) = body.pop("stops")
    assert (row["scope"], row["state"], row["user"], row["fence"]) == ("global", "active", None, 0)
    assert body == {
        "state": "active", "in_flight_count": 1,
        "in_flight": [{"id": order.pk, "account": account.pk, "coin_type": "BTC", "side": "buy", "status": "open",
                       "quantity": "0.01", "filled_quantity": "0"}],
    }  # fmt: skip


def test_user_stops_and_clears_their_own_trading(api: APIClient, account: Account, user: User) -> None:
    order = resting(account)
    body = activate(api).json()
    assert set(body["stop"]) == {
        "id",
        "scope",
        "user",
        "state",
        "reason",
        "changed_at",
        "changed_by",
        "fence",
    }
    assert (body["stop"]["scope"], body["stop"]["user"], body["stop"]["changed_by"]) == (
        "user", user.pk, f"user:{user.pk}",
    )  # fmt: skip
    assert (body["cancelled"], body["left"], body["in_flight"], body["liquidation"]) == (1, 0, [], [])
    order.refresh_from_db()
    assert order.status == "cancelled"
    assert api.get(STOP).json()["state"] == "halted"
    denied = api.post(
        "/api/v1/floor/orders",
        {"coin_type": "BTC", "side": "buy", "order_type": "market", "quantity": "0.1"}, format="json",
    )  # fmt: skip
    assert (denied.status_code, denied.json()["denials"][0]["code"]) == (422, "EMERGENCY_STOP")
    answer = clear(api)
    assert (answer.status_code, answer.json()["state"]) == (200, "active")
    assert api.get(STOP).json()["state"] == "active"
    assert clear(api).status_code == 409


@pytest.mark.parametrize("scope", ["account", "coin", "algorithm"])
def test_user_stops_parts_of_their_own_trading(
    api: APIClient, account: Account, scope: str, user: User
) -> None:
    target = {"account": f"account:{account.pk}", "coin": "coin:btc", "algorithm": "algorithm:3"}[scope]
    body = activate(api, target, "reduce_only").json()["stop"]
    assert (body["scope"], body["user"]) == (target.replace("btc", "BTC"), user.pk)
    assert clear(api, target).status_code == 200


def test_liquidation_orders_sales_and_names_them(api: APIClient, account: Account) -> None:
    trade(account, quantity="0.1")
    body = activate(api, "user", "reduce_only", liquidate=True).json()
    (sale,) = body["liquidation"]
    assert (sale["coin_type"], sale["side"], sale["quantity"], sale["status"]) == (
        "BTC",
        "sell",
        "0.1",
        "pending",
    )
    assert Order.objects.filter(pk=sale["id"], account=account).exists()
    assert body["unsold"] == 0


def nothing_happened() -> bool:
    return (
        not Event.objects.filter(type__startswith="stop.").exists() and Stop.objects.get().state == "active"
    )


@pytest.mark.parametrize(
    "body",
    [{}, {"scope": "user", "state": "halted"}, {"scope": "user", "state": "halted", "reason": ""},
     {"scope": "user", "state": "halted", "reason": "  "}, {"scope": "user", "state": "active", "reason": WHY},
     {"scope": "user", "state": "stopped", "reason": WHY}, {"scope": "moon", "state": "halted", "reason": WHY},
     {"scope": "account:x", "state": "halted", "reason": WHY}, {"scope": "coin:", "state": "halted", "reason": WHY},
     {"scope": ["user"], "state": "halted", "reason": WHY}, {"scope": "user\x00", "state": "halted", "reason": WHY},
     {"scope": "user", "state": "halted", "reason": "x" * 301},
     {"scope": "user", "state": "halted", "reason": WHY, "liquidate": True},
     {"scope": "user", "state": "halted", "reason": WHY, "liquidate": "maybe"},
     {"scope": "user", "state": "halted", "reason": WHY, "force": True}],
)  # fmt: skip
def test_malformed_stop_is_400_and_stops_nothing(
    api: APIClient, account: Account, body: dict[str, Any]
) -> None:
    answer = api.post(f"{STOP}/activate", body, format="json")
    assert answer.status_code == 400, answer.json()
    assert set(answer.json()) == {"code", "message", "detail"}
    assert nothing_happened()


@pytest.mark.parametrize("body", ["[]", '"x"', "{", ""])
def test_body_that_is_no_object_is_400(api: APIClient, account: Account, body: str) -> None:
    for path in ("activate", "clear"):
        assert api.post(f"{STOP}/{path}", body, content_type="application/json").status_code == 400
    assert nothing_happened()


def test_user_may_neither_stop_everything_nor_anyone_else(api: APIClient, account: Account) -> None:
    other = make_account()
    assert activate(api, "global").status_code == 403
    assert activate(api, f"user:{other.user_id}").status_code == 403
    assert activate(api, f"account:{other.pk}").status_code == 404
    assert activate(api, "account:999999").status_code == 404
    assert activate(api, "coin:NOPE").status_code == 404
    assert clear(api, "global").status_code == 403
    assert clear(api, f"account:{other.pk}").status_code == 404
    assert nothing_happened()


def test_stranger_is_401(account: Account) -> None:
    nobody = APIClient()
    assert [nobody.get(STOP).status_code, activate(nobody).status_code, clear(nobody).status_code] == [
        401
    ] * 3
    assert nothing_happened()


def test_staff_stops_and_clears_everything(staff: APIClient, api: APIClient, account: Account) -> None:
    order = resting(account)
    assert activate(staff, "global").json()["cancelled"] == 1
    order.refresh_from_db()
    assert order.status == "cancelled"
    assert api.get(STOP).json()["state"] == "halted"
    assert activate(staff, f"account:{account.pk}").json()["stop"]["user"] == account.user_id
    assert activate(staff, "coin:BTC").json()["stop"]["user"] is None
    assert clear(api, f"account:{account.pk}").status_code == 403, "what operators stopped, operators clear"
    for scope in ("global", f"account:{account.pk}", "coin:BTC"):
        assert clear(staff, scope).status_code == 200
    assert api.get(STOP).json()["state"] == "active"


def test_one_sees_the_stops_that_apply_and_staff_sees_all(
    api: APIClient, staff: APIClient, account: Account, client_for: Callable[[User], APIClient]
) -> None:
    other = client_for(UserFactory())
    activate(api, "coin:BTC")
    activate(staff, "coin:BTC")
    activate(other)
    seen = {
        name: [(row["scope"], row["user"] is None) for row in who.get(STOP).json()["stops"]]
        for name, who in (("user", api), ("other", other), ("staff", staff))
    }
    shared = [("global", True), ("coin:BTC", True)]
    assert sorted(seen["user"]) == sorted([*shared, ("coin:BTC", False)])
    assert sorted(seen["other"]) == sorted([*shared, ("user", False)])
    assert sorted(seen["staff"]) == sorted([*shared, ("coin:BTC", False), ("user", False)])


def test_one_sees_one_s_own_orders_in_flight_and_staff_sees_all(
    api: APIClient, staff: APIClient, account: Account
) -> None:
    own, other = resting(account), resting(make_account())
    assert [row["id"] for row in api.get(STOP).json()["in_flight"]] == [own.pk]
    assert [row["id"] for row in staff.get(STOP).json()["in_flight"]] == [own.pk, other.pk]


@pytest.mark.parametrize("count", [1, 4])
def test_reading_takes_three_queries_however_much_there_is(
    api: APIClient, account: Account, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        resting(account)
    activate(api, "algorithm:1")
    api.get(STOP)
    with django_assert_num_queries(2):  # the stops, orders; the state is asked for by a prepared statement
        api.get(STOP)


def test_activating_what_is_stopped_takes_twelve_queries(
    api: APIClient, account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    activate(api)
    api.get(STOP)
    with django_assert_num_queries(
        12
    ):  # savepoint, accounts, gate, row, release; sweep of orders and plans, cancels due, in flight
        activate(api)


def command(*args: str) -> str:
    out = StringIO()
    call_command("emergency_stop", *args, stdout=out)
    return out.getvalue()


def test_command_stops_and_says_what_came_of_it(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def publish(*args: object, **options: object) -> None:
        raise BrokerError("connection refused")

    monkeypatch.setattr(outbox, "publish", publish)
    trade(account, quantity="0.1")
    resting(account)
    sale = trade(account, "sell", quantity="0.02", price="999999")
    said = command("reduce_only", "--scope", "global", "--reason", WHY)
    assert "global: reduce_only (fence 1)" in said
    assert "orders cancelled: 1, left to workers: 0" in said
    assert (
        f"still in flight: 1\n  order {sale.pk} of account {account.pk}: open, sell 0.02 BTC, 0 filled"
        in said
    )
    said = command("reduce_only", "--scope", "global", "--reason", WHY, "--liquidate")
    assert f"0.1 BTC of account {account.pk}: pending" in said
    assert "still in flight: 0" in said
    assert Event.objects.get(type="stop.reduce_only").actor == "manage.py"
    assert "cleared" in command("clear", "--scope", "global", "--reason", "all is well")
    assert place(account, quantity="0.1").status == "pending"


@pytest.mark.parametrize(
    "args",
    [("halted", "--scope", "moon", "--reason", WHY), ("clear", "--scope", "global", "--reason", WHY),
     ("halted", "--scope", "global", "--reason", WHY, "--liquidate"), ("halted", "--scope", "user", "--reason", WHY),
     ("halted", "--scope", "global", "--reason", ""), ("halted", "--scope", "global"), ("stop", "--scope", "global")],
)  # fmt: skip
def test_command_refuses_what_it_does_not_understand(db: None, args: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        command(*args)
    assert nothing_happened()
