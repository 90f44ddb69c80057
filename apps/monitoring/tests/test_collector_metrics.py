"""What collectors' runs come to, since the newest mark."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.models import CollectionRun, Source
from apps.ledgers.tests.factories import make_run, make_source
from apps.monitoring.models import MetricsMark
from apps.monitoring.services import collectors
from ohmycoins.core.clock import now

pytestmark = pytest.mark.django_db


def run(status: str = "success", *, ago: float = 0, took_ms: int = 0, **fields: Any) -> CollectionRun:
    began = now() - timedelta(seconds=ago)
    return make_run(
        status=status, started_at=began, finished_at=began + timedelta(milliseconds=took_ms), **fields
    )


def of(name: str = "coinspot_prices") -> collectors.CollectorFigures:
    return {one.name: one for one in collectors.figures(now())}[name]


def test_worked_figures_of_one_collector(clock: Any) -> None:
    for ago, took in ((500, 100), (400, 200), (100, 400)):
        run(ago=ago, took_ms=took, stored=10)
    run("partial", ago=50, took_ms=300, stored=5, error="one page is missing")
    run("failed", ago=300, took_ms=1_000, error="HTTP 500")
    run("skipped", ago=200, took_ms=9_000, error="already running")
    made = of()
    assert (made.runs, made.successes, made.partial, made.failures, made.skipped) == (5, 4, 1, 1, 1)
    assert (made.success_rate, made.records, made.health) == (0.8, 35, "degraded")
    assert (made.avg_latency_ms, made.p95_latency_ms) == (400.0, 880.0)
    assert made.last_success == now() - timedelta(seconds=50) + timedelta(milliseconds=300)
    assert made.last_failure == now() - timedelta(seconds=299)
    assert made.last_error == "one page is missing"
    assert made.uptime_since == now() - timedelta(seconds=100)


def test_run_in_progress_counts_only_once_it_ended(clock: Any) -> None:
    make_run(status="running", finished_at=None)
    assert (of().runs, of().health, of().success_rate, of().uptime_since) == (0, "unknown", None, None)


@pytest.mark.parametrize(
    ("successes", "failures", "health"),
    [(19, 1, "healthy"), (18, 2, "degraded"), (16, 4, "degraded"), (15, 5, "failing"), (4, 1, "degraded"), (0, 1, "failing"),
     (1, 0, "healthy")],
)  # fmt: skip
def test_health_has_its_bounds_at_95_and_80_percent(
    clock: Any, successes: int, failures: int, health: str
) -> None:
    for ago in range(successes):
        run(ago=ago + 1)
    for ago in range(failures):
        run("failed", ago=100 + ago)
    assert of().health == health


def test_health_is_of_the_last_twenty_runs_and_the_rate_of_all(clock: Any) -> None:
    for ago in range(80):
        run(ago=100 + ago)
    for ago in range(20):
        run("failed", ago=1 + ago)
    assert (of().success_rate, of().health, of().uptime_since) == (0.8, "failing", None)


def test_off_collector_says_why(clock: Any) -> None:
    run("failed")
    Source.objects.update(enabled=False)
    assert (of().health, of().off_because) == ("off", "it is switched off: enable it first")
    assert collectors.look(now()) == []


def test_mark_begins_the_count_anew_and_deletes_nothing(clock: Any) -> None:
    run("failed", ago=10)
    collectors.mark(now=now(), actor="user:1", reason="the proxy was down")
    assert (of().runs, of().failures, of().last_error) == (0, 0, None)
    assert of().health == "failing", "health is of the last runs, whatever the mark"
    assert CollectionRun.objects.count() == 1
    clock.shift(1)
    run()
    assert (of().runs, of().success_rate, of().health) == (1, 1.0, "failing"), (
        "one of two, since the beginning"
    )


@pytest.mark.parametrize(("days", "counted"), [(30, 1), (30.001, 0)])
def test_runs_count_for_thirty_days(clock: Any, days: float, counted: int) -> None:
    run(ago=days * 86_400)
    assert of().runs == counted


def test_total_adds_up_and_its_percentile_is_of_all_runs(clock: Any) -> None:
    news = make_source("news_rss", "human")
    for took in (100, 200):
        run(took_ms=took, stored=1, ago=2)
    for took in (300, 400):
        run(took_ms=took, stored=2, ago=1, source=news)
    run("failed", took_ms=500, ago=3, source=news, error="HTTP 500")
    total = collectors.total(now())
    assert (total.runs, total.successes, total.failures, total.records) == (5, 4, 1, 6)
    assert (total.avg_latency_ms, total.p95_latency_ms, total.last_error) == (300.0, 480.0, "HTTP 500")
    assert (total.health, total.uptime_since) == ("failing", now() - timedelta(seconds=1))


def test_no_collector_at_all_comes_to_nothing(clock: Any) -> None:
    total = collectors.total(now())
    assert (total.runs, total.success_rate, total.health, total.uptime_since) == (0, None, "unknown", None)


@pytest.mark.parametrize(("failures", "severity"), [(1, None), (2, "low"), (4, "low"), (5, "medium")])
def test_collector_that_does_badly_is_found_by_how_badly(
    clock: Any, failures: int, severity: str | None
) -> None:
    for ago in range(20):
        run("failed" if ago < failures else "success", ago=ago + 1)
    found = [(finding.key, finding.severity) for finding in collectors.look(now())]
    assert found == ([("collector:coinspot_prices", severity)] if severity else [])


def test_figures_are_three_queries_however_many_collectors(
    clock: Any, django_assert_num_queries: Any
) -> None:
    for name in ("coinspot_prices", "news_rss", "defillama"):
        run(source=make_source(name))
    with django_assert_num_queries(3):
        collectors.figures_and_total(now())


def test_api_gives_figures_as_json_and_as_a_file(api: APIClient, clock: Any) -> None:
    run(took_ms=120, stored=3)
    answer = api.get("/api/v1/monitoring/metrics")
    body = answer.json()
    assert (body["since"], body["until"]) == ("2026-01-31T12:00:00Z", "2026-03-02T12:00:00Z")
    (made,) = body["collectors"]
    assert made == {
        "name": "coinspot_prices", "ledger": "exchange", "health": "healthy", "off_because": None, "runs": 1,
        "successes": 1, "partial": 0, "failures": 0, "skipped": 0, "success_rate": 1.0, "records": 3,
        "avg_latency_ms": 120.0, "p95_latency_ms": 120.0, "last_success": "2026-03-02T12:00:00.120000Z",
        "last_failure": None, "last_error": None, "uptime_since": "2026-03-02T12:00:00Z",
    }  # fmt: skip
    assert body["total"]["runs"] == 1
    assert "Content-Disposition" not in answer
    file = api.get("/api/v1/monitoring/metrics?download=1")
    assert file["Content-Disposition"] == 'attachment; filename="collector-metrics-2026-03-02T120000Z.json"'
    assert file.json() == body


def test_api_counts_since_an_instant_within_thirty_days(api: APIClient, clock: Any) -> None:
    run(ago=7_200)
    collectors.mark(now=now() - timedelta(hours=1), actor="user:1", reason="")
    path = "/api/v1/monitoring/metrics"
    assert api.get(path).json()["total"]["runs"] == 0
    assert api.get(f"{path}?since=2026-03-02T10:00:00Z").json()["total"]["runs"] == 1, "a mark hides nothing"
    assert api.get(f"{path}?since=2026-03-02T10:00:01Z").json()["total"]["runs"] == 0
    for wrong in ("since=2026-01-31T11:59:59Z", "since=2026-03-02T12:00:01Z", "since=soon", "download=yes"):
        answer = api.get(f"{path}?{wrong}")
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID"), wrong


def test_api_reset_needs_the_right_and_makes_a_mark(client_for: Any, api: APIClient, clock: Any) -> None:
    path = "/api/v1/monitoring/metrics/reset"
    assert api.post(path, {"reason": "x"}, format="json").status_code == 403
    assert not MetricsMark.objects.exists()
    operator = UserFactory()
    operator.user_permissions.add(Permission.objects.get(codename="add_metricsmark"))
    answer = client_for(operator).post(path, {"reason": "the proxy was down"}, format="json")
    assert answer.status_code == 201
    assert answer.json() == {
        "at": "2026-03-02T12:00:00Z", "made_by": f"user:{operator.pk}", "reason": "the proxy was down",
    }  # fmt: skip
    too_long = client_for(operator).post(path, {"reason": "x" * 301}, format="json")
    assert too_long.status_code == 400
    assert MetricsMark.objects.count() == 1


def test_nobody_reads_metrics_without_signing_in() -> None:
    assert APIClient().get("/api/v1/monitoring/metrics").status_code == 401
    assert APIClient().post("/api/v1/monitoring/metrics/reset").status_code == 401
