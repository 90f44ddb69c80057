"""The ledgers' quality in the API and in the admin."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.ledgers.tests.factories import (
    make_price,
)
from apps.monitoring.models import Outlier, QualityCheck
from apps.monitoring.services.quality import look
from apps.monitoring.tests.measured import HOUR, MINUTE, fill
from ohmycoins.core.clock import now
from ohmycoins.groups import sync_groups

pytestmark = pytest.mark.django_db
URL = "/api/v1/monitoring/quality"


def test_quality_is_measured_on_the_spot_until_there_is_a_check(api: APIClient, clock: Any) -> None:
    fill()
    answer = api.get(URL).json()
    assert (answer["overall"], answer["checked_at"]) == (1.0, "2026-03-02T12:00:00Z")
    assert set(answer) == {
        "overall", "completeness", "timeliness", "accuracy", "ledgers", "issues", "warnings", "info", "checked_at",
    }  # fmt: skip
    assert set(answer["ledgers"]) == {"exchange", "glass", "human", "catalyst"}
    assert answer["ledgers"]["exchange"]["sources"]["coinspot_prices"] == {
        "overall": 1.0, "completeness": 1.0, "timeliness": 1.0, "accuracy": 1.0, "newest_at": "2026-03-02T12:00:00Z",
        "state": "fresh", "frozen_since": None, "off_because": "", "counts": True,
    }  # fmt: skip
    assert not QualityCheck.objects.exists()


def test_newest_check_is_served_in_one_query(
    api: APIClient, clock: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    look(now())
    fill()
    clock.shift(300)
    look(now())
    with django_assert_num_queries(1):
        answer = api.get(URL).json()
    assert (answer["overall"], answer["checked_at"]) == (1.0, "2026-03-02T12:05:00Z")


def test_history_is_newest_first_by_page_and_by_the_last_of_each_hour_or_day(
    api: APIClient, clock: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(4):
        look(now())
        clock.shift(30 * MINUTE)  # 12:00, 12:30, 13:00, 13:30
    clock.shift(12 * HOUR)
    look(now())  # 02:00 the next day

    def times(**query: str) -> list[str]:
        return [row["checked_at"][8:16] for row in api.get(f"{URL}/history", query).json()["results"]]

    with django_assert_num_queries(1):
        assert times() == ["03T02:00", "02T13:30", "02T13:00", "02T12:30", "02T12:00"]
    assert times(interval="hour") == ["03T02:00", "02T13:30", "02T12:30"]
    assert times(interval="day") == ["03T02:00", "02T13:30"]
    assert times(since="2026-03-02T12:30:00Z", until="2026-03-02T13:30:00Z") == ["02T13:00", "02T12:30"]
    page = api.get(f"{URL}/history", {"page_size": "2"}).json()
    assert api.get(page["next"]).json()["results"][0]["checked_at"] == "2026-03-02T13:00:00Z"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"interval": "week"}, "interval='week' is not one of: hour, day"),
        ({"since": "soon"}, "since='soon' is not an ISO 8601 time"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "since lies after until"),
    ],
)
def test_history_says_what_was_wrong_with_a_question(
    api: APIClient, query: dict[str, str], said: str
) -> None:
    answer = api.get(f"{URL}/history", query)
    assert (answer.status_code, said in answer.json()["message"]) == (400, True)


@pytest.mark.parametrize("path", ["quality", "quality/history", "coverage"])
def test_quality_is_for_whoever_is_signed_in(path: str) -> None:
    assert APIClient().get(f"/api/v1/monitoring/{path}").status_code == 401


def test_admin_plots_the_scores_and_shows_issues_with_their_rows(admin_client: Any, clock: Any) -> None:
    sync_groups()
    fill()
    price = make_price("ETH", bid=101, ask=100)
    look(now())
    clock.shift(300)
    look(now())
    page = admin_client.get("/admin/monitoring/qualitycheck/").content.decode()
    assert page.count("<polyline") == 5
    detail = admin_client.get(
        f"/admin/monitoring/qualitycheck/{QualityCheck.objects.all()[0].pk}/change/"
    ).content.decode()
    assert f"price {price.price_id}" in detail
    assert "1 of 2 entries of coinspot_prices" in detail
    Outlier.objects.create(
        price_id=price.price_id,
        coin_type="ETH",
        occurred_at=now(),
        before=1,
        last=2,
        score=40.2,
        bound=10,
        found_at=now(),
    )
    assert "40, of 10 allowed" in admin_client.get("/admin/monitoring/outlier/").content.decode()
