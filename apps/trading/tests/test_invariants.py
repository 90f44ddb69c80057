"""The protocol's invariants: true of honest histories, and each named when somebody's hand breaks it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test import override_settings

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Movement, Order
from apps.trading.services.cancel import cancel_order
from apps.trading.services.invariants import ALWAYS, IN_TIME, Breach, check_invariants
from apps.trading.services.live import work
from apps.trading.states import Status
from apps.trading.tests.factories import make_account, place, trade
from apps.trading.tests.live import BALANCES, KEY, KEYS, live_account
from apps.trading.tests.wire import Wire
from conftest import NOON
from ohmycoins.core import clock as system_clock
from ohmycoins.sandbox.venue.prices import MovableMarket
from ohmycoins.sandbox.venue.venue import Venue

LIVE = "account_id = (SELECT id FROM trading_account WHERE mode = 'live')"
PAPER = "account_id = (SELECT id FROM trading_account WHERE mode = 'paper')"


@dataclass(frozen=True)
class Past:
    account: Account
    """The live one."""
    venue: Venue
    clock: Any


@pytest.fixture(scope="module")
def past(django_db_setup: None, django_db_blocker: Any) -> Iterator[Past]:
    """Give a live account after a bit of everything, beside a paper account that traded, too; made once."""
    with (
        django_db_blocker.unblock(), transaction.atomic(), time_machine.travel(NOON, tick=False) as clock,
        override_settings(TRADING_MODE="live"),
    ):  # fmt: skip
        venue = Venue(MovableMarket(1))
        venue.set_prices({"BTC": {"bid": 100_000, "ask": 100_200}})
        venue.open_account(
            key=KEY, secret=KEYS["api_secret"], read_only_key=KEYS["read_only_key"],
            read_only_secret=KEYS["read_only_secret"], balances=BALANCES,
        )  # fmt: skip
        undo = Wire(venue).patched()
        yield Past(lived(venue, clock), venue, clock)
        undo()
        transaction.set_rollback(True)


@pytest.fixture
def history(past: Past) -> Iterator[Past]:
    """Give the past as it was, whatever tests make of it."""
    with transaction.atomic():
        yield past
        transaction.set_rollback(True)


def lived(venue: Venue, clock: Any) -> Account:
    account, paper = live_account(), make_account()
    trade(paper, quantity="0.1")
    trade(paper, "sell", quantity="0.05")
    trade(paper, quantity="1000")  # denied
    resting = [trade(paper, quantity="0.1", price="90000") for _ in range(2)]
    cancel_order(resting[0].pk, actor="user:1")
    venue.transfer(KEY, "deposit", D(500))
    venue.transfer(KEY, "send", D("0.1"), coin="BTC")
    venue.place(KEY, side="buy", coin="BTC", amount=D("0.3"), rate=D(101_000))
    for faults, price in (
        (["accept_drop"], None), (["drop_before"], None), ([], None), ([], "90000"), ([], "91000"),
    ):  # fmt: skip
        venue.script(KEY, faults, ends="/my/buy")
        order = place(account, quantity="0.1", **({"price": price} if price else {}))
        settle(account, clock)
    cancel_order(order.pk, actor="user:1")
    settle(account, clock)
    orders = Order.objects.filter(account=account).order_by("id")
    states = list(orders.filter(origin="ours").values_list("status", flat=True))
    assert states == ["filled", "not_placed", "filled", "open", "cancelled"]
    assert orders.filter(origin="external", status="filled").exists()
    return account


def settle(account: Account, clock: Any) -> None:
    for _ in range(11):
        clock.shift(31)
        make_price(bid=100_000, ask=100_200)
        work(account.pk)


def break_with(*statements: str) -> set[str]:
    """Execute what no trigger or constraint of ours would let pass, and name the breaches."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
            assert cursor.rowcount != 0, f"nothing changed: {statement}"
        cursor.execute("SET LOCAL session_replication_role = origin")
    return {breach.name for breach in check_invariants(now=system_clock.now())}


def test_honest_history_on_paper_and_live_breaches_nothing(history: Past) -> None:
    assert check_invariants(now=system_clock.now()) == []


@pytest.mark.parametrize(
    ("names", "statements"),
    [
        ("holdings", [f"UPDATE trading_holding SET quantity = quantity + 0.00000001 WHERE {LIVE}"]),
        ("holdings", [f"UPDATE trading_movement SET quantity = quantity - 1 WHERE {LIVE} AND coin_type = 'BTC' AND kind = 'send'"]),
        ("cash", ["UPDATE trading_account SET cash_aud = cash_aud - 0.00000001 WHERE mode = 'live'"]),
        ("cash", [f"UPDATE trading_movement SET amount_aud = amount_aud + 1 WHERE {LIVE} AND kind = 'deposit'"]),
        ("order_sums", [f"UPDATE trading_order SET fee_aud = fee_aud + 0.00000001 WHERE {LIVE} AND status = 'filled'"]),
        ("cash order_sums", [f"UPDATE trading_fill SET fee_aud = fee_aud + 0.00000001 WHERE {PAPER}"]),
        ("fill_of_its_order holdings", [f"UPDATE trading_fill SET algorithm_id = 7 WHERE {PAPER}"]),
        ("state_and_amount", [f"UPDATE trading_order SET quantity = quantity + 1 WHERE {LIVE} AND status = 'filled'"]),
        ("terminal_reserves", [f"UPDATE trading_order SET reserved_aud = 0.01 WHERE {PAPER} AND status = 'cancelled'"]),
        ("terminal_reserves", [f"UPDATE trading_order SET reserved_quantity = 1 WHERE {LIVE} AND status = 'not_placed'"]),
        ("reserved", [f"UPDATE trading_order SET reserved_aud = 1000000 WHERE {PAPER} AND status = 'open'"]),
        ("reserves_enough", [f"UPDATE trading_order SET reserved_aud = 0 WHERE {LIVE} AND status = 'open'"]),
        ("order_of_its_event", [f"DELETE FROM trading_order WHERE {LIVE} AND status = 'open'"]),
        ("chain paths", [f"UPDATE trading_event SET from_status = 'unknown' WHERE {PAPER} AND to_status = 'filled'"]),
        ("chain last_event", [f"UPDATE trading_event SET to_status = 'open' WHERE {PAPER} AND to_status = 'filled'"]),
        ("last_event", [f"UPDATE trading_order SET status = 'rejected' WHERE {PAPER} AND status = 'denied'"]),
        ("chain last_event", [f"DELETE FROM trading_event WHERE {PAPER} AND to_status = 'denied'"]),
        ("nonces", ["UPDATE trading_account SET last_nonce = 1 WHERE mode = 'live'"]),
        ("nonces", [f"UPDATE trading_order SET nonce = nonce + 1 WHERE {LIVE} AND status = 'not_placed'"]),
        ("nonces", [f"UPDATE trading_order SET nonce = 5 WHERE {PAPER} AND status = 'denied'"]),
        ("chain nonces nonces_rise", [f"UPDATE trading_event SET inputs = '{{\"nonce\": 5}}' WHERE {LIVE} AND to_status = 'submitting'"]),
        ("chain fill_event", [
            f"UPDATE trading_event SET inputs = '{{}}' WHERE {PAPER} AND inputs ? 'fill_id' AND id IN (SELECT max(id)"
            f" FROM trading_event WHERE {PAPER} AND inputs ? 'fill_id')",
        ]),
        ("chain event_fill", [
            "UPDATE trading_event SET inputs = inputs || '{\"quantity\": \"7\"}' WHERE inputs ? 'fill_id' AND id IN"
            f" (SELECT max(id) FROM trading_event WHERE {PAPER} AND inputs ? 'fill_id')",
        ]),
        ("stopped", [
            "INSERT INTO trading_event (id, account_id, order_id, type, from_status, to_status, at, actor, reason, inputs, seq, digest)"
            " SELECT min(id) - 1000, NULL, NULL, 'stop.halted', 'active', 'halted', now(), 'user:1', '',"
            " '{\"fence\": 1, \"stop\": 1, \"scope\": \"coin:BTC\", \"user\": null}', 999, '' FROM trading_event",
            "UPDATE trading_event SET account_id = NULL, digest = encode(sha256(convert_to('' || jsonb_build_array(1, account_id,"
            " order_id, type, from_status, to_status, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), actor, reason,"
            " inputs)::text, 'UTF8')), 'hex'), seq = 1 WHERE seq = 999",
            "INSERT INTO trading_chain SELECT 0, 1, digest FROM trading_event WHERE account_id IS NULL",
        ]),
        ("largest_order", [
            "INSERT INTO trading_limits (account_id, max_position_percent, max_daily_loss_percent, max_algorithm_percent,"
            " max_order_aud, set_at, set_by) SELECT id, 100, 100, 100, 100, '2020-01-01', '' FROM trading_account WHERE mode = 'paper'",
        ]),
        ("one_order_of_an_id", [
            f"UPDATE trading_order SET venue_order_id = (SELECT ' ' || lower(venue_order_id) FROM trading_order WHERE {LIVE}"
            f" AND venue_order_id IS NOT NULL LIMIT 1) WHERE {PAPER} AND status = 'cancelled'",
            "UPDATE trading_account SET venue = 'CoinSpot' WHERE mode = 'paper'",
        ]),
        ("id_of_its_events one_order_of_an_id", [
            "ALTER TABLE trading_order DROP CONSTRAINT order_venue_id",
            f"UPDATE trading_order SET venue_order_id = 'same' WHERE {LIVE} AND status = 'filled'",
        ]),
        ("chain", [f"UPDATE trading_event SET reason = 'another' WHERE {LIVE} AND to_status = 'unknown'"]),
    ],
)  # fmt: skip
def test_breach_is_named_and_nothing_else(history: Past, names: str, statements: list[str]) -> None:
    assert break_with(*statements) == set(names.split())


@pytest.mark.parametrize(
    ("name", "statements"),
    [
        ("one_unresolved", [
            "DROP INDEX order_one_unresolved",
            f"UPDATE trading_order SET status = 'unknown' WHERE {LIVE} AND status IN ('open', 'filled')",
        ]),
        ("id_of_its_events", [f"UPDATE trading_order SET venue_order_id = 'another' WHERE {LIVE} AND status = 'open'"]),
        ("one_fill_of_a_trade", [
            "INSERT INTO trading_fill (account_id, order_id, algorithm_id, ledger, coin_type, side, kind, quantity, price, value_aud,"
            " fee_aud, executed_at, sequence, venue_fill_id) SELECT account_id, order_id, algorithm_id, ledger, coin_type, side,"
            " kind, quantity, price, value_aud, fee_aud, executed_at, sequence, 'another:1' FROM trading_fill"
            f" WHERE {LIVE} AND order_id IS NOT NULL LIMIT 1",
        ]),
        ("one_id_of_an_order", [
            "UPDATE trading_event SET to_status = 'open', inputs = '{\"candidate\": \"another\"}'"
            f" WHERE {LIVE} AND to_status = 'filled'",
        ]),
        ("submitting_too_long", [
            f"UPDATE trading_order SET status = 'submitting', lease_until = now() - interval '1 year' WHERE {LIVE} AND status = 'open'",
        ]),
        ("submitting_too_long", [
            f"UPDATE trading_order SET status = 'submitting', lease_until = NULL WHERE {LIVE} AND status = 'open'",
        ]),
        ("unknown_too_long", [f"UPDATE trading_order SET status = 'unknown' WHERE {LIVE} AND status = 'open'"]),
    ],
)  # fmt: skip
def test_breach_that_brings_others_is_named(history: Past, name: str, statements: list[str]) -> None:
    assert name in break_with(*statements)


def test_every_invariant_is_broken_by_a_test_above() -> None:
    marks = [
        mark
        for test in (test_breach_is_named_and_nothing_else, test_breach_that_brings_others_is_named)
        for mark in test.pytestmark  # type: ignore[attr-defined]
    ]
    broken = {name for mark in marks for names, _ in mark.args[1] for name in names.split()}
    assert broken == {invariant.name for invariant in (*ALWAYS, *IN_TIME)} | {"chain"}


def test_breach_says_where_and_what(history: Past) -> None:
    order = Order.objects.get(account=history.account, status=Status.NOT_PLACED)
    break_with(f"UPDATE trading_order SET reserved_aud = 7 WHERE id = {order.pk}")
    assert check_invariants([history.account.pk]) == [
        Breach(
            "terminal_reserves",
            history.account.pk,
            order.pk,
            "it is not_placed and still reserves A$7 and 0 BTC",
        )
    ]
    assert check_invariants([history.account.pk + 1]) == []


def test_lost_order_is_no_breach_while_it_may_still_be_asked_for(
    history: Past,
) -> None:
    history.venue.script(KEY, ["accept_drop", *["drop_before"] * 50])
    order = place(history.account, quantity="0.1")
    work(history.account.pk)
    order.refresh_from_db()
    assert order.status == Status.UNKNOWN
    assert check_invariants(now=system_clock.now() + timedelta(seconds=120)) == []
    late = system_clock.now() + timedelta(seconds=121)
    assert [breach.name for breach in check_invariants(now=late)] == ["unknown_too_long"]
    assert check_invariants() == [], "how long it takes is only asked for with the time"


def test_cash_taken_out_beside_a_resting_order_is_a_fact_and_no_breach(history: Past) -> None:
    paper = Account.objects.get(mode="paper")
    Movement.objects.create(
        account=paper, kind="withdrawal", amount_aud=-paper.cash_aud, occurred_at=system_clock.now()
    )
    Account.objects.filter(pk=paper.pk).update(cash_aud=0)
    assert check_invariants([paper.pk]) == []
