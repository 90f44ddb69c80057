"""A collector's run, against a real HTTP server."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from apps.ledgers.models import CollectionRun, LatestPrice, Price, Source
from apps.ledgers.services.catch_up import catch_up
from apps.ledgers.services.collect import close_overdue_runs, collect
from apps.ledgers.tests.factories import make_run, make_source
from ohmycoins.clients import coinspot
from ohmycoins.core import clock as system_clock
from ohmycoins.core.http import Page
from ohmycoins.schedule import sync_schedules

pytestmark = pytest.mark.django_db
NAME = "coinspot_prices"


class Venue(ThreadingHTTPServer):
    """Answer every request with `status` and `body`, and remember the requests."""

    daemon_threads = True
    status = 200
    body: bytes = b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, str]] = []

    def prices(self, **prices: tuple[object, object, object]) -> None:
        named = {
            key: dict(zip(("bid", "ask", "last"), values, strict=True)) for key, values in prices.items()
        }
        self.body = json.dumps({"status": "ok", "prices": named}).encode()


class _Handler(BaseHTTPRequestHandler):
    server: Venue

    def do_GET(self) -> None:
        self.server.requests.append({"path": self.path, "agent": self.headers["User-Agent"]})
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def venue(settings: Settings) -> Iterator[Venue]:
    make_source()
    server = Venue()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    settings.COINSPOT_URL = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


def test_run_stores_prices_and_moves_the_latest_and_the_watermark(venue: Venue, clock: Any) -> None:
    venue.prices(btc=("1", "2", "1.5"), eth=("NaN", "NaN", "NaN"), btc_usdt=("3", "4", "3.5"))
    run = collect(NAME)
    assert run is not None
    assert (run.status, run.fetched, run.stored, run.unpriced) == ("success", 3, 2, 1)
    assert venue.requests == [{"path": "/pubapi/v2/latest", "agent": "OhMyCoins/1 (self-hosted)"}]
    latest = LatestPrice.objects.get(coin_type="BTC", market="AUD")
    assert (latest.bid, latest.price.run_id) == (1, run.pk)
    source = Source.objects.get(pk=NAME)
    assert (source.watermark, source.records_stored) == (system_clock.now(), 2)


def test_second_run_in_the_same_minute_stores_nothing_and_the_next_minute_does(
    venue: Venue, clock: Any
) -> None:
    venue.prices(btc=("1", "2", "1.5"))
    collect(NAME)
    venue.prices(btc=("5", "6", "5.5"))
    again = collect(NAME)
    assert again is not None
    assert (again.stored, again.duplicates) == (0, 1)
    assert LatestPrice.objects.get().bid == 1
    clock.shift(60)
    collect(NAME)
    assert LatestPrice.objects.get().bid == 5
    assert Price.objects.count() == 2


def test_latest_price_never_moves_back(venue: Venue, clock: Any) -> None:
    venue.prices(btc=("1", "2", "1.5"))
    collect(NAME)
    clock.shift(-600)
    venue.prices(btc=("9", "9", "9"))
    collect(NAME)
    assert Price.objects.count() == 2
    assert LatestPrice.objects.get().bid == 1


@pytest.mark.parametrize(
    ("status", "body", "said", "asked"),
    [
        (503, b"", "answered 503", 3),
        (404, b"", "answered 404", 1),
        (403, b"", "answered 403", 1),
        (200, b"<html>maintenance</html>", "page not understood: not JSON", 1),
        (200, b'{"status":"error","message":"Bad Market"}', "Bad Market", 1),
    ],
)
def test_failing_source_fails_its_run_and_stores_nothing(
    venue: Venue, status: int, body: bytes, said: str, asked: int
) -> None:
    venue.status, venue.body = status, body
    run = collect(NAME)
    assert run is not None
    assert run.status == "failed"
    assert said in run.error
    assert not Price.objects.exists()
    assert Source.objects.get(pk=NAME).watermark is None
    assert len(venue.requests) == asked


def test_unreadable_page_keeps_a_sample_of_64_kib(venue: Venue) -> None:
    venue.body = b"<" * 100_000
    run = collect(NAME)
    assert run is not None
    assert len(bytes(CollectionRun.objects.get(pk=run.pk).sample or b"")) == 65_536


def test_unreachable_source_says_so(settings: Settings) -> None:
    make_source()
    settings.COINSPOT_URL = "http://127.0.0.1:1"
    run = collect(NAME)
    assert run is not None
    assert run.error == "127.0.0.1:1/pubapi/v2/latest could not be reached: Connection refused"


def test_more_than_five_per_cent_rejects_make_the_run_partial_and_hold_the_watermark(venue: Venue) -> None:
    venue.prices(btc=("1", "2", "1"), eth=("0", "2", "1"))
    run = collect(NAME)
    assert run is not None
    assert (run.status, run.stored, run.rejected) == ("partial", 1, 1)
    assert run.error == "eth: bid is not between 0 and 1,000,000,000,000,000,000"
    assert Source.objects.get(pk=NAME).watermark is None


def test_second_run_at_once_is_recorded_as_skipped(venue: Venue) -> None:
    make_run(status="running", finished_at=None, lease_until=system_clock.now() + timedelta(minutes=1))
    run = collect(NAME)
    assert run is not None
    assert run.status == "skipped"
    assert venue.requests == []


def test_database_refuses_two_running_runs_of_one_source(venue: Venue) -> None:
    soon = system_clock.now() + timedelta(minutes=1)
    make_run(status="running", finished_at=None, lease_until=soon)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_run(status="running", finished_at=None, lease_until=soon)


def test_run_of_a_dead_worker_is_closed_as_failed_and_the_next_one_collects(venue: Venue) -> None:
    dead = make_run(status="running", finished_at=None, lease_until=system_clock.now() - timedelta(seconds=1))
    venue.prices(btc=("1", "2", "1"))
    run = collect(NAME)
    assert run is not None
    assert run.status == "success"
    dead.refresh_from_db()
    assert (dead.status, dead.error) == ("failed", "the worker died or was stopped before it finished")


def test_running_run_within_its_lease_is_left_alone() -> None:
    make_run(status="running", finished_at=None, lease_until=system_clock.now() + timedelta(seconds=5))
    assert close_overdue_runs(now=system_clock.now()) == 0


def test_run_that_was_given_up_meanwhile_stores_nothing(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue.prices(btc=("1", "2", "1"))
    fetch = coinspot.fetch_latest

    def slow() -> Page:
        close_overdue_runs(now=system_clock.now() + timedelta(minutes=2))
        return fetch()

    monkeypatch.setattr(coinspot, "fetch_latest", slow)
    collect(NAME)
    assert CollectionRun.objects.get().error == "the worker died or was stopped before it finished"
    assert not Price.objects.exists()
    assert Source.objects.get(pk=NAME).watermark is None


def test_switched_off_collector_does_not_run(venue: Venue) -> None:
    Source.objects.update(enabled=False)
    assert collect(NAME) is None
    assert venue.requests == []
    assert not CollectionRun.objects.exists()


def test_unforeseen_error_closes_the_run_and_is_raised(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    venue.prices(btc=("1", "2", "1"))

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("apps.ledgers.services.collect.store", broken)
    with pytest.raises(ZeroDivisionError):
        collect(NAME)
    run = CollectionRun.objects.get()
    assert (run.status, run.error) == ("failed", "unforeseen: ZeroDivisionError")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the names of the collectors that workers are asked for."""
    names: list[str] = []
    monkeypatch.setattr("ohmycoins.core.outbox.nudge", lambda task, name, **_: names.append(name))
    return names


@pytest.mark.parametrize(
    ("last_began", "caught_up"),
    [
        (None, True),
        ("2026-03-01T02:00:01Z", True),
        ("2026-03-02T02:00:01Z", False),
    ],
)
def test_daily_run_that_was_missed_is_caught_up(
    clock: Any, asked: list[str], last_began: str | None, caught_up: bool
) -> None:
    source = make_source("defillama", "glass")
    if last_began:
        make_run(source=source, started_at=last_began)
    sync_schedules()
    assert (catch_up(now=system_clock.now()) == ["defillama"]) is caught_up
    assert asked == (["defillama"] if caught_up else [])


def test_daily_run_that_is_due_this_minute_is_left_to_beat(clock: Any, asked: list[str]) -> None:
    make_run(source=make_source("defillama", "glass"), started_at="2026-03-02T02:00:01Z")
    sync_schedules()
    assert catch_up(now=datetime(2026, 3, 3, 2, 0, 30, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    ("status", "minutes", "again"),
    [("failed", 61, True), ("partial", 61, False), ("failed", 59, False), ("success", 61, False)],
)
def test_run_that_failed_is_tried_again_an_hour_later(
    clock: Any, asked: list[str], status: str, minutes: int, again: bool
) -> None:
    make_run(source=make_source("defillama", "glass"), status=status)
    sync_schedules()
    assert bool(catch_up(now=system_clock.now() + timedelta(minutes=minutes))) is again


def test_collector_that_is_off_is_not_caught_up(asked: list[str]) -> None:
    make_source("defillama", "glass")
    Source.objects.update(enabled=False)
    sync_schedules()
    assert catch_up(now=system_clock.now()) == []


def test_worker_that_is_told_to_stop_gives_the_run_up(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    venue.prices(btc=("1", "2", "1"))
    told = threading.Event()
    told.set()
    monkeypatch.setattr("apps.ledgers.services.collect.stopping", told)
    run = collect(NAME)
    assert run is not None
    assert (run.status, run.error) == ("failed", "the worker was told to stop; the next run catches up")
    assert not Price.objects.exists()
