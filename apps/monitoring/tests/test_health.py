"""Health, part by part, and the guard on beat."""

import socket
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError
from django.test import Client
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from apps.ledgers.tests.factories import make_run, make_source
from apps.monitoring import probes
from apps.monitoring.beat import GuardedScheduler
from apps.monitoring.findings import Finding
from apps.monitoring.models import Heartbeat, QualityCheck
from apps.monitoring.probes import State
from apps.monitoring.services import heartbeat
from apps.monitoring.services.alerts import reconcile
from ohmycoins.celery import app
from ohmycoins.core import clock as system_clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "probe_worker", lambda: State(ok=True, detail="one answers"))


QUEUES = ("collect", "decisions", "default", "orders", "lab")


def beat(seconds_ago: int = 0, **queues: int | None) -> None:
    """Let beat and the queues have lived so many seconds ago (0; None: never)."""
    ages = {"beat": seconds_ago} | {f"queue:{name}": queues.get(name, 0) for name in QUEUES}
    for name, age in ages.items():
        if age is not None:
            Heartbeat.objects.create(name=name, holder="x", at=system_clock.now() - timedelta(seconds=age))


@pytest.mark.parametrize("path", ["/health", "/health/", "/health/ready"])
def test_everything_alive_is_200(client: Client, worker: None, path: str) -> None:
    beat()
    answer = client.get(path)
    assert answer.status_code == 200
    assert {name: part["status"] for name, part in answer.json()["checks"].items()} == {
        "database": "ok", "broker": "ok", "worker": "ok", "beat": "ok", "queue:collect": "ok", "queue:decisions": "ok",
        "queue:default": "ok", "queue:orders": "ok", "queue:lab": "ok", "collectors": "ok", "quality": "degraded",
        "alerts": "ok",
    }  # fmt: skip


@pytest.mark.parametrize("queue", ["orders", "decisions", "collect", "default"])
@pytest.mark.parametrize(("age", "status", "word"), [(59, 200, "ok"), (60, 503, "down"), (None, 503, "down")])
def test_queue_that_nothing_came_out_of_for_a_minute_is_down(
    client: Client, worker: None, clock: Any, queue: str, age: int | None, status: int, word: str
) -> None:
    beat(**{queue: age})
    answer = client.get("/health")
    said = "nothing has come through it yet" if age is None else f"what came through last was {age} s old"
    assert answer.status_code == status
    assert answer.json()["checks"][f"queue:{queue}"] == {"status": word, "detail": said}


def test_lab_that_stands_still_is_degraded_and_nothing_is_down(client: Client, worker: None) -> None:
    beat(lab=600)
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["checks"]["queue:lab"]["status"] == "degraded"


def test_collector_that_fails_shows_is_no_reason_to_be_down_and_comes_back(
    client: Client, worker: None, clock: Any
) -> None:
    beat()
    make_run(status="failed", error="HTTP 500")
    make_run(source=make_source("news_rss", "human"))
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json()["checks"]["collectors"] == {
        "status": "degraded", "detail": "1 of 2 healthy; coinspot_prices failing",
    }  # fmt: skip
    clock.shift(1)
    for _ in range(19):
        make_run()
    assert client.get("/health").json()["checks"]["collectors"] == {
        "status": "ok",
        "detail": "2 of 2 healthy",
    }


def measured(overall: float, seconds_ago: int = 0) -> None:
    QualityCheck.objects.create(
        checked_at=system_clock.now() - timedelta(seconds=seconds_ago), overall=overall, completeness=1, timeliness=1,
        accuracy=1, ledgers={},
    )  # fmt: skip


def test_what_a_round_finds_about_quality_shows_until_a_round_finds_it_gone(
    client: Client, worker: None, clock: Any
) -> None:
    beat()
    measured(0.93)
    frozen = Finding(
        type="quality", key="frozen:coinspot_prices", severity="medium", message="It stands still."
    )
    reconcile(("quality",), [frozen], now=system_clock.now())
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json()["checks"]["quality"] == {
        "status": "degraded", "detail": "overall 0.93; frozen:coinspot_prices",
    }  # fmt: skip
    reconcile(("quality",), [], now=system_clock.now())
    assert client.get("/health").json()["checks"]["quality"] == {"status": "ok", "detail": "overall 0.93"}


@pytest.mark.parametrize(("minutes", "word"), [(15, "ok"), (16, "degraded")])
def test_quality_that_was_not_measured_lately_is_not_vouched_for(
    client: Client, worker: None, clock: Any, minutes: int, word: str
) -> None:
    measured(1.0, minutes * 60)
    assert client.get("/health").json()["checks"]["quality"]["status"] == word


def test_health_asks_the_database_six_questions_and_the_probes_own(
    client: Client, worker: None, django_assert_num_queries: Any
) -> None:
    beat()
    measured(1.0)
    make_run()
    with django_assert_num_queries(6):
        client.get("/health")


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
    monkeypatch.setattr(heartbeat, "queue_ages", age)
    checks = client.get("/health").json()["checks"]
    assert checks["beat"] == {"status": "down", "detail": "not answering (InterfaceError)"}
    assert checks["queue:orders"]["status"] == "down"
    assert checks["database"]["status"] == "ok"


def test_database_down_is_named(client: Client, worker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Down:
        def cursor(self) -> None:
            raise DatabaseError

        def close(self) -> None:
            pass

    monkeypatch.setattr(probes, "connection", Down())
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"]["status"] == "down"
    words = {name: part["status"] for name, part in answer.json()["checks"].items()}
    assert words.pop("broker") == words.pop("worker") == "ok"
    assert {name for name, word in words.items() if word == "degraded"} == {
        "queue:lab",
        "collectors",
        "quality",
        "alerts",
    }
    assert {name for name, word in words.items() if word == "down"} == {
        "database", "beat", "queue:orders", "queue:decisions", "queue:collect", "queue:default",
    }  # fmt: skip


def test_database_that_hangs_is_down_at_its_limit_and_costs_one_thread_until_it_answers(
    client: Client, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, real, asked = threading.Event(), probes._version, []

    def version() -> State:
        asked.append(1)
        hangs.wait(30)
        return real()

    monkeypatch.setattr(probes, "_version", version)
    monkeypatch.setattr(probes, "DATABASE_SECONDS", 0.1)
    for _ in range(3):
        answer = client.get("/health")
        assert answer.status_code == 503
        assert answer.json()["checks"]["database"]["detail"] == "not answering (TimeoutError)"
        assert answer.json()["checks"]["quality"]["status"] == "degraded"
    assert len(asked) == 1
    before = probes._ask()
    hangs.set()
    assert before.result(5).ok
    monkeypatch.setattr(probes, "DATABASE_SECONDS", 5.0)
    assert client.get("/health").json()["checks"]["database"]["status"] == "ok"
    assert len(asked) == 2


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
