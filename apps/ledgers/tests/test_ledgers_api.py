"""`/collectors` and `/ledgers` over HTTP."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.ledgers.models import Source
from apps.ledgers.tests.factories import make_price, make_run, make_source
from ohmycoins.core import clock as system_clock

pytestmark = pytest.mark.django_db
STATUS = "/api/v1/collectors/coinspot_prices/status"


@pytest.fixture
def operator(user: User, client_for: Callable[[User], APIClient]) -> APIClient:
    user.user_permissions.add(Permission.objects.get(codename="operate_source"))
    return client_for(user)


@pytest.mark.parametrize(
    ("succeeded", "failed", "health"),
    [(0, 0, "unknown"), (19, 1, "healthy"), (18, 2, "degraded"), (16, 4, "degraded"), (15, 5, "failing"), (0, 1, "failing")],
)  # fmt: skip
def test_health_is_judged_by_the_share_of_runs_that_succeeded(
    api: APIClient, succeeded: int, failed: int, health: str
) -> None:
    make_source()
    for _ in range(succeeded):
        make_run()
    for _ in range(failed):
        make_run(status="failed", error="it said 503")
    answer = api.get(STATUS).json()
    assert answer["health"] == health
    assert answer["last_error"] == ("it said 503" if failed else None)


def test_only_the_last_twenty_runs_count_and_skipped_ones_never(api: APIClient) -> None:
    for _ in range(30):
        make_run(status="failed", error="long ago")
    for _ in range(20):
        make_run()
    make_run(status="skipped")
    assert api.get(STATUS).json()["success_rate"] == 1.0


def test_switched_off_collector_is_off_and_says_so(api: APIClient) -> None:
    make_run()
    Source.objects.update(enabled=False)
    assert api.get(STATUS).json()["health"] == "off"
    assert api.get("/api/v1/collectors/health").json() == {
        "collectors": {"coinspot_prices": "off"},
        "counts": {"off": 1},
    }


def test_status_has_every_promised_field(api: APIClient) -> None:
    make_source()
    assert set(api.get(STATUS).json()) >= {
        "name", "ledger", "enabled", "schedule", "health", "success_rate", "avg_latency_ms", "records_stored",
        "last_run", "last_success", "last_error", "watermark",
    }  # fmt: skip


def test_list_of_collectors_takes_two_queries_however_many_runs(
    api: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_source("other")
    for _ in range(5):
        make_run()
    with django_assert_num_queries(2):
        assert len(api.get("/api/v1/collectors").json()["results"]) == 2


def test_runs_are_listed_newest_first(api: APIClient, clock: Any) -> None:
    first = make_run()
    clock.shift(60)
    second = make_run(status="failed", error="no")
    rows = api.get("/api/v1/collectors/coinspot_prices/runs").json()["results"]
    assert [row["id"] for row in rows] == [second.pk, first.pk]
    assert set(rows[0]) >= {
        "status", "started_at", "finished_at", "fetched", "stored", "duplicates", "rejected", "error",
    }  # fmt: skip


def test_unknown_collector_is_404(operator: APIClient) -> None:
    for path in ("status", "runs"):
        assert operator.get(f"/api/v1/collectors/nope/{path}").status_code == 404
    assert operator.post("/api/v1/collectors/nope/trigger").status_code == 404


@pytest.mark.parametrize("command", ["trigger", "enable", "disable"])
def test_commands_need_the_permission(api: APIClient, command: str) -> None:
    make_source()
    answer = api.post(f"/api/v1/collectors/coinspot_prices/{command}")
    assert answer.status_code == 403
    assert "ledgers.operate_source" in answer.json()["message"]


def test_operator_switches_a_collector_off_and_on(operator: APIClient) -> None:
    make_source()
    assert operator.post("/api/v1/collectors/coinspot_prices/disable").json()["enabled"] is False
    assert operator.post("/api/v1/collectors/coinspot_prices/trigger").status_code == 409
    assert operator.post("/api/v1/collectors/coinspot_prices/enable").json()["enabled"] is True


def test_trigger_publishes_and_answers_202(operator: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    make_source()
    sent: list[Any] = []
    monkeypatch.setattr("ohmycoins.core.outbox.publish", lambda *args, **kwargs: sent.append(args))
    assert operator.post("/api/v1/collectors/coinspot_prices/trigger").status_code == 202
    assert sent == [("ledgers.collect", "coinspot_prices", True)]


def test_prices_are_filtered_and_written_as_plain_strings(api: APIClient, clock: Any) -> None:
    make_price("SHIB", bid="0.00001000", ask="0.000011")
    make_price("BTC", bid="100000.50", ask="1E+5")
    rows = api.get("/api/v1/ledgers/exchange/prices?coin_type=shib").json()["results"]
    assert [(row["coin_type"], row["bid"], row["ask"]) for row in rows] == [("SHIB", "0.00001", "0.000011")]
    assert rows[0]["observed_at"] == "2026-03-02T12:00:00Z"
    rows = api.get("/api/v1/ledgers/exchange/prices?coin_type=BTC").json()["results"]
    assert (rows[0]["bid"], rows[0]["ask"], rows[0]["crossed"]) == ("100000.5", "100000", True)


def test_since_is_included_and_until_is_not(api: APIClient, clock: Any) -> None:
    for _ in range(3):
        make_price()
        clock.shift(60)
    rows = api.get(
        "/api/v1/ledgers/exchange/prices?since=2026-03-02T12:00:00Z&until=2026-03-02T12:02:00+00:00"
    ).json()
    assert [row["occurred_at"] for row in rows["results"]] == ["2026-03-02T12:01:00Z", "2026-03-02T12:00:00Z"]


def test_as_of_answers_what_was_known_then_byte_for_byte(api: APIClient, clock: Any) -> None:
    make_price(bid=1, ask=2)
    clock.shift(60)
    then = system_clock.now().isoformat().replace("+00:00", "Z")
    paths = [f"/api/v1/ledgers/exchange/{path}?as_of={then}" for path in ("prices", "latest")]
    before = [api.get(path).content for path in paths]
    clock.shift(60)
    make_price(bid=5, ask=6)
    make_price("ETH")
    assert [api.get(path).content for path in paths] == before
    assert api.get(paths[1]).json()["results"][0]["bid"] == "1"


@pytest.mark.parametrize(
    "query",
    ["as_of=2027-01-01T00:00:00Z", "as_of=soon", "since=yesterday", "coin_type=B-C", "page_size=0", "page_size=501",
     "page_size=x", "cursor=zzz", "ordering=bid", "since=2026-03-02&until=2026-03-01", "as_of=99999-01-01"],
)  # fmt: skip
def test_bad_parameter_is_400_and_named(api: APIClient, clock: Any, query: str) -> None:
    answer = api.get(f"/api/v1/ledgers/exchange/prices?{query}")
    assert answer.status_code == 400, answer.json()
    assert query.split("=")[0] in answer.json()["message"]


def test_pages_walk_over_ties_without_losing_or_repeating(api: APIClient, clock: Any) -> None:
    for number in range(25):
        make_price(f"C{number}")
    seen, url = [], "/api/v1/ledgers/exchange/prices?page_size=4"
    while url:
        page = api.get(url).json()
        seen += [row["coin_type"] for row in page["results"]]
        url = page["next"]
    assert sorted(seen) == sorted(f"C{number}" for number in range(25))


def test_prices_take_one_query(api: APIClient, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(5):
        make_price(f"C{number}")
    for path in ("prices", "latest"):
        with django_assert_num_queries(1):
            assert len(api.get(f"/api/v1/ledgers/exchange/{path}").json()["results"]) == 5


def test_as_of_now_is_accepted(api: APIClient) -> None:
    make_price()
    now = (system_clock.now() - timedelta(milliseconds=1)).isoformat()
    assert api.get("/api/v1/ledgers/exchange/prices", {"as_of": now}).status_code == 200


def test_ledgers_need_a_login() -> None:
    assert APIClient().get("/api/v1/ledgers/exchange/prices").status_code == 401
