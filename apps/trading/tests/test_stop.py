"""The emergency stop: which orders it holds back, who may set and clear it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Event, Order, Stop
from apps.trading.services.accounts import NoSuchAccount
from apps.trading.services.activation import NotPermitted
from apps.trading.services.control import clear, standing_stop, state_for, trip
from apps.trading.services.execute import drain_account
from apps.trading.services.scopes import NoSuchTarget
from apps.trading.tests.factories import make_account, place
from ohmycoins.core.clock import now
from ohmycoins.core.errors import Conflict, Invalid

pytestmark = pytest.mark.django_db
WHY = "it looks wrong"


@pytest.fixture
def account() -> Account:
    make_price()
    make_price("ETH", bid=5000, ask=5001)
    return make_account()


def operator() -> User:
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="change_stop"))
    return user


def stop(scope: str, state: str = "halted", actor: User | None = None) -> Stop:
    return trip(scope=scope, state=state, reason=WHY, actor=actor)


def seen(account: Account, coin: str = "BTC", algorithm: int | None = None) -> tuple[str, str]:
    view = standing_stop(
        user_id=account.user_id, account_id=account.pk, algorithm_id=algorithm, coin_type=coin, now=now()
    )  # fmt: skip
    return view.state, view.scope


def raw(statement: str) -> None:
    """Change stops in a way that nothing but a broken database could."""
    with connection.cursor() as cursor:
        for name in ("stop_state_known", "stop_scope_known"):
            cursor.execute(f"ALTER TABLE trading_stop DROP CONSTRAINT IF EXISTS {name}")
        cursor.execute("ALTER TABLE trading_stop DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE trading_stop ENABLE TRIGGER USER")


def test_nothing_is_stopped_at_first(account: Account) -> None:
    assert seen(account) == ("active", "global")
    assert place(account, quantity="0.1").status == "pending"


@pytest.mark.parametrize("scope", ["global", "user", "account", "coin", "algorithm"])
def test_stop_holds_back_its_scope_and_no_more(account: Account, scope: str) -> None:
    target = {"account": f"account:{account.pk}", "coin": "coin:BTC", "algorithm": "algorithm:7",
              "user": f"user:{account.user_id}"}.get(scope, scope)  # fmt: skip
    stop(target)
    name = target if scope != "user" else "user"
    assert seen(account, algorithm=7) == ("halted", name)
    assert seen(account, algorithm=8)[0] == ("active" if scope == "algorithm" else "halted")
    assert seen(account)[0] == ("active" if scope == "algorithm" else "halted")
    assert seen(account, "ETH", algorithm=7)[0] == ("active" if scope == "coin" else "halted")
    other = make_account()
    assert seen(other, algorithm=7)[0] == ("active" if scope in ("user", "account") else "halted")


def test_user_s_own_coin_and_algorithm_stops_are_theirs_alone(account: Account) -> None:
    stop("coin:btc", actor=account.user)
    stop("algorithm:7", actor=account.user)
    other = make_account()
    assert (seen(account), seen(other, algorithm=7)) == (("halted", "coin:BTC"), ("active", "global"))
    assert seen(account, "ETH", algorithm=7) == ("halted", "algorithm:7")


def test_strictest_stop_wins_and_is_named(account: Account) -> None:
    stop("global", "reduce_only")
    assert seen(account) == ("reduce_only", "global")
    stop(f"account:{account.pk}")
    stop("coin:BTC")
    assert seen(account) == ("halted", f"account:{account.pk}")
    assert seen(account, "ETH") == ("halted", f"account:{account.pk}")


def test_stop_is_read_in_one_query(account: Account, stop_queries: list[str]) -> None:
    stop("coin:BTC")
    seen(account)
    assert len(stop_queries) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM trading_stop",
        "UPDATE trading_stop SET state = 'paused'",
        "UPDATE trading_stop SET state = ''",
        "UPDATE trading_stop SET target = 'x'",
        "INSERT INTO trading_stop (scope, target, state, fence, reason, changed_at, changed_by)"
        " VALUES ('user', '', 'halted', 0, '', now(), '')",
        "INSERT INTO trading_stop (scope, target, state, fence, reason, changed_at, changed_by)"
        " VALUES ('planet', '', 'reduce_only', 0, '', now(), '')",
        "INSERT INTO trading_stop (scope, target, state, fence, reason, changed_at, changed_by)"
        " VALUES ('account', 'all', 'reduce_only', 0, '', now(), '')",
        "INSERT INTO trading_stop (scope, target, state, fence, reason, changed_at, changed_by)"
        " VALUES ('coin', 'BTC', 'slow', 0, '', now(), '')",
    ],
)
def test_what_cannot_be_read_is_halted(account: Account, statement: str) -> None:
    raw(statement)
    assert seen(account) == ("halted", "unreadable")
    order = place(account, quantity="0.1")
    assert [denial["code"] for denial in order.denials] == ["EMERGENCY_STOP"]


@pytest.mark.parametrize(
    "statement", ["DELETE FROM trading_stop", "UPDATE trading_stop SET state = 'paused'"]
)
def test_unreadable_global_stop_is_cleared_like_one_that_stands(account: Account, statement: str) -> None:
    raw(statement)
    clear(scope="global", reason="looked into it", actor=None)
    assert seen(account) == ("active", "global")
    event = Event.objects.get(type="stop.cleared")
    assert (event.from_status, event.to_status) == (
        "paused" if "paused" in statement else "unreadable",
        "active",
    )


def test_order_is_denied_while_halted_and_a_sale_passes_reduce_only(account: Account) -> None:
    bought = place(account, quantity="0.1")
    drain_account(account.pk)
    bought.refresh_from_db()
    assert bought.status == "filled"
    stop("global", "reduce_only")
    assert place(account, quantity="0.1").status == "denied"
    assert place(account, "sell", quantity="0.05").status == "pending"
    stop("global")
    sale = place(account, "sell", quantity="0.05")
    assert (sale.status, sale.denials[0]["code"], sale.denials[0]["limit"]) == (
        "denied",
        "EMERGENCY_STOP",
        "global",
    )


def test_order_accepted_before_the_stop_is_not_executed_after_it(account: Account) -> None:
    order = place(account, quantity="0.1")
    stop("coin:BTC")
    drain_account(account.pk)
    order.refresh_from_db()
    assert (order.status, order.filled_quantity, order.reserved_aud) == ("denied", 0, 0)


def test_every_change_is_an_event_and_raises_the_fence(account: Account) -> None:
    user = account.user
    scope = f"account:{account.pk}"
    row = stop(scope, "reduce_only", user)
    assert stop(scope, "reduce_only", user).fence == 1, "the same again is no change"
    assert stop(scope, "halted", user).fence == 2
    assert stop(scope, "reduce_only", user).fence == 3
    cleared = clear(scope=scope, reason="all is well", actor=user)
    assert (cleared.pk, cleared.fence, cleared.state, cleared.reason) == (row.pk, 4, "active", "all is well")
    events = Event.objects.filter(type__startswith="stop.").order_by("id")
    assert [(event.type, event.from_status, event.to_status, event.inputs["fence"]) for event in events] == [
        ("stop.reduce_only", "active", "reduce_only", 1), ("stop.halted", "reduce_only", "halted", 2),
        ("stop.reduce_only", "halted", "reduce_only", 3), ("stop.cleared", "reduce_only", "active", 4),
    ]  # fmt: skip
    assert {(event.account_id, event.actor, event.inputs["scope"]) for event in events} == {
        (account.pk, f"user:{user.pk}", scope)
    }


def test_stop_of_another_scope_than_an_account_is_in_the_chain_of_no_account() -> None:
    stop("global")
    event = Event.objects.get(type="stop.halted")
    assert (event.account, event.actor, event.reason) == (None, "manage.py", WHY)


def refused(error: type[Exception], **asked: Any) -> None:
    rows, events = list(Stop.objects.values()), Event.objects.count()
    act: Any = trip if asked.get("state") else clear
    with pytest.raises(error):
        act(**{name: value for name, value in asked.items() if (name, value) != ("state", "")})
    assert (list(Stop.objects.values()), Event.objects.count()) == (rows, events)


def test_user_may_stop_nobody_else(account: Account) -> None:
    stranger = UserFactory()
    for state in ("halted", ""):
        refused(NotPermitted, scope="global", state=state, reason=WHY, actor=stranger)
        refused(NotPermitted, scope=f"user:{account.user_id}", state=state, reason=WHY, actor=stranger)
        refused(NoSuchAccount, scope=f"account:{account.pk}", state=state, reason=WHY, actor=stranger)


@pytest.mark.parametrize(
    ("scope", "error"),
    [("", Invalid), ("everything", Invalid), ("global:1", Invalid), ("account", Invalid), ("account:x", Invalid),
     ("account:-1", Invalid), ("account:0", Invalid), ("account:٣", Invalid), ("account:" + "9" * 19, Invalid),
     ("coin", Invalid), ("coin:", Invalid), ("coin:B T", Invalid), ("coin:NOPE", NoSuchTarget),
     ("account:999999999", NoSuchAccount), ("user:999999999", NoSuchTarget), ("user:x", Invalid),
     ("user", Invalid), ("algorithm:", Invalid)],
)  # fmt: skip
def test_scope_that_is_none_is_refused(db: None, scope: str, error: type[Exception]) -> None:
    refused(error, scope=scope, state="halted", reason=WHY, actor=None)


@pytest.mark.parametrize(
    ("state", "reason"), [("active", WHY), ("paused", WHY), ("halted", "  "), ("halted", "x" * 301)]
)
def test_stop_needs_a_state_and_a_reason(db: None, state: str, reason: str) -> None:
    refused(Invalid, scope="global", state=state, reason=reason, actor=None)


def test_clearing_needs_a_reason_and_something_to_clear(account: Account) -> None:
    refused(Conflict, scope="global", reason=WHY, actor=None)
    refused(Conflict, scope=f"account:{account.pk}", reason=WHY, actor=account.user)
    stop("global")
    refused(Invalid, scope="global", reason="", actor=None)


def test_owner_does_not_relax_what_an_operator_stopped(account: Account) -> None:
    scope, owner, staff = f"account:{account.pk}", account.user, operator()
    stop(scope, "reduce_only", staff)
    stop(scope, "halted", owner)
    refused(NotPermitted, scope=scope, state="reduce_only", reason=WHY, actor=owner)
    refused(NotPermitted, scope=scope, reason=WHY, actor=owner)
    clear(scope=scope, reason=WHY, actor=staff)
    stop(scope, "halted", owner)
    assert clear(scope=scope, reason=WHY, actor=owner).state == "active", "their own they may clear"


def test_operator_clears_anyone_s_row(account: Account) -> None:
    row = stop("coin:BTC", actor=account.user)
    refused(NotPermitted, scope=row, reason=WHY, actor=account.user)
    assert clear(scope=row, reason=WHY, actor=operator()).state == "active"
    assert seen(account) == ("active", "global")


def test_state_of_a_user_is_the_strictest_over_everything(account: Account) -> None:
    stop(f"account:{account.pk}")
    assert state_for(account.user) == "active"
    stop("user", "reduce_only", account.user)
    assert state_for(account.user) == "reduce_only"
    stop("global")
    assert state_for(account.user) == "halted"
    assert Order.objects.count() == 0
