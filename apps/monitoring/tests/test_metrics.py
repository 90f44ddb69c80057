"""What `/metrics` says: every family once, true figures, few questions, and what fails left out."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
import redis
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.models import Source
from apps.ledgers.tests.factories import make_price, make_run
from apps.monitoring.findings import Finding
from apps.monitoring.metrics import files, scrape, tasks, trading, watching
from apps.monitoring.models import Incident, QualityCheck, Round
from apps.monitoring.probes import State
from apps.monitoring.services import heartbeat, pulse
from apps.monitoring.services.alerts import reconcile
from apps.trading.models import Brake
from apps.trading.tests.factories import make_account, trade
from ohmycoins.core.clock import now

pytestmark = pytest.mark.django_db

SETTINGS_AND_QUESTIONS = 2 + 15
TOKEN = {"HTTP_AUTHORIZATION": "Bearer read-me"}


@pytest.fixture(autouse=True)
def token(settings: Any) -> None:
    settings.METRICS_TOKEN = "read-me"


def scraped(client: Client) -> dict[str, dict[tuple[str, ...], float]]:
    """Give the samples by name, and by the values of their labels in the labels' order."""
    answer = client.get("/metrics", **TOKEN)
    assert answer.status_code == 200, answer.content
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_token_or_permission_lets_in_and_nothing_else_does(
    client: Client, client_for: Callable[[User], APIClient], settings: Any
) -> None:
    assert client.get("/metrics", **TOKEN)["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert client.get("/metrics/", **TOKEN).status_code == 200
    nobody = client.get("/metrics")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "NOT_AUTHENTICATED")
    assert nobody["WWW-Authenticate"] == "Bearer"
    for wrong in ("Bearer read-m", "Bearer read-me2", "Bearer ", "Basic read-me", "read-me"):
        assert client.get("/metrics", HTTP_AUTHORIZATION=wrong).status_code == 401, wrong
    settings.METRICS_TOKEN = ""
    for empty in (TOKEN["HTTP_AUTHORIZATION"], "Bearer ", "Bearer"):
        assert client.get("/metrics", HTTP_AUTHORIZATION=empty).status_code == 401, empty
    user = UserFactory()
    refused = client_for(user).get("/metrics")
    assert (refused.status_code, refused.json()["code"]) == (403, "PERMISSION_DENIED")
    user.user_permissions.add(Permission.objects.get(codename="view_metrics"))
    assert client_for(User.objects.get(pk=user.pk)).get("/metrics").status_code == 200


def test_every_family_is_there_once_and_says_what_it_is(client: Client) -> None:
    make_run()
    families = list(text_string_to_metric_families(client.get("/metrics", **TOKEN).content.decode()))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    assert [family.name for family in families if not family.documentation] == []
    ours = [name for name in names if not name.startswith(("omc_", "django_http_", "trust_trace"))]
    assert ours == []


def test_empty_system_has_no_score_and_no_error(client: Client) -> None:
    found = scraped(client)
    assert "omc_quality_score" not in found
    assert "omc_round_age_seconds" not in found
    assert "trust_traces_pushed_total" not in found, "no destination, no series"
    assert found["omc_scrape_errors"] == {(name,): 0.0 for name, _ in scrape.PARTS}
    assert found["omc_orders"] == dict.fromkeys(
        [("cancelling",), ("needs_review",), ("open",), ("partially_filled",), ("pending",), ("submitting",), ("unknown",)],
        0.0,
    )  # fmt: skip


def test_figures_of_trading_are_those_of_the_books(client: Client, clock: Any) -> None:
    make_price(bid=99_900, ask=100_000, last=100_000)
    account = make_account()
    trade(account, quantity="0.1")
    make_price(bid=110_000, ask=110_000, last=110_000, at=now() + timedelta(minutes=1))
    trade(account, side="sell", quantity="0.05")
    found = scraped(client)
    account.refresh_from_db()
    key = (str(account.pk), "paper")
    assert found["omc_account_equity_aud"][key] == float(account.cash_aud + D("0.05") * 110_000)
    earned = sum(match.realized_pnl for match in account.matches.all())
    assert earned > 0
    assert found["omc_account_realised_pnl_aud"][key] == float(earned)
    (lot,) = account.lots.all()
    assert found["omc_account_unrealised_pnl_aud"][key] == float(D("0.05") * 110_000 - lot.remaining_cost)
    assert found["omc_orders_ended_last_hour"][("filled",)] == 2
    assert found["omc_accounts"] == {("paper", "active"): 1.0}
    clock.shift(3_601)
    assert scraped(client)["omc_orders_ended_last_hour"][("filled",)] == 0


def test_what_was_found_shows_and_what_is_over_does_not(client: Client, clock: Any) -> None:
    stands = [
        Finding(type="collector", key="collector:a", severity="medium", message="x"),
        Finding(type="collector", key="collector:b", severity="low", message="x"),
    ]
    reconcile(("collector",), stands, now=now())
    reconcile(("collector",), stands[:1], now=now())
    Incident.objects.create(name="pnl.days", what="x", found_at=now(), seen_at=now())
    Incident.objects.create(name="pnl.days", what="y", found_at=now(), seen_at=now(), resolved_at=now())
    Brake.objects.create(kind="cooldown", cause="1", reason="x", engaged_by="x")
    Brake.objects.create(kind="cooldown", cause="2", reason="x", engaged_by="x", until=now() - timedelta(1))
    Round.objects.create(started_at=now() - timedelta(seconds=60), took_ms=1_500, failed={"quality": "x"})
    found = scraped(client)
    assert found["omc_alerts"] == {("low",): 0, ("medium",): 1, ("high",): 0}
    assert found["omc_incidents"] == {(): 1}
    assert found["omc_brakes_engaged"] == {("cooldown",): 1}
    assert found["omc_round_age_seconds"] == {(): 60}
    assert found["omc_round_duration_seconds"] == {(): 1.5}
    assert found["omc_round_parts_failed"] == {(): 1}


def test_scores_of_the_newest_check_show_by_ledger(client: Client, clock: Any) -> None:
    for minutes, overall in ((10, 0.4), (5, 0.85)):
        QualityCheck.objects.create(
            checked_at=now() - timedelta(minutes=minutes), overall=overall, completeness=1, timeliness=1, accuracy=1,
            ledgers={"glass": {"completeness": 1.0, "timeliness": 0.7, "accuracy": 1.0, "newest_at": None, "sources": {}}},
        )  # fmt: skip
    found = scraped(client)
    assert found["omc_quality_score"] == {(): 0.85}
    assert found["omc_quality_age_seconds"] == {(): 300}
    assert found["omc_quality_ledger_score"] == {
        ("glass", "completeness"): 1, ("glass", "timeliness"): 0.7, ("glass", "accuracy"): 1,
    }  # fmt: skip


def test_collectors_show_by_their_runs_of_the_last_day(client: Client, clock: Any) -> None:
    for ago, status in ((86_401, "failed"), (86_400, "success"), (60, "failed")):
        at = now() - timedelta(seconds=ago)
        make_run(status=status, started_at=at, finished_at=at + timedelta(seconds=2), stored=4)
    found = scraped(client)
    name = "coinspot_prices"
    assert found["omc_collector_runs_last_day"][(name, "failed")] == 1
    assert found["omc_collector_runs_last_day"][(name, "success")] == 1
    assert found["omc_collector_success_ratio"] == {(name,): 0.5}
    assert found["omc_collector_latency_p95_seconds"] == {(name,): 2}
    assert found["omc_collector_last_success_age_seconds"] == {(name,): 86_398}
    health = {word: value for (_, word), value in found["omc_collector_health"].items()}
    assert health == {"healthy": 0, "degraded": 0, "failing": 1, "unknown": 0, "off": 0}
    Source.objects.update(enabled=False)
    assert scraped(client)["omc_collector_health"][(name, "off")] == 1


def test_signs_of_life_and_what_waits_show(client: Client, clock: Any, settings: Any) -> None:
    heartbeat.hold("beat", holder="x", now=now())
    pulse.note("orders", holder="w", sent_at=now().isoformat())
    clock.shift(7)
    server = redis.Redis.from_url(settings.REDIS_URL)
    before = scraped(client)["omc_queue_messages"][("lab",)]
    server.rpush("lab", "x", "y")
    try:
        found = scraped(client)
    finally:
        server.ltrim("lab", 0, -3)
        server.close()
    assert found["omc_queue_messages"][("lab",)] == before + 2
    assert found["omc_beat_age_seconds"] == {(): 7}
    assert found["omc_queue_age_seconds"] == {("orders",): 7}


def test_part_that_fails_is_left_out_and_counted(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = scraped(client)
    assert "omc_queue_messages" not in found
    assert found["omc_scrape_errors"] == {(name,): float(name == "queues") for name, _ in scrape.PARTS}
    assert "omc_orders" in found


@pytest.mark.django_db(transaction=True)
def test_question_that_takes_long_is_ended_and_the_others_are_answered(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrape, "STATEMENT_MS", 100)
    monkeypatch.setattr(trading, "FLYING", "SELECT pg_sleep(20)")
    found = scraped(client)
    assert found["omc_scrape_errors"] == {(name,): float(name == "orders") for name, _ in scrape.PARTS}
    assert "omc_alerts" in found
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == "30s", "the connection is as it was"


def test_database_that_does_not_answer_is_not_asked_and_what_is_counted_is_answered(
    client: Client, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(scrape, "probe_database", lambda: State(ok=False, detail="hangs"))
    with django_assert_num_queries(0):
        found = scraped(client)
    asked = {"queues", "traces", "processes"}
    assert found["omc_scrape_errors"] == {(name,): float(name not in asked) for name, _ in scrape.PARTS}
    assert "omc_queue_messages" in found
    assert "omc_orders" not in found


def test_scrape_out_of_time_asks_no_more(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "SECONDS", -1.0)
    assert set(scraped(client)["omc_scrape_errors"].values()) == {1.0}


def test_scrape_asks_fifteen_questions_however_much_there_is(
    client: Client, django_assert_num_queries: Any, clock: Any
) -> None:
    with django_assert_num_queries(SETTINGS_AND_QUESTIONS):
        scraped(client)
    make_price()
    for _ in range(3):
        trade(make_account(user=UserFactory()), quantity="0.1")
        make_run()
    with django_assert_num_queries(SETTINGS_AND_QUESTIONS):
        scraped(client)


def test_requests_are_counted_by_view_method_and_status(client: Client) -> None:
    def counted() -> float:
        return scraped(client)["django_http_responses_total_by_status_view_method_total"].get(
            ("GET", "404", "<unnamed view>"), 0.0
        )

    before = counted()
    client.get("/nothing/here")
    assert counted() == before + 1


def test_methods_that_callers_make_up_make_no_series(client: Client) -> None:
    client.generic("BREW", "/health/live")
    client.generic("WHEN", "/health/live")
    labels = scraped(client)["django_http_responses_total_by_status_view_method_total"]
    methods = {label for key in labels for label in key}
    assert "<invalid method>" in methods
    assert not methods & {"BREW", "WHEN"}


def test_task_whose_process_was_killed_is_lost_and_no_longer_in_progress(client: Client) -> None:
    class Task:
        name = "tests.killed"

    def counted(state: str) -> float:
        return scraped(client).get("omc_tasks_total", {}).get((state, "tests.killed"), 0.0)

    before = counted("lost"), counted("success")
    tasks.lose("never-began-here", sender=Task())
    tasks.begin("one", Task())
    assert scraped(client)["omc_tasks_in_progress"][("tests.killed",)] == 1
    tasks.end("one", Task(), state="SUCCESS")
    assert scraped(client)["omc_tasks_in_progress"][("tests.killed",)] == 0
    assert (counted("lost"), counted("success")) == (before[0] + 1, before[1] + 1)
    tasks.revoke(Task(), expired=True)
    assert counted("expired") >= 1


def test_only_what_dead_processes_of_this_host_were_at_is_forgotten(tmp_path: Path) -> None:
    dead = 2**22 + 1
    kept = [
        f"gauge_livesum_elsewhere-{dead}.db",
        f"counter_{files.HOST}-{dead}.db",
        f"gauge_livesum_{files.identity()}.db",
    ]
    for name in (*kept, f"gauge_livesum_{files.HOST}-{dead}.db"):
        (tmp_path / name).touch()
    files.forget_the_dead(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(kept)


def test_traces_are_named_and_have_no_series() -> None:
    families = {family.name: family.samples for family in watching.traces(now())}
    assert families == {"trust_traces_pushed": [], "trust_trace_fail": [], "trust_trace_queue_pending": []}
