"""Orders in slices: cut exactly, each slice an ordinary order, each placed once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Deployment, Event, Fill, Order, Twap
from apps.trading.services import twaps
from apps.trading.services.control import trip
from apps.trading.services.execute import drain_account
from apps.trading.services.place import place_order
from apps.trading.services.twaps import cancel_twap, cancel_twaps, run_due_twaps, start_twap
from apps.trading.tests.deployed import make_decision, make_deployment
from apps.trading.tests.factories import make_account, set_limits, ticket, trade
from ohmycoins.core import clock as clock_of
from ohmycoins.core.errors import Conflict, Refused
from ohmycoins.core.money import split

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def account(clock: Any) -> Account:
    make_price(bid=100, ask=100)
    return make_account()


def start(account: Account, side: str = "buy", *, slices: int = 4, seconds: int = 60, **given: Any) -> Twap:
    amounts = {name: given.pop(name) for name in ("quantity", "amount_aud") if name in given}
    return start_twap(
        user=account.user, account=account, ticket=ticket(side, **(amounts or {"quantity": "1"})), slices=slices,
        slice_seconds=seconds, **given,
    )  # fmt: skip


def run() -> int:
    return run_due_twaps(clock_of.now())


def run_out(clock: Any, twap: Twap) -> None:
    """Let time pass until the plan ended, with workers that execute what is queued."""
    while twap.status == "active":
        drain_account(twap.account_id)
        clock.shift(twap.slice_seconds)
        make_price(bid=100, ask=100)
        run()
        twap.refresh_from_db()
    drain_account(twap.account_id)


def quantities(twap: Twap) -> list[D]:
    return list(twap.orders.order_by("id").values_list("requested_quantity", flat=True))


@given(
    total=st.decimals("0.00000001", 10**11, places=8), parts=st.integers(1, 100),
    step=st.sampled_from([D("0.01"), D("0.00000001")]),
)  # fmt: skip
def test_parts_add_up_exactly_and_none_is_below_zero(total: D, parts: int, step: D) -> None:
    cut = split(total, parts, step)
    assert sum(cut) == total
    assert len(cut) == parts
    assert len(set(cut[:-1])) <= 1
    assert min(cut) >= 0
    assert all(part % step == 0 for part in cut[:-1])
    assert total < step * parts or min(cut) > 0
    assert 0 <= cut[-1] - cut[0] < step * parts


@pytest.mark.parametrize(
    ("total", "parts", "step", "expected"),
    [
        ("1", 3, "0.00000001", ["0.33333333", "0.33333333", "0.33333334"]),
        ("100", 3, "0.01", ["33.33", "33.33", "33.34"]),
        ("0.05", 2, "0.01", ["0.02", "0.03"]),
        ("100.12345678", 2, "0.01", ["50.06", "50.06345678"]),
        ("0.00000003", 2, "0.00000001", ["0.00000001", "0.00000002"]),
        ("7", 1, "0.01", ["7"]),
    ],
)
def test_remainder_goes_to_the_last_part(total: str, parts: int, step: str, expected: list[str]) -> None:
    assert split(D(total), parts, D(step)) == [D(part) for part in expected]


def test_quantity_is_traded_in_equal_slices_one_at_a_time(account: Account, clock: Any) -> None:
    twap = start(account, slices=3)
    assert (quantities(twap), twap.placed) == ([D("0.33333333")], 1), "the first at once"
    assert twap.next_at == NOON + timedelta(seconds=60)
    drain_account(account.pk)
    assert run() == 0
    clock.shift(59)
    assert run() == 0
    clock.shift(1)
    assert run() == 1
    assert run() == 0
    run_out(clock, twap)
    assert quantities(twap) == [D("0.33333333"), D("0.33333333"), D("0.33333334")]
    assert (twap.status, twap.placed, twap.next_at) == ("done", 3, None)
    assert sum(fill.quantity for fill in Fill.objects.all()) == 1
    assert list(Order.objects.order_by("id").values_list("idempotency_key", flat=True)) == [
        f"twap-{twap.pk}-{number}" for number in (1, 2, 3)
    ]
    moves = Event.objects.filter(type__startswith="twap.").values_list("type", "to_status", "actor")
    assert list(moves) == [
        ("twap.made", "active", f"user:{account.user_id}"),
        ("twap.moved", "done", f"twap:{twap.pk}"),
    ]


def test_amount_is_spent_in_cents_fees_included(account: Account, clock: Any) -> None:
    twap = start(account, slices=3, amount_aud="1000")
    run_out(clock, twap)
    amounts = twap.orders.order_by("id").values_list("amount_aud", flat=True)
    assert list(amounts) == [D("333.33"), D("333.33"), D("333.34")]
    assert sum(fill.value_aud + fill.fee_aud for fill in Fill.objects.all()) <= 1000


def test_sale_reserves_no_more_than_its_slice(account: Account, clock: Any) -> None:
    trade(account, quantity="4")
    twap = start(account, "sell", quantity="4")
    assert Order.objects.get(twap=twap).reserved_quantity == 1
    run_out(clock, twap)
    assert twap.status == "done"
    assert twap.orders.filter(status="filled").count() == 4


def test_slices_of_a_decision_are_its_own(account: Account, clock: Any) -> None:
    deployment = make_deployment(account, slices=3)
    decision = make_decision(deployment, ("human", "coindesk", 1))
    twap = start(
        account, slices=3, decision=decision, algorithm_id=deployment.algorithm_id, ledger="human",
        actor=f"deployment:{deployment.pk}",
    )  # fmt: skip
    run_out(clock, twap)
    named = set(Fill.objects.values_list("algorithm_id", "ledger", "order__decision", "order__twap"))
    assert named == {(deployment.algorithm_id, "human", decision.pk, twap.pk)}
    assert Event.objects.get(type="twap.made").actor == f"deployment:{deployment.pk}"


def test_what_is_too_small_is_refused_to_a_person_and_traded_in_fewer_slices_for_a_decision(
    account: Account,
) -> None:
    for amounts, said in (
        (
            {"quantity": "0.00000003"},
            "0.00000003 BTC cannot be cut into 4 slices of at least 0.00000001 BTC each",
        ),
        (
            {"amount_aud": "3.99"},
            "3.99 AUD cannot be cut into 4 slices of at least 1 AUD each: that takes 4 AUD",
        ),
    ):
        with pytest.raises(Refused, match=said):
            start(account, **amounts)
    assert not Twap.objects.exists()
    trade(account, quantity="1")
    deployment = make_deployment(account)
    twap = start(account, "sell", quantity="0.00000003", decision=make_decision(deployment))
    assert (twap.slices, twap.placed, quantities(twap)) == (3, 1, [D("0.00000001")])
    twap = start(account, amount_aud="3.99", decision=make_decision(deployment))
    assert (twap.slices, twap.placed, twap.orders.get().amount_aud) == (3, 1, D("1.33"))


def test_slice_that_is_denied_ends_the_plan(account: Account, clock: Any) -> None:
    set_limits(account, position=1)  # A$1,000
    twap = start(account, quantity="16")
    assert (twap.status, twap.placed) == ("active", 1)
    run_out(clock, twap)
    assert (twap.status, twap.placed, twap.next_at) == ("denied", 2, None)
    last = twap.orders.latest("id")
    assert (last.status, last.denials[0]["code"]) == ("denied", "POSITION_LIMIT")
    assert twap.reason == f"order {last.pk} was denied: POSITION_LIMIT"
    clock.shift(600)
    assert run() == 0


def test_plan_whose_first_slice_is_denied_is_stored_as_such(account: Account) -> None:
    twap = start(account, quantity="100000")
    assert (twap.status, twap.placed, twap.ended_at) == ("denied", 0, NOON)
    assert "INSUFFICIENT_CASH" in twap.reason


def test_slice_that_is_denied_at_its_claim_ends_the_plan_too(account: Account, clock: Any) -> None:
    twap = start(account, quantity="60")
    set_limits(account, position=1)  # A$1,000, and a slice is of 1,500
    drain_account(account.pk)
    set_limits(account, position=100)
    run_out(clock, twap)
    assert (twap.status, twap.placed, twap.orders.count()) == ("denied", 1, 1)
    assert "POSITION_LIMIT" in twap.reason


def test_slices_are_held_to_their_deployment_s_limits(account: Account, clock: Any) -> None:
    deployment = make_deployment(account, position_limit_aud=500)
    twap = start(
        account, quantity="8", decision=make_decision(deployment), algorithm_id=deployment.algorithm_id
    )
    run_out(clock, twap)
    assert (twap.status, twap.placed) == ("denied", 2)
    assert "DEPLOYMENT_POSITION_LIMIT" in twap.reason


@pytest.mark.parametrize(("state", "side", "expected"), [
    ("halted", "buy", "denied"), ("halted", "sell", "denied"), ("reduce_only", "buy", "denied"),
    ("reduce_only", "sell", "done"),
])  # fmt: skip
def test_emergency_stop_ends_plans_as_it_does_orders(
    account: Account, clock: Any, state: str, side: str, expected: str
) -> None:
    trade(account, quantity="4")
    twap = start(account, side, quantity="4")
    drain_account(account.pk)
    trip(scope="user", state=state, reason="it looks wrong", actor=account.user)
    run_out(clock, twap)
    assert twap.status == expected
    if expected == "denied":
        assert twap.reason.endswith("EMERGENCY_STOP")


def test_outage_costs_one_late_slice_and_never_several_at_once(account: Account, clock: Any) -> None:
    twap = start(account, slices=5)
    drain_account(account.pk)
    clock.shift(200)  # three were due
    make_price(bid=100, ask=100)
    assert [run(), run(), run()] == [1, 0, 0]
    twap.refresh_from_db()
    assert twap.next_at == NOON + timedelta(seconds=260)
    clock.shift(65)  # five seconds late keeps the rhythm
    assert run() == 1
    twap.refresh_from_db()
    assert twap.next_at == NOON + timedelta(seconds=320)
    run_out(clock, twap)
    assert twap.placed == 5


def test_slice_that_nobody_submitted_in_its_time_expires(account: Account, clock: Any) -> None:
    twap = start(account, slices=2, seconds=90)
    clock.shift(90)
    make_price(bid=100, ask=100)
    assert run() == 1
    drain_account(account.pk)
    assert list(twap.orders.order_by("id").values_list("status", flat=True)) == ["expired", "filled"]


def test_cancel_leaves_placed_orders_alone_and_can_be_repeated(account: Account, clock: Any) -> None:
    twap = start(account)
    cancelled = cancel_twap(twap.pk, actor="user:1")
    assert (cancelled.status, cancelled.reason, cancelled.next_at) == ("cancelled", "asked for", None)
    assert twap.orders.get().status == "pending"
    assert cancel_twap(twap.pk, actor="user:2").ended_at == NOON
    assert Event.objects.filter(type="twap.moved").count() == 1
    clock.shift(600)
    assert run() == 0
    drain_account(account.pk)
    done = start(account, slices=1)
    with pytest.raises(Conflict, match="is done"):
        cancel_twap(done.pk, actor="user:1")


@pytest.mark.parametrize("status", ["paused", "stopped"])
def test_plan_of_a_deployment_that_is_not_active_is_cancelled(
    account: Account, clock: Any, status: str
) -> None:
    deployment = make_deployment(account)
    twap = start(account, decision=make_decision(deployment))
    Deployment.objects.filter(pk=deployment.pk).update(status=status)
    clock.shift(60)
    assert run() == 0
    twap.refresh_from_db()
    assert (twap.status, twap.reason, twap.placed) == ("cancelled", f"its deployment is {status}", 1)


def test_only_the_plans_of_one_deployment_are_cancelled_with_it(account: Account) -> None:
    one, other = make_deployment(account), make_deployment(account)
    mine = [start(account, decision=make_decision(one)) for _ in range(2)]
    others = [start(account, decision=make_decision(other)), start(account)]
    assert cancel_twaps(one, actor="user:5", reason="stopped") == 2
    assert cancel_twaps(one) == 0
    assert {Twap.objects.get(pk=twap.pk).status for twap in mine} == {"cancelled"}
    assert {Twap.objects.get(pk=twap.pk).status for twap in others} == {"active"}


def test_key_answers_the_plan_it_made(account: Account) -> None:
    twap = start(account, idempotency_key="mine")
    assert start(account, idempotency_key="mine") == twap
    assert Order.objects.count() == 1
    for other in ({"slices": 5}, {"seconds": 61}, {"quantity": "2"}, {"amount_aud": "1"}, {"side": "sell"}):
        with pytest.raises(Conflict, match="something else"):
            start(account, idempotency_key="mine", **other)
    place_order(user=account.user, account=account, ticket=ticket(quantity="1"), idempotency_key="order's")
    with pytest.raises(Conflict, match="something else"):
        start(account, idempotency_key="order's")
    assert Twap.objects.count() == 1


def test_slice_whose_key_was_taken_ends_the_plan(account: Account, clock: Any) -> None:
    twap = start(account)
    key = f"twap-{twap.pk}-2"
    place_order(user=account.user, account=account, ticket=ticket(quantity="9"), idempotency_key=key)
    clock.shift(60)
    assert run() == 0
    twap.refresh_from_db()
    assert twap.status == "denied"
    assert key in twap.reason


def test_plan_that_fails_is_put_off_and_holds_up_no_other(
    account: Account, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, other = start(account), start(make_account())
    place = twaps.place_order

    def fail(**given: Any) -> Order:
        if given["twap"] == failing:
            raise RuntimeError("unforeseen")
        return place(**given)

    monkeypatch.setattr(twaps, "place_order", fail)
    clock.shift(60)
    assert run() == 1
    failing.refresh_from_db()
    other.refresh_from_db()
    assert (failing.placed, failing.next_at, other.placed) == (1, NOON + timedelta(seconds=120), 2)


def test_slice_takes_the_same_statements_whatever_went_before(account: Account, clock: Any) -> None:
    twap = start(account, slices=40, quantity="40")
    counts = []
    for _ in range(3):
        for _ in range(10):
            clock.shift(60)
            make_price(bid=100, ask=100)
            drain_account(account.pk)
            run()
        clock.shift(60)
        with CaptureQueriesContext(connection) as queries:
            assert run() == 1
        counts.append(len(queries))
    assert len(set(counts)) == 1
    assert twap.orders.count() == 34
    with CaptureQueriesContext(connection) as queries:
        assert run() == 0
    assert len(queries) == 1


def test_database_refuses_plans_that_cannot_be(account: Account) -> None:
    twap = start(account)
    for wrong in ({"placed": 5}, {"status": "asleep"}, {"amount_aud": 1}, {"slices": 0}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Twap.objects.filter(pk=twap.pk).update(**wrong)
