"""Every move between states, legal and illegal, in Python and in the database."""

from itertools import product

import pgtrigger
import pytest
from django.db import DatabaseError, connection, transaction

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Event, Order
from apps.trading.states import IN_FLIGHT, TERMINAL, TRANSITIONS, Status, may_move
from apps.trading.tests.factories import make_account, place
from apps.trading.transitions import move
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict

# Written down once more, by hand, from the order protocol: the table must agree with it.
LEGAL = {
    "pending": "submitting denied expired cancelled",
    "submitting": "open partially_filled filled rejected pending unknown",
    "unknown": "open partially_filled filled cancelled not_placed needs_review",
    "open": "partially_filled filled cancelling cancelled needs_review",
    "partially_filled": "partially_filled filled cancelling cancelled needs_review",
    "cancelling": "open partially_filled filled cancelled needs_review",
    "cancelled": "filled needs_review",
    "filled": "needs_review",
    "not_placed": "open partially_filled filled cancelled",
    "needs_review": "unknown open partially_filled filled cancelling cancelled denied rejected expired not_placed",
    "denied": "", "rejected": "", "expired": "",
}  # fmt: skip
PAIRS = list(product(sorted(Status), repeat=2))


def test_table_is_the_protocol_s() -> None:
    assert {
        source.value: {target.value for target in targets} for source, targets in TRANSITIONS.items()
    } == {source: set(targets.split()) for source, targets in LEGAL.items()}


def test_every_state_is_in_flight_or_terminal() -> None:
    assert set(Status) == IN_FLIGHT | TERMINAL
    assert not IN_FLIGHT & TERMINAL


@pytest.fixture
def order(db: None) -> Order:
    make_price()
    return place(make_account(), quantity="0.1")


def put(order: Order, status: str) -> None:
    """Set a state without asking the table; the tests' only way around it."""
    with pgtrigger.ignore("trading.Order:moves_by_the_table"):
        Order.objects.filter(pk=order.pk).update(
            status=status, reserved_aud=order.quantity * order.limit_price * 2
        )
    order.refresh_from_db()


def test_database_and_python_allow_the_same_moves(order: Order) -> None:
    for source, target in PAIRS:
        put(order, source)
        try:
            with transaction.atomic():
                Order.objects.filter(pk=order.pk).update(status=target)
            allowed = True
        except DatabaseError as error:
            assert "Invalid transition" in str(error)
            allowed = False
        assert allowed == (may_move(source, target) or source == target), f"{source} → {target}"


def test_illegal_move_raises_and_records_nothing(order: Order) -> None:
    events = Event.objects.count()
    for source, target in PAIRS:
        if may_move(source, target):
            continue
        put(order, source)
        with pytest.raises(Conflict), transaction.atomic():
            move(order, target, at=clock.now(), actor="test", reason="")
        order.refresh_from_db()
        assert order.status == source
    assert Event.objects.count() == events


def test_legal_move_records_its_event(order: Order) -> None:
    now = clock.now()
    for source, target in PAIRS:
        if not may_move(source, target):
            continue
        put(order, source)
        with transaction.atomic():
            move(order, target, at=now, actor="user:1", reason="because", inputs={"a": 1})
        event = Event.objects.order_by("-id")[0]
        assert (event.from_status, event.to_status, event.at, event.actor, event.reason, event.inputs) == (
            source, target, now, "user:1", "because", {"a": 1},
        )  # fmt: skip


def test_move_of_a_row_that_has_moved_on_raises(order: Order) -> None:
    stale = Order.objects.get(pk=order.pk)
    move(order, Status.CANCELLED, at=clock.now(), actor="test", reason="")
    with pytest.raises(Conflict, match="no longer pending"):
        move(stale, Status.SUBMITTING, at=clock.now(), actor="test", reason="")


def test_finished_order_reserves_nothing(order: Order) -> None:
    assert order.reserved_aud > 0
    move(order, Status.CANCELLED, at=clock.now(), actor="test", reason="")
    order.refresh_from_db()
    assert (order.reserved_aud, order.next_at) == (0, None)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE trading_event SET reason = 'x'", "DELETE FROM trading_event", "DELETE FROM trading_order",
     "UPDATE trading_movement SET amount_aud = 1", "DELETE FROM trading_movement"],
)  # fmt: skip
def test_database_refuses_to_rewrite_history(order: Order, statement: str) -> None:
    with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
