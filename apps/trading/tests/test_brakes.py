"""Brakes: what is held back, what passes, and that a cause is engaged once."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Brake, Event
from apps.trading.records import BrakeView, Standing
from apps.trading.safety import check_permission
from apps.trading.services.brakes import NoSuchBrake, end_overdue, engage, release, release_gone
from apps.trading.services.control import StopView, standing_stop
from apps.trading.services.execute import drain_account
from apps.trading.services.standing import read_standing
from apps.trading.tests.deployed import make_decision, make_deployment, order_of
from apps.trading.tests.factories import make_account, place, ticket, trade
from ohmycoins.core.clock import now
from ohmycoins.core.errors import Conflict

pytestmark = pytest.mark.django_db
COOL = {"kind": "cooldown", "reason": "a sale of BTC lost A$5", "actor": "monitoring"}


@pytest.fixture(autouse=True)
def noon(clock: Any) -> Any:
    return clock


@pytest.fixture
def account() -> Account:
    make_price()
    make_price(coin_type="ETH")
    return make_account()


def hold(cause: str = "1", **fields: Any) -> Brake:
    brake = engage(**(COOL | {"cause": cause, "now": now()} | fields))
    assert brake is not None
    return brake


def codes(order: Any) -> list[str]:
    return [denial["code"] for denial in order.denials]


def test_denial_names_kind_reason_and_end() -> None:
    until = datetime.fromisoformat("2026-03-02T12:10:00Z")
    standing = Standing(
        brakes=(BrakeView("cooldown", "a sale lost", until), BrakeView("drawdown", "too deep"))
    )
    first, second = check_permission(ticket(quantity="1"), standing)
    assert first.as_json() == {
        "code": "BRAKED", "limit": "cooldown", "value": "2026-03-02T12:10:00+00:00",
        "message": "A brake (cooldown) lets this only sell until 2026-03-02 12:10:00 UTC: a sale lost.",
    }  # fmt: skip
    assert (second.message, second.value) == ("A brake (drawdown) lets this only sell: too deep.", None)
    assert check_permission(ticket("sell", quantity="1"), standing) == ()


def test_purchase_is_denied_and_stored_while_sales_pass(account: Account) -> None:
    trade(account, quantity="0.1")
    hold(account_id=account.pk)
    refused = place(account, quantity="0.1")
    assert (refused.status, codes(refused)) == ("denied", ["BRAKED"])
    assert trade(account, "sell", quantity="0.1").status == "filled"


def test_brake_between_accept_and_claim_denies_at_the_claim(account: Account) -> None:
    order = place(account, quantity="0.1")
    assert order.status == "pending"
    hold(account_id=account.pk)
    drain_account(account.pk)
    order.refresh_from_db()
    assert (order.status, codes(order), order.reserved_aud) == ("denied", ["BRAKED"], 0)
    assert not order.fills.exists()


def test_brake_ends_by_itself_at_its_time(account: Account, noon: Any) -> None:
    hold(account_id=account.pk, until=now() + timedelta(seconds=10))
    noon.shift(9)
    assert codes(place(account, quantity="0.1")) == ["BRAKED"]
    noon.shift(1)
    assert place(account, quantity="0.1").status == "pending"


@pytest.mark.parametrize(
    ("columns", "matches"),
    [
        ({}, True),
        ({"user_id": "own"}, True),
        ({"user_id": "other"}, False),
        ({"account_id": "own"}, True),
        ({"account_id": "other"}, False),
        ({"algorithm_id": 7}, True),
        ({"algorithm_id": 8}, False),
        ({"coin_type": "BTC"}, True),
        ({"coin_type": "ETH"}, False),
        ({"account_id": "own", "algorithm_id": 7, "coin_type": "BTC"}, True),
        ({"account_id": "own", "algorithm_id": 8, "coin_type": "BTC"}, False),
        ({"account_id": "own", "algorithm_id": 7, "coin_type": "ETH"}, False),
    ],
)
def test_brake_matches_by_every_column_that_is_not_empty(
    account: Account, columns: dict[str, Any], matches: bool
) -> None:
    other = make_account()
    ids = {
        "account_id": {"own": account.pk, "other": other.pk},
        "user_id": {"own": account.user_id, "other": other.user_id},
    }
    hold(**{name: ids.get(name, {}).get(value, value) for name, value in columns.items()})
    stop = standing_stop(
        user_id=account.user_id, account_id=account.pk, algorithm_id=7, coin_type="BTC", now=now()
    )
    assert (stop.state, bool(stop.brakes), stop.refuses("buy"), stop.refuses("sell")) == ("active", matches, matches, False)  # fmt: skip


def test_brake_of_an_algorithm_holds_back_no_order_by_hand(account: Account) -> None:
    decision = make_decision(make_deployment(account))
    hold(account_id=account.pk, algorithm_id=decision.deployment.algorithm_id)
    assert codes(order_of(decision, quantity="0.1")) == ["BRAKED"]
    assert place(account, quantity="0.1").status == "pending"


def test_stop_and_brakes_are_read_in_one_query(
    account: Account, stop_queries: list[str], django_assert_num_queries: Any
) -> None:
    for number in range(12):
        hold(str(number), account_id=account.pk)
    given = {"user_id": account.user_id, "account_id": account.pk, "algorithm_id": None, "coin_type": "BTC"}
    with django_assert_num_queries(0):
        stop = standing_stop(**given, now=now())
    assert (stop.scope, len(stop.brakes), len(stop_queries)) == ("global", 10, 1)


def test_brakes_cost_an_order_no_query(
    account: Account, stop_queries: list[str], django_assert_num_queries: Any
) -> None:
    read_standing(account, ticket(quantity="0.1"), now=now())
    hold(account_id=account.pk)
    stop_queries.clear()
    with django_assert_num_queries(6):
        assert read_standing(account, ticket(quantity="0.1"), now=now()).brakes
    assert len(stop_queries) == 1


def test_words_of_what_holds_back() -> None:
    brake = BrakeView("drawdown", "too deep")
    assert StopView("active", "global", (brake,)).name == "a brake (drawdown)"
    assert StopView("halted", "coin:BTC", (brake,)).name == "an emergency stop (coin:BTC)"


def test_resting_purchase_waits_while_braked_and_is_filled_after(account: Account, noon: Any) -> None:
    order = trade(account, quantity="0.1", price="50")
    assert order.status == "open"
    noon.shift(60)
    hold(account_id=account.pk, until=now() + timedelta(seconds=30))
    make_price(bid="40", ask="41", last="40")
    drain_account(account.pk)
    order.refresh_from_db()
    assert (order.status, order.filled_quantity) == ("open", 0)
    noon.shift(31)
    drain_account(account.pk)
    order.refresh_from_db()
    assert order.status == "filled"


def test_cause_is_engaged_once_while_it_stands_and_again_after(account: Account) -> None:
    first = hold(account_id=account.pk)
    assert engage(**COOL, cause="1", now=now(), account_id=account.pk) is None
    release(first.pk, actor="user:1", reason="seen", now=now())
    assert hold(account_id=account.pk).pk != first.pk


def test_cause_with_an_end_is_engaged_once_for_ever(account: Account) -> None:
    given = {"cause": "1", "account_id": account.pk, "until": now() + timedelta(hours=1)}
    brake = engage(**COOL, **given, now=now())
    assert brake is not None
    release(brake.pk, actor="user:1", reason="seen", now=now())
    assert engage(**COOL, **given, now=now()) is None
    assert Brake.objects.count() == 1


def test_cause_that_is_over_already_engages_nothing(account: Account) -> None:
    assert engage(**COOL, cause="1", now=now(), account_id=account.pk, until=now()) is None
    assert not Brake.objects.exists()


def test_trail_says_who_engaged_and_who_released(account: Account) -> None:
    brake = hold(account_id=account.pk, coin_type="BTC", inputs={"loss": "5"})
    release(brake.pk, actor="user:9", reason="it was a test", now=now())
    engaged, released = Event.objects.filter(account=account, type__startswith="brake.").order_by("id")
    assert (engaged.type, engaged.actor, engaged.reason) == ("brake.engaged", "monitoring", COOL["reason"])
    assert engaged.inputs == {
        "brake": brake.pk, "kind": "cooldown", "cause": "1", "user": None, "algorithm": None, "coin": "BTC",
        "until": None, "loss": "5",
    }  # fmt: skip
    assert (released.type, released.actor, released.reason) == ("brake.released", "user:9", "it was a test")


def test_release_of_what_is_over_or_unknown_is_refused(account: Account, noon: Any) -> None:
    brake = hold(account_id=account.pk, until=now() + timedelta(seconds=5))
    noon.shift(5)
    with pytest.raises(Conflict, match="is over since 2026-03-02 12:00:05 UTC"):
        release(brake.pk, actor="user:1", reason="x", now=now())
    with pytest.raises(NoSuchBrake):
        release(brake.pk + 1, actor="user:1", reason="x", now=now())
    assert not Event.objects.filter(type="brake.released").exists()


def test_what_is_gone_is_released_and_the_rest_stands() -> None:
    gone, stands = hold("1"), hold("2")
    other = hold("1", kind="outliers")
    assert [brake.pk for brake in release_gone("cooldown", ["2"], actor="monitoring", now=now())] == [gone.pk]
    assert list(Brake.objects.engaged(now()).order_by("id")) == [stands, other]
    assert release_gone("cooldown", ["2"], actor="monitoring", now=now()) == []


def test_what_ended_by_itself_is_written_down_once_as_of_its_end(account: Account, noon: Any) -> None:
    brake = hold(account_id=account.pk, until=now() + timedelta(seconds=5))
    until = brake.until
    noon.shift(60)
    assert [row.pk for row in end_overdue(now())] == [brake.pk]
    assert end_overdue(now()) == []
    brake.refresh_from_db()
    assert (brake.released_at, brake.released_by) == (until, "clock")
    assert Event.objects.filter(type="brake.released").count() == 1
