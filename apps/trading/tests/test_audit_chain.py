"""`verify_audit` names the row that was tampered with."""

import hashlib
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Chain, Event
from apps.trading.models.event import TEXT
from apps.trading.services.audit import verify_chains
from apps.trading.tests.factories import make_account, trade
from ohmycoins.core import clock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account() -> Account:
    """An account with two orders' events."""
    make_price()
    account = make_account()
    trade(account, quantity="0.1")
    trade(account, quantity="0.2")
    return account


@contextmanager
def without_triggers(*tables: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        for table in tables or ("trading_event",):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        try:
            yield
        finally:
            for table in tables or ("trading_event",):
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def run(statement: str, *values: object) -> None:
    with without_triggers(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def verify(account: Account | None = None) -> str:
    out = StringIO()
    call_command("verify_audit", *(["--account", str(account.pk)] if account else []), stdout=out)
    return out.getvalue()


def fault_of(account: Account) -> str:
    with pytest.raises(CommandError, match="1 chain broken"):
        verify()
    (found,) = [found for found in verify_chains() if found.fault]
    assert found.chain == account.pk
    return found.fault


def events(account: Account) -> list[Event]:
    return list(account.events.order_by("seq"))


def test_untouched_trail_is_counted(account: Account) -> None:
    assert [event.seq for event in events(account)] == [1, 2, 3, 4, 5, 6]
    Event.objects.create(type="stop.halted", at=clock.now(), actor="user:1", reason="ünïcode “quotes” \t 💥")
    assert "7 events in 2 chains: nothing was tampered with" in verify()
    head = Chain.objects.get(pk=account.pk)
    assert f"account {account.pk}: 6 events, head {head.digest}" in verify(account)


@pytest.mark.parametrize(
    ("column", "value"),
    [("reason", "another"), ("actor", "user:0"), ("inputs", '{"nonce": 1}'), ("at", "2020-01-01T00:00:00Z"),
     ("to_status", "filled"), ("type", "order.made2"), ("order_id", None), ("digest", "0" * 64)],
)  # fmt: skip
def test_edited_event_is_named(account: Account, column: str, value: str | None) -> None:
    victim = events(account)[1]
    run(f"UPDATE trading_event SET {column} = %s WHERE id = %s", value, victim.pk)
    assert f"event {victim.pk} (seq 2) is not what was recorded after seq 1" in fault_of(account)


def test_edited_event_with_a_new_digest_is_named_by_the_next(account: Account) -> None:
    first, victim, following, *_ = events(account)
    run("UPDATE trading_event SET reason = 'x' WHERE id = %s", victim.pk)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {TEXT.format('e')} FROM trading_event e WHERE id = %s", [victim.pk])
        digest = hashlib.sha256((first.digest + cursor.fetchone()[0]).encode()).hexdigest()
    run("UPDATE trading_event SET digest = %s WHERE id = %s", digest, victim.pk)
    assert f"event {following.pk} (seq 3) is not what was recorded after seq 2" in fault_of(account)


def test_deleted_event_in_the_middle_is_named(account: Account) -> None:
    run("DELETE FROM trading_event WHERE id = %s", events(account)[2].pk)
    assert "seq 3 was deleted" in fault_of(account)


def test_deleted_events_at_the_beginning_are_named(account: Account) -> None:
    run("DELETE FROM trading_event WHERE account_id = %s AND seq < 3", account.pk)
    assert "seq 1 to 2 was deleted" in fault_of(account)


def test_deleted_last_event_is_named(account: Account) -> None:
    run("DELETE FROM trading_event WHERE id = %s", events(account)[-1].pk)
    assert "seq 6 was deleted: the chain's head is beyond its last event" in fault_of(account)


def test_trail_that_was_deleted_as_a_whole_is_named(account: Account) -> None:
    run("DELETE FROM trading_event WHERE account_id = %s", account.pk)
    assert "seq 1 to 6 was deleted" in fault_of(account)


def test_deleted_event_whose_followers_were_renumbered_is_named(account: Account) -> None:
    _, victim, following, *_ = events(account)
    run("DELETE FROM trading_event WHERE id = %s", victim.pk)
    for seq in range(3, 7):
        run("UPDATE trading_event SET seq = %s WHERE account_id = %s AND seq = %s", seq - 1, account.pk, seq)
    assert f"event {following.pk} (seq 2) is not what was recorded" in fault_of(account)


def test_swapped_events_are_named(account: Account) -> None:
    _, second, third, *_ = events(account)
    run("UPDATE trading_event SET seq = 99 WHERE id = %s", second.pk)
    run("UPDATE trading_event SET seq = 2 WHERE id = %s", third.pk)
    run("UPDATE trading_event SET seq = 3 WHERE id = %s", second.pk)
    assert f"event {third.pk} (seq 2) is not what was recorded after seq 1" in fault_of(account)


def test_event_put_in_between_is_named(account: Account) -> None:
    for seq in range(6, 2, -1):
        run("UPDATE trading_event SET seq = %s WHERE account_id = %s AND seq = %s", seq + 1, account.pk, seq)
    with without_triggers():
        forged = Event.objects.create(
            account=account, type="order.moved", at=clock.now(), actor="x", reason="forged", seq=3
        )
    assert f"event {forged.pk} (seq 3) is not what was recorded after seq 2" in fault_of(account)


def test_event_appended_behind_the_head_is_named(account: Account) -> None:
    last = events(account)[-1]
    with without_triggers():
        forged = Event.objects.create(
            account=account, type="order.moved", at=clock.now(), actor="x", reason="forged", seq=7
        )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {TEXT.format('e')} FROM trading_event e WHERE id = %s", [forged.pk])
        digest = hashlib.sha256((last.digest + cursor.fetchone()[0]).encode()).hexdigest()
    run("UPDATE trading_event SET digest = %s WHERE id = %s", digest, forged.pk)
    assert "seq 7 was put in behind the chain's head" in fault_of(account)


@pytest.mark.parametrize(
    ("change", "fault"),
    [("DELETE FROM trading_chain WHERE id = %s", "its head was deleted"),
     ("UPDATE trading_chain SET digest = 'x' WHERE id = %s", "its head was edited"),
     ("UPDATE trading_chain SET seq = 9 WHERE id = %s", "seq 7 to 9 was deleted")],
)  # fmt: skip
def test_tampered_head_is_named(account: Account, change: str, fault: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(change, [account.pk])
    assert fault in fault_of(account)


def test_event_of_no_account_is_verified_too() -> None:
    event = Event.objects.create(type="stop.halted", at=clock.now(), actor="user:1", reason="a")
    run("UPDATE trading_event SET reason = 'b' WHERE id = %s", event.pk)
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("verify_audit", stdout=out)
    assert f"events of no account: event {event.pk} (seq 1)" in out.getvalue()


def test_long_chain_streams_in_bounded_memory(account: Account) -> None:
    row = {
        "type": "order.moved",
        "at": clock.now(),
        "actor": "x",
        "reason": "x",
        "inputs": {"text": "x" * 5000},
    }
    Event.objects.bulk_create([Event(account=account, **row) for _ in range(4000)], batch_size=500)
    tracemalloc.start()
    (found,) = verify_chains(account.pk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.events, found.fault) == (4006, "")
    assert peak < 12_000_000, "the rows are 20 MB"
