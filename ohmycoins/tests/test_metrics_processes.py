"""`/metrics` of real processes: what each of them counted adds up, whichever of them is asked."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from celery import Celery
from prometheus_client.parser import text_string_to_metric_families

from ohmycoins.core.clock import now
from ohmycoins.env import BASE_DIR
from ohmycoins.tests.installation import wait_for

TOKEN = "read-me"
REQUESTS, PULSES = 60, 40
CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "ohmycoins")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Running:
    """Two web processes and two workers, one of them of two processes, on this run's servers; no beat."""

    def __init__(self, home: Path, database: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.directory = home / "metrics"
        self.redis = os.environ["REDIS_URL"] + ("&" if "?" in os.environ["REDIS_URL"] else "?") + "db=7"
        self.env = os.environ | {
            "DATABASE_URL": os.environ["DATABASE_URL"].rsplit("/", 1)[0] + f"/{database}", "REDIS_URL": self.redis,
            "PROMETHEUS_MULTIPROC_DIR": str(self.directory), "METRICS_TOKEN": TOKEN, "WEB_CONCURRENCY": "2",
            "PYTHONWARNINGS": "ignore",
        }  # fmt: skip
        web = [sys.executable, "-m", "gunicorn", "ohmycoins.wsgi", "--config", "python:ohmycoins.local.gunicorn",
               "--bind", f"127.0.0.1:{self.port}"]  # fmt: skip
        self.web = self._start(web, home / "web.log")
        self.orders = self._start(
            [*CELERY, "worker", "-l", "WARNING", "-n", "a@%h", "-Q", "orders", "-c", "2"], home / "a.log"
        )
        self.threads = self._start(
            [*CELERY, "worker", "-l", "WARNING", "-n", "b@%h", "-Q", "default", "-P", "threads", "-c", "2"],
            home / "b.log",
        )

    def _start(self, command: list[str], log: Path) -> psutil.Popen:
        with log.open("wb") as output:
            return psutil.Popen(command, cwd=BASE_DIR, env=self.env, stdout=output, stderr=subprocess.STDOUT)

    def get(self, path: str) -> requests.Response:
        """Ask on a connection of its own, so that any web process may answer."""
        return requests.get(
            f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10
        )

    def scrape(self) -> Samples:
        answer = self.get("/metrics")
        assert answer.status_code == 200, answer.text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    def count(self, name: str, **labels: str) -> float:
        """Add up the series of `name` that have the labels."""
        wanted = set(labels.items())
        return sum(value for (found, has), value in self.scrape().items() if found == name and wanted <= has)

    def counting(self, kind: str) -> set[int]:
        """Give the processes that keep files of the kind."""
        return {int(file.stem.rpartition("-")[2]) for file in self.directory.glob(f"{kind}_*.db")}

    def stop(self) -> None:
        for process in (self.web, self.orders, self.threads):
            if process.is_running():
                process.send_signal(signal.SIGTERM)
        for process in (self.web, self.orders, self.threads):
            try:
                process.wait(30)
            except psutil.TimeoutExpired:
                process.kill()


@pytest.fixture
def running(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Running]:
    found = Running(tmp_path, settings.DATABASES["default"]["NAME"])
    try:
        wait_for(lambda: found.get("/health/live").status_code == 200)
        yield found
    finally:
        found.stop()


def send(broker: str, queue: str, times: int, *, seconds_ago: float = 0) -> None:
    """Put pulses into the queue, as beat does."""
    app = Celery(broker=broker.replace("unix://", "redis+socket://").replace("db=", "virtual_host="))
    sent_at = now() - timedelta(seconds=seconds_ago)
    for _ in range(times):
        app.send_task("monitoring.pulse", [queue], queue=queue, headers={"sent_at": sent_at.isoformat()})
    app.close()


def test_counts_of_two_web_processes_and_two_workers_add_up_and_the_dead_keep_theirs(
    running: Running,
) -> None:
    send(running.redis, "default", 1, seconds_ago=1_000)
    age = wait_for(lambda: running.count("omc_queue_age_seconds", queue="default"))
    assert 1_000 <= age < 1_060, "a pulse says when it was sent, not when it came out"
    live = {"view": "live", "method": "GET", "status": "200"}
    before = running.count("django_http_responses_total_by_status_view_method_total", **live)
    for _ in range(REQUESTS):
        assert running.get("/health/live").status_code == 200
    send(running.redis, "orders", PULSES)
    send(running.redis, "default", PULSES - 1)

    def ended() -> float:
        return running.count("omc_tasks_total", task="monitoring.pulse", state="success")

    wait_for(lambda: ended() >= 2 * PULSES)
    assert ended() == 2 * PULSES
    assert running.count("omc_task_runtime_seconds_count", task="monitoring.pulse") == 2 * PULSES
    assert running.count("omc_tasks_in_progress", task="monitoring.pulse") == 0
    after = running.count("django_http_responses_total_by_status_view_method_total", **live)
    assert after - before == REQUESTS
    assert running.count("omc_queue_age_seconds", queue="orders") < 60

    web, workers = running.web.children(), running.orders.children()
    assert len(web) == len(workers) == 2
    counted = running.counting("counter")
    assert {process.pid for process in (*web, *workers, running.threads)} <= counted, "each has its own part"

    for process in (web[0], workers[0]):
        process.kill()
    wait_for(lambda: len(running.orders.children()) == 2 and len(running.web.children()) == 2)
    assert running.count("django_http_responses_total_by_status_view_method_total", **live) == after
    assert ended() == 2 * PULSES
    send(running.redis, "orders", 1)
    wait_for(lambda: ended() >= 2 * PULSES + 1)
    assert ended() == 2 * PULSES + 1
