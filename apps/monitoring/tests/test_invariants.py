"""Whatever a hand in the database breaks is found, named with its rows, alerted, and brakes its account once."""

import json
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection

from apps.ledgers.tests.factories import make_price
from apps.monitoring.models import Alert, Incident, Summing, Tally, Walk
from apps.monitoring.services import summing, walking, watch
from apps.monitoring.services.invariants import _overdue, look
from apps.monitoring.services.walking import WAYS, Budget
from apps.pnl.models import Lot
from apps.trading.models import Account, Event, Fill, Order
from apps.trading.records import Execution
from apps.trading.services.execute import drain_account
from apps.trading.services.fills import record_execution
from apps.trading.services.status import restore_account
from apps.trading.tests.factories import make_account, place, trade
from apps.trading.transitions import move
from ohmycoins.core import clock as system_clock

pytestmark = pytest.mark.django_db
REDUCE_ONLY = Account.Status.REDUCE_ONLY
FILL_EVENTS = "SELECT id FROM trading_event WHERE order_id = {order} AND inputs ? 'fill_id' ORDER BY id"


def by_hand(*statements: str) -> None:
    """Execute what no trigger of ours would let pass."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
            assert cursor.rowcount != 0, f"nothing changed: {statement}"
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.fixture
def order(clock: Any) -> Order:
    """Give an order of which two parts were filled, in an account that also sold, beside another account."""
    make_price(bid=100, ask=100)
    account = make_account()
    trade(account, quantity="3")
    trade(account, "sell", quantity="2")
    trade(make_account(), quantity="1")
    order = place(account, quantity="1", price="90")
    drain_account(account.pk)
    order.refresh_from_db()
    order.account = account
    for number in (1, 2):
        account.refresh_from_db()
        record_execution(
            order, Execution(quantity=D("0.25"), price=D(90)), fee_rate=D("0.001"),
            executed_at=system_clock.now(), number=number, actor="tests",
        )  # fmt: skip
        order.refresh_from_db()
        order.account = account
    assert order.status == "partially_filled"
    assert look(system_clock.now()) == []
    return order


PLANTED = {
    "corrupted open lot": ("pnl.lots", [
        "UPDATE pnl_lot SET remaining_cost = remaining_cost - 0.00000001 WHERE account_id = {account} AND remaining_quantity = 1",
    ]),
    "corrupted lot whose position agrees": ("pnl.lot_of_its_source", [
        "UPDATE pnl_lot SET cost = cost + 1, remaining_cost = remaining_cost + 1 WHERE account_id = {account} AND remaining_quantity = 1",
        "UPDATE pnl_position SET cost = cost + 1 WHERE account_id = {account}",
    ]),
    "lot of more coins than were bought": ("pnl.held", [
        "UPDATE pnl_lot SET quantity = quantity + 1, remaining_quantity = remaining_quantity + 1 WHERE account_id = {account}"
        " AND remaining_quantity = 1",
    ]),
    "deleted lot": ("pnl.booked", ["DELETE FROM pnl_lot WHERE account_id = {account} AND remaining_quantity = 0.25"]),
    "deleted first fill event of a partly filled order": ("chain", [
        "DELETE FROM trading_event WHERE id = (" + FILL_EVENTS + " LIMIT 1)",
    ]),
    "deleted last fill event": ("chain", [
        "DELETE FROM trading_event WHERE id = (" + FILL_EVENTS + " OFFSET 1)",
    ]),
    "deleted last fill event, and the head put back": ("fill_event", [
        "DELETE FROM trading_event WHERE id = (" + FILL_EVENTS + " OFFSET 1)",
        "UPDATE trading_chain c SET (seq, digest) = (SELECT seq, digest FROM trading_event WHERE account_id = c.id"
        " ORDER BY seq DESC LIMIT 1) WHERE id = {account}",
    ]),
    "deleted head of the chain": ("chain", ["DELETE FROM trading_chain WHERE id = {account}"]),
    "edited head of the chain": ("chain", ["UPDATE trading_chain SET seq = seq - 1 WHERE id = {account}"]),
    "event of a fill that is not there": ("event_fill", [
        "DELETE FROM trading_fill WHERE id = (SELECT max(id) FROM trading_fill WHERE account_id = {account})",
    ]),
    "venue order twice, spelled otherwise, in two accounts": ("one_order_of_an_id", [
        "UPDATE trading_order SET venue_order_id = 'Abc-1' WHERE id = {order}",
        "UPDATE trading_order SET venue_order_id = ' abc-1' WHERE id = (SELECT max(id) FROM trading_order WHERE account_id <> {account})",
        "UPDATE trading_account SET venue = 'Paper' WHERE id = {account}",
    ]),
    "deleted open order": ("order_of_its_event", ["DELETE FROM trading_order WHERE id = {order}"]),
    "order given to another account": ("order_of_its_event", [
        "UPDATE trading_order SET account_id = (SELECT max(id) FROM trading_account) WHERE id = {order}",
    ]),
    "deleted order without its trail": ("fill_of_its_order", [
        "DELETE FROM trading_event WHERE order_id = {order}", "DELETE FROM trading_order WHERE id = {order}",
    ]),
    "open order that reserves nothing": ("reserves_enough", ["UPDATE trading_order SET reserved_aud = 0 WHERE id = {order}"]),
    "open order of more coins than it reserved for": ("reserves_enough", [
        "UPDATE trading_order SET quantity = quantity + 1 WHERE id = {order}",
    ]),
    "open order without a price": ("reserves_enough", ["UPDATE trading_order SET limit_price = NULL WHERE id = {order}"]),
    "match whose coins are as old as it takes": ("pnl.match_of_its_lot", [
        "UPDATE pnl_match SET acquired_at = acquired_at - interval '1 year' WHERE account_id = {account}",
    ]),
    "match that another ledger earned": ("pnl.match_of_its_lot", ["UPDATE pnl_match SET ledger = 'human' WHERE account_id = {account}"]),
    "closing that another ledger asked for": ("pnl.closing_of_its_source", [
        "UPDATE pnl_closing SET ledger = 'glass' WHERE account_id = {account}",
    ]),
    "order whose events name another id": ("id_of_its_events", [
        "UPDATE trading_event SET inputs = '{{\"venue_order_id\": \"5\"}}' WHERE order_id = {order} AND to_status = 'open'",
    ]),
    "doubled fill": ("cash", [
        "INSERT INTO trading_fill (account_id, order_id, algorithm_id, ledger, coin_type, side, kind, quantity, price, value_aud,"
        " fee_aud, executed_at, sequence, venue_fill_id) SELECT account_id, order_id, algorithm_id, ledger, coin_type, side, kind,"
        " quantity, price, value_aud, fee_aud, executed_at, sequence, 'another' FROM trading_fill WHERE order_id = {order} LIMIT 1",
    ]),
    "doubled fill that everything else was made to agree with": ("fill_event", [
        "INSERT INTO trading_fill (account_id, order_id, algorithm_id, ledger, coin_type, side, kind, quantity, price, value_aud,"
        " fee_aud, executed_at, sequence, venue_fill_id) SELECT account_id, order_id, algorithm_id, ledger, coin_type, side, kind,"
        " quantity, price, value_aud, fee_aud, executed_at, sequence, 'another' FROM trading_fill WHERE order_id = {order} LIMIT 1",
        "UPDATE trading_account SET cash_aud = cash_aud - 22.5225 WHERE id = {account}",
        "UPDATE trading_holding SET quantity = quantity + 0.25 WHERE account_id = {account}",
        "UPDATE trading_order SET filled_quantity = filled_quantity + 0.25, fee_aud = fee_aud + 0.0225 WHERE id = {order}",
    ]),
    "nonce that is no number": ("nonces", [
        "UPDATE trading_event SET inputs = '{{\"nonce\": \"x\"}}' WHERE order_id = {order} AND to_status = 'submitting'",
    ]),
    "day without its total": ("pnl.days", ["DELETE FROM pnl_dailytotal WHERE account_id = {account}"]),
    "movement made larger": ("cash", ["UPDATE trading_movement SET amount_aud = amount_aud + 1 WHERE account_id = {account}"]),
}  # fmt: skip


UNWORDED = {
    "instant without an end": ("order_sums", ["UPDATE trading_order SET filled_at = 'infinity', filled_quantity = 0.3 WHERE id = {order}"]),
    "event in no year": ("chain", ["UPDATE trading_event SET at = 'infinity' WHERE order_id = {order} AND to_status = 'open'"]),
    "fill in the year 20000": ("pnl.lot_of_its_source", ["UPDATE trading_fill SET executed_at = '20000-01-01' WHERE order_id = {order}"]),
    "lot of no year": ("pnl.lot_of_its_source", ["UPDATE pnl_lot SET acquired_at = '-infinity' WHERE account_id = {account}"]),
    "day without an end": ("pnl.days", ["UPDATE pnl_dailytotal SET day = 'infinity' WHERE account_id = {account}"]),
    "day before all days": ("pnl.days", ["UPDATE pnl_dailyresult SET day = '-infinity' WHERE account_id = {account}"]),
    "day in the year 9999": ("pnl.days", ["UPDATE pnl_dailytotal SET day = '9999-12-31' WHERE account_id = {account}"]),
}  # fmt: skip


@pytest.mark.parametrize("is_new", [False, True], ids=["known", "new"])
@pytest.mark.parametrize("name", UNWORDED)
def test_what_python_has_no_word_for_hides_no_incident(order: Order, name: str, is_new: bool) -> None:
    invariant, statements = UNWORDED[name]
    if is_new:
        Walk.objects.update(newest=0)
    by_hand(*(statement.format(order=order.pk, account=order.account_id) for statement in statements))
    assert watch.watch().failed == {}
    assert Incident.objects.standing().filter(name=invariant, account_id=order.account_id).exists()
    assert Account.objects.get(pk=order.account_id).status == REDUCE_ONLY
    assert Walk.objects.filter(name__in=WAYS, completed_at=system_clock.now()).count() == len(WAYS)


def test_time_zone_that_is_none_is_told_and_ends_no_round(order: Order) -> None:
    Walk.objects.update(newest=0)
    by_hand(f"UPDATE trading_account SET timezone = 'Nowhere' WHERE id = {order.account_id}")
    by_hand(f"UPDATE trading_account SET cash_aud = cash_aud - 1 WHERE id = {order.account_id}")
    look(system_clock.now())
    broken = set(Incident.objects.standing().values_list("name", "subject"))
    assert broken == {("look_ahead", "fill"), ("pnl.realized", "unreadable"), ("cash", ""), ("pnl.money", "")}
    by_hand(f"UPDATE trading_account SET timezone = 'UTC' WHERE id = {order.account_id}")
    look(system_clock.now() + timedelta(minutes=1))
    assert set(Incident.objects.standing().values_list("name", flat=True)) == {"cash", "pnl.money"}


def test_what_could_not_be_read_stands_until_a_pass_that_began_after_it(
    order: Order, settings: Any, clock: Any
) -> None:
    by_hand(
        f"UPDATE trading_event SET inputs = '{{\"nonce\": \"x\"}}' WHERE order_id = {order.pk} AND to_status = 'submitting'"
    )
    look(system_clock.now())
    incident = Incident.objects.standing().get(name="nonces", subject="unreadable")
    settings.OMC_INVARIANTS_SECONDS = 0
    for began in (system_clock.now() - timedelta(minutes=1), None):
        Walk.objects.filter(name="order").update(cursor=[order.pk], begun_at=began, completed_at=None)
        clock.shift(60)
        look(system_clock.now())
        assert Walk.objects.get(name="order").completed_at == system_clock.now()
        incident.refresh_from_db()
        assert (incident.resolved_at is None) == (began is not None)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_corruption_is_found_named_alerted_and_braked(order: Order, name: str) -> None:
    invariant, statements = PLANTED[name]
    account = order.account_id
    by_hand(*(statement.format(order=order.pk, account=account) for statement in statements))
    assert watch.watch().failed == {}
    incidents = Incident.objects.standing().filter(account_id=account)
    if name == "nonce that is no number":
        assert Incident.objects.standing().filter(name=invariant, subject="unreadable").exists()
    else:
        assert invariant in {row.name for row in incidents}
    alerts = Alert.objects.standing().filter(type="invariant", severity="high")
    assert set(alerts.values_list("key", flat=True)) == {
        f"incident:{row.pk}" for row in Incident.objects.standing()
    }
    assert Account.objects.get(pk=account).status == REDUCE_ONLY
    assert not incidents.filter(braked_at=None).exists()
    if "two accounts" not in name:
        assert not Account.objects.exclude(pk=account).filter(status=REDUCE_ONLY).exists()


def test_incident_holds_the_rows_as_they_were_and_no_secret(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(body="signed bytes", request_digest="d" * 64)
    by_hand(f"UPDATE trading_order SET filled_quantity = 0.75 WHERE id = {order.pk}")
    look(system_clock.now())
    incident = Incident.objects.get(name="order_sums")
    assert incident.what == "it says that 0.75 were filled for a fee of A$0.045, its fills 0.5 for A$0.045"
    by_hand(f"UPDATE trading_order SET filled_quantity = 0.5 WHERE id = {order.pk}")
    assert incident.evidence["orders"][0]["filled_quantity"] == "0.75"
    assert [row["quantity"] for row in incident.evidence["fills"]] == ["0.25", "0.25"]
    assert {row["order_id"] for row in incident.evidence["events"]} == {order.pk}
    assert incident.evidence["account"][0]["id"] == order.account_id
    assert "signed bytes" not in json.dumps(incident.evidence)
    assert "request_digest" not in incident.evidence["orders"][0]


def test_person_who_restored_the_account_is_not_overruled_by_the_same_incident(
    order: Order, clock: Any
) -> None:
    by_hand(f"UPDATE trading_account SET cash_aud = cash_aud - 1 WHERE id = {order.account_id}")
    look(system_clock.now())
    restore_account(order.account_id, actor="user:1", reason="known")
    clock.shift(300)
    make_price(bid=100, ask=100)
    trade(order.account, quantity="1")
    look(system_clock.now())
    assert Account.objects.get(pk=order.account_id).status == Account.Status.ACTIVE
    cash = Incident.objects.get(name="cash")
    assert cash.resolved_at is None
    assert cash.seen_at == system_clock.now(), "the figures changed, the incident is the same"
    by_hand(f"UPDATE trading_holding SET quantity = quantity + 1 WHERE account_id = {order.account_id}")
    look(system_clock.now())
    assert Account.objects.get(pk=order.account_id).status == REDUCE_ONLY, "another incident"


def test_look_that_began_before_it_was_mended_opens_and_brakes_nothing_again(
    order: Order, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two looks at once: the second began later, and ended before the first has kept what it found."""
    account, walk_on = order.account_id, walking.walk_on
    by_hand(f"UPDATE pnl_dailytotal SET fees = fees + 1 WHERE account_id = {account}")
    watch.check_invariants()

    def meanwhile(*given: Any) -> Any:
        walked = walk_on(*given)
        monkeypatch.setattr(walking, "walk_on", walk_on)
        by_hand(f"UPDATE pnl_dailytotal SET fees = fees - 1 WHERE account_id = {account}")
        restore_account(account, actor="user:1", reason="mended")
        clock.shift(1)
        watch.check_invariants()
        return walked

    clock.shift(60)
    monkeypatch.setattr(walking, "walk_on", meanwhile)
    watch.check_invariants()
    assert not Incident.objects.standing().exists()
    assert Alert.objects.filter(type="invariant").count() == 1
    assert Account.objects.get(pk=account).status == Account.Status.ACTIVE


def test_inactive_account_is_braked_when_it_may_trade(order: Order, clock: Any) -> None:
    accounts = Account.objects.filter(pk=order.account_id)
    accounts.update(status="inactive")
    by_hand(f"UPDATE trading_account SET cash_aud = cash_aud - 1 WHERE id = {order.account_id}")
    look(system_clock.now())
    assert accounts.get().status == "inactive"
    assert Incident.objects.get(name="cash").braked_at is None
    accounts.update(status="active")
    look(system_clock.now())
    assert accounts.get().status == REDUCE_ONLY


def test_account_whose_chain_takes_no_more_is_braked_beside_it(order: Order) -> None:
    by_hand(f"DELETE FROM trading_chain WHERE id = {order.account_id}")
    look(system_clock.now())
    event = Event.objects.get(account=None, type="account.moved")
    assert event.inputs["account"] == order.account_id
    assert event.actor == "monitoring"
    assert Account.objects.get(pk=order.account_id).status == REDUCE_ONLY


def test_trail_rewritten_to_its_end_is_found_by_the_head_that_was_kept(order: Order) -> None:
    by_hand(
        f"DELETE FROM trading_event WHERE account_id = {order.account_id} AND type = 'order.made' AND to_status = 'x' OR id ="
        f" (SELECT max(id) FROM trading_event WHERE account_id = {order.account_id})",
        "UPDATE trading_chain c SET (seq, digest) = (SELECT seq, digest FROM trading_event WHERE account_id = c.id"
        f" ORDER BY seq DESC LIMIT 1) WHERE id = {order.account_id}",
    )
    look(system_clock.now())
    kept = Incident.objects.get(name="chain", subject="kept")
    assert "the trail was rewritten" in kept.what
    assert kept.evidence["mark"][0]["chain"] == order.account_id


def test_breach_of_no_account_alerts_and_brakes_nobody(order: Order) -> None:
    Event.objects.create(type="stop.cleared", at=system_clock.now(), actor="user:1", reason="x")
    look(system_clock.now())
    by_hand("UPDATE trading_event SET reason = 'y' WHERE account_id IS NULL")
    (finding,) = look(system_clock.now())
    assert finding.account_id is None
    assert not Account.objects.filter(status=REDUCE_ONLY).exists()


def test_without_time_a_round_does_one_slice_and_the_longest_unchecked_comes_first(
    order: Order, settings: Any, clock: Any
) -> None:
    settings.OMC_INVARIANTS_SECONDS = 0
    Walk.objects.update(completed_at=system_clock.now())
    Walk.objects.filter(name="lot").update(completed_at=system_clock.now() - timedelta(hours=1))
    by_hand("UPDATE pnl_lot SET remaining_cost = remaining_cost - 1 WHERE remaining_quantity = 0.25")
    Walk.objects.filter(name="coin").update(completed_at=system_clock.now() - timedelta(minutes=30))
    clock.shift(300)
    look(system_clock.now())
    walked = [row.name for row in Walk.objects.order_by("name") if row.completed_at == system_clock.now()]
    assert walked == ["lot"]
    assert "pnl.positions" not in set(Incident.objects.values_list("name", flat=True))
    clock.shift(300)
    look(system_clock.now())
    assert "pnl.positions" in set(Incident.objects.values_list("name", flat=True))


def test_incident_stands_until_it_is_looked_at_and_whole(order: Order, settings: Any, clock: Any) -> None:
    by_hand(f"UPDATE pnl_dailytotal SET fees = fees + 1 WHERE account_id = {order.account_id}")
    look(system_clock.now())
    assert Incident.objects.get(name="pnl.days").resolved_at is None
    settings.OMC_INVARIANTS_SECONDS = 0
    clock.shift(300)
    look(system_clock.now())
    assert Incident.objects.get(name="pnl.days").seen_at == system_clock.now(), (
        "it is looked at in every round"
    )
    by_hand(f"UPDATE pnl_dailytotal SET fees = fees - 1 WHERE account_id = {order.account_id}")
    look(system_clock.now())
    assert Incident.objects.get(name="pnl.days").resolved_at == system_clock.now()


def test_what_is_new_is_looked_at_before_its_turn(order: Order, clock: Any) -> None:
    trade(order.account, quantity="1")
    newest = Fill.objects.latest("id")
    by_hand(f"DELETE FROM pnl_lot WHERE fill_id = {newest.pk}")
    found = walking.look_ahead(system_clock.now(), Budget(10))
    assert "pnl.booked" in {breach.name for breach in found}
    assert walking.look_ahead(system_clock.now(), Budget(10)) == [], "once"


def test_order_put_in_without_an_event_is_looked_at_before_its_turn(order: Order) -> None:
    by_hand(
        "INSERT INTO trading_order SELECT (twin).* FROM (SELECT jsonb_populate_record(o, jsonb_build_object('id', 10 * id,"
        f" 'venue_order_id', 'X')) AS twin FROM trading_order o WHERE id = {order.pk}) AS made"
    )
    found = walking.look_ahead(system_clock.now(), Budget(10))
    assert {("last_event", order.pk * 10), ("order_sums", order.pk * 10)} <= {
        (breach.name, breach.order_id) for breach in found
    }


def test_sums_are_kept_of_old_fills_and_a_later_pass_finds_one_that_was_edited(
    order: Order, clock: Any
) -> None:
    done = Summing.objects.get()
    assert done.through_id == Fill.objects.latest("id").pk
    tally = Tally.objects.get(account_id=order.account_id)
    assert (tally.quantity, tally.cash_aud) == (D("1.5"), D("-145.545"))
    trade(order.account, quantity="1")
    assert summing.find_lost(system_clock.now()) == [], "the sums and what came since"
    oldest = Fill.objects.filter(account_id=order.account_id).earliest("id")
    by_hand(f"UPDATE trading_fill SET fee_aud = fee_aud + 1 WHERE id = {oldest.pk}")
    assert summing.find_lost(system_clock.now()) == [], "it is behind what was added up"
    look(system_clock.now())
    assert "cash" in set(Incident.objects.standing().values_list("name", flat=True))


def test_fills_that_others_may_still_write_are_not_added_up(order: Order) -> None:
    Summing.objects.update(settled_id=0, pending_transaction=2**62, pending_id=5)
    summing.settle()
    assert Summing.objects.get().settled_id == Fill.objects.latest("id").pk, "a number never given is dropped"
    Summing.objects.update(settled_id=3)
    summing.begin()
    summing.add(after=0, to=10**9)
    assert Summing.objects.get().until_id == 3


def test_walk_that_takes_more_than_a_day_is_told(order: Order, clock: Any) -> None:
    Walk.objects.filter(name="order").update(completed_at=system_clock.now() - timedelta(hours=24))
    assert _overdue(system_clock.now()) == []
    clock.shift(1)
    (finding,) = _overdue(system_clock.now())
    assert (finding.key, finding.severity) == ("walk:order", "medium")


def test_slices_find_what_all_at_once_finds(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, way in WAYS.items():
        monkeypatch.setitem(WAYS, name, walking.Way(1, way.start, way.keys))  # type: ignore[arg-type]
    look(system_clock.now())
    assert not Incident.objects.exists()
    assert Walk.objects.get(name="fill").looked_last == Fill.objects.count()
    by_hand("UPDATE pnl_lot SET remaining_cost = remaining_cost - 1 WHERE remaining_cost > 1")
    look(system_clock.now())
    broken = Incident.objects.standing().filter(name="pnl.lots")
    lots = Lot.objects.filter(remaining_cost__gt=0).values_list("pk", flat=True)
    assert {row.subject for row in broken} == {f"lot:{pk}" for pk in lots}
    assert len(lots) == 4


def test_no_more_incidents_of_one_invariant_stand_than_tell_something(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.monitoring.services.invariants.MOST_OF_ONE", 1)
    by_hand("UPDATE pnl_lot SET remaining_cost = remaining_cost - 1 WHERE remaining_cost > 1")
    look(system_clock.now())
    assert Incident.objects.filter(name="pnl.lots", account_id=order.account_id).count() == 1


def test_what_only_takes_too_long_alerts_and_brakes_nobody(clock: Any) -> None:
    make_price()
    account = make_account()
    order = place(account, quantity="0.1")
    move(
        order,
        "submitting",
        at=system_clock.now(),
        actor="executor",
        reason="claimed",
        lease_until=system_clock.now(),
    )
    clock.shift(60)
    assert look(system_clock.now()) == []
    clock.shift(1)
    (finding,) = look(system_clock.now())
    assert finding.evidence["invariant"] == "submitting_too_long"
    account.refresh_from_db()
    assert account.status == "active"
