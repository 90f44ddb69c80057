"""Health, part by part, and the guard on beat."""

import socket
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError
from django.test import Client
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from apps.monitoring import probes
from apps.monitoring.beat import GuardedScheduler
from apps.monitoring.models import Heartbeat
from apps.monitoring.probes import State
from apps.monitoring.services import heartbeat
from ohmycoins.celery import app
from ohmycoins.core import clock as system_clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "probe_worker", lambda: State(ok=True, detail="one answers"))


def beat(seconds_ago: int = 0) -> None:
    Heartbeat.objects.create(name="beat", holder="x", at=system_clock.now() - timedelta(seconds=seconds_ago))


@pytest.mark.parametrize("path", ["/health", "/health/", "/health/ready"])
def test_everything_alive_is_200(client: Client, worker: None, path: str) -> None:
    beat()
    answer = client.get(path)
    assert answer.status_code == 200
    assert {name: part["status"] for name, part in answer.json()["checks"].items()} == {
        "database": "ok", "broker": "ok", "worker": "ok", "beat": "ok",
    }  # fmt: skip


def test_no_worker_is_503_and_named(client: Client) -> None:
    beat()
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["checks"]["worker"] == {"status": "down", "detail": "no worker answers"}
    assert answer.json()["checks"]["beat"]["status"] == "ok"


@pytest.mark.parametrize(("seconds", "status"), [(29, 200), (31, 503)])
def test_beat_that_has_not_ticked_for_half_a_minute_is_down(
    client: Client, worker: None, seconds: int, status: int
) -> None:
    beat(seconds)
    assert client.get("/health").status_code == status


def test_beat_that_never_ran_is_down(client: Client, worker: None) -> None:
    assert client.get("/health").json()["checks"]["beat"] == {"status": "down", "detail": "has not run yet"}


def test_broker_down_is_named_and_the_worker_cannot_be_asked(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    checks = client.get("/health").json()["checks"]
    assert checks["broker"] == {"status": "down", "detail": "not answering (ConnectionError)"}
    assert checks["worker"]["status"] == "down"
    assert checks["database"]["status"] == "ok"


@pytest.mark.parametrize("error", [ConnectionResetError, OperationalError, RedisConnectionError])
def test_a_broker_lost_while_workers_are_asked_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def ping(**options: Any) -> None:
        raise error

    monkeypatch.setattr(app.control, "ping", ping)
    beat()
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["checks"]["worker"] == {
        "status": "down", "detail": f"not answering ({error.__name__})",
    }  # fmt: skip


def test_a_database_lost_between_two_questions_is_named(
    client: Client, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def age(*args: Any, **kwargs: Any) -> None:
        raise InterfaceError

    monkeypatch.setattr(heartbeat, "age", age)
    checks = client.get("/health").json()["checks"]
    assert checks["beat"] == {"status": "down", "detail": "not answering (InterfaceError)"}
    assert checks["database"]["status"] == "ok"


def test_database_down_is_named(client: Client, worker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Down:
        def cursor(self) -> None:
            raise DatabaseError

    monkeypatch.setattr(probes, "connection", Down())
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"]["status"] == "down"
    assert answer.json()["checks"]["beat"]["status"] == "down"


def test_live_asks_nobody(client: Client) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}


def test_role_is_held_by_one_until_its_lease_ends(clock: Any) -> None:
    assert heartbeat.hold("beat", holder="a", now=system_clock.now())
    assert not heartbeat.hold("beat", holder="b", now=system_clock.now())
    clock.shift(20)
    assert heartbeat.hold("beat", holder="a", now=system_clock.now())
    clock.shift(20)
    assert not heartbeat.hold("beat", holder="b", now=system_clock.now())
    clock.shift(20)
    assert heartbeat.hold("beat", holder="b", now=system_clock.now())
    assert not heartbeat.hold("beat", holder="a", now=system_clock.now())


def test_role_given_up_is_free_at_once(clock: Any) -> None:
    assert heartbeat.hold("beat", holder="a", now=system_clock.now())
    heartbeat.release("beat", holder="b")
    assert not heartbeat.hold("beat", holder="b", now=system_clock.now())
    heartbeat.release("beat", holder="a")
    assert heartbeat.hold("beat", holder="b", now=system_clock.now())


@pytest.mark.django_db(transaction=True)  # Celery closes the connection when it sets up
def test_second_beat_sends_nothing_while_the_first_holds_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[str] = []
    monkeypatch.setattr(
        "django_celery_beat.schedulers.DatabaseScheduler.tick", lambda self: ticks.append(self._holder) or 1.0
    )
    first, second = GuardedScheduler(app=app, lazy=True), GuardedScheduler(app=app, lazy=True)
    first._holder, second._holder = "first", "second"
    assert (first.tick(), second.tick()) == (1.0, 5.0)
    assert ticks == ["first"]
    Heartbeat.objects.update(holder=f"{socket.gethostname()}:{2**22 + 1}")
    second._renewed_at = float("-inf")
    assert second.tick() == 1.0, "a holder of this host that died is not waited for"
    first._renewed_at = float("-inf")
    assert first.tick() == 5.0
    second.close()
    first._renewed_at = float("-inf")
    assert first.tick() == 1.0, "a role given up is free at once"
    assert ticks == ["first", "second", "first"]
