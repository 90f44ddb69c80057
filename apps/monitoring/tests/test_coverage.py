"""What there is of a series against what was due, and where the gaps are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.dateparse import parse_datetime
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.ledgers.models import Source
from apps.ledgers.services.candles import roll_candles
from apps.ledgers.tests.factories import make_price, make_run, make_source
from apps.monitoring.coverage import Gap, count_due, find_gaps
from apps.monitoring.services.quality import measure
from ohmycoins.core.clock import now
from ohmycoins.core.frequency import parse

URL = "/api/v1/monitoring/coverage"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def at(minutes: float) -> datetime:
    return NOON + minutes * MINUTE


@pytest.mark.parametrize(
    ("schedule", "minutes", "count"),
    [
        ("interval:15:minutes", 60, 4), ("interval:15:minutes", 59, 3), ("interval:1:minutes", 1440, 1440),
        ("cron:0 9 * * *", 21 * 60, 1), ("cron:0 9 * * *", 21 * 60 - 1, 0), ("cron:0 */4 * * *", 24 * 60, 6),
    ],
)  # fmt: skip
def test_instants_of_a_schedule_are_counted(schedule: str, minutes: int, count: int) -> None:
    assert count_due(parse(schedule), NOON, at(minutes)) == count


@pytest.mark.parametrize(
    ("schedule", "successes", "until", "gaps"),
    [
        ("interval:15:minutes", [15, 30, 45], 60, []),
        ("interval:15:minutes", [15, 35], 50, []),  # five minutes late is no gap
        ("interval:15:minutes", [15, 35.1], 50, [(15, 35.1)]),
        ("interval:15:minutes", [], 20, []),
        ("interval:15:minutes", [], 21, [(0, 21)]),
        ("interval:15:minutes", [15, 60], 120, [(15, 60), (60, 120)]),
        ("interval:1:minutes", [1, 2, 8], 9, []),
        ("interval:1:minutes", [1, 2, 8.1], 9, [(2, 8.1)]),
        ("cron:0 9 * * *", [21 * 60 + 4], 24 * 60, []),
        ("cron:0 9 * * *", [], 24 * 60, [(0, 24 * 60)]),
        ("cron:0 9 * * *", [], 20 * 60, []),
    ],
)  # fmt: skip
def test_gap_is_where_something_was_due_and_did_not_come(
    schedule: str, successes: list[float], until: float, gaps: list[tuple[float, float]]
) -> None:
    found = find_gaps(parse(schedule), [at(each) for each in successes], since=NOON, until=at(until))
    assert found == tuple(Gap(at(since), at(end)) for since, end in gaps)


def runs(
    *minutes: float, status: str = "success", name: str = "news_rss", ledger: str = "human"
) -> list[int]:
    source = make_source(name, ledger)
    return [
        make_run(source=source, started_at=at(each), finished_at=at(each), status=status).pk for each in minutes
    ]  # fmt: skip


@pytest.mark.django_db
def test_source_is_covered_as_far_as_its_runs_succeeded(api: APIClient, clock: Any) -> None:
    runs(0, 15, 30, 75, 90)
    runs(45, 60, status="failed")
    clock.shift(95 * 60)
    [series] = api.get(URL, {"source": "news_rss"}).json()["results"]
    assert series == {
        "ledger": "human", "source": "news_rss", "series": "runs", "expected": 6, "found": 5,
        "coverage": pytest.approx(5 / 6),
        "gaps": [{"since": "2026-03-02T12:30:00Z", "until": "2026-03-02T13:15:00Z"}],
    }  # fmt: skip


@pytest.mark.django_db
def test_gap_of_the_last_day_is_a_warning_that_names_the_failed_runs(clock: Any) -> None:
    runs(0, 15, 120, 180)
    failed = runs(30, 60, status="failed")
    clock.shift(181 * 60)
    [remark] = measure(now()).check().warnings
    assert remark["message"] == (
        "news_rss was not read from 2026-03-02 12:15 UTC to 2026-03-02 14:00 UTC, 1 h 45 min, the longest of 2 gaps in the last day."
    )
    assert remark["rows"] == [{"table": "collectionrun", "id": pk} for pk in failed]


@pytest.mark.django_db
def test_source_that_is_off_is_not_waited_for_and_a_paused_schedule_expects_nothing(
    api: APIClient, clock: Any
) -> None:
    runs(0)
    clock.shift(3600)
    Source.objects.update(enabled=False)
    assert api.get(URL).json()["results"] == []


@pytest.mark.django_db
@pytest.mark.parametrize(("hours", "begins", "expected"), [(3, 5, 170), (30, 0, 120)])
def test_market_is_covered_as_far_as_its_candles_have_readings(
    hours: int,
    begins: int,
    expected: int,
    api: APIClient,
    clock: Any,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """Given prices a minute for 3 hours, of BTC without the second hour, and one coin that is no longer read."""
    make_run(started_at=NOON)
    make_price("OLD", at=NOON - timedelta(days=9))
    for minute in range(180):
        if not 60 <= minute < 120:
            make_price("BTC", at=at(minute))
        make_price("ETH", at=at(minute))
    clock.shift(181 * 60)
    roll_candles(now=now())
    runs(0)
    with django_assert_num_queries(6):  # names, schedules, sources, runs, markets and their candles
        api.get(URL, {"hours": hours})
    answer = api.get(URL, {"source": "coinspot_prices", "hours": hours}).json()["results"]
    series = {each["series"]: each for each in answer}
    assert set(series) == {"runs", "BTC/AUD", "ETH/AUD", "OLD/AUD"}
    assert (series["ETH/AUD"]["expected"], series["ETH/AUD"]["coverage"]) == (expected, 1.0)
    assert series["BTC/AUD"]["found"] == expected - 60
    assert series["BTC/AUD"]["gaps"] == [{"since": "2026-03-02T13:00:00Z", "until": "2026-03-02T14:00:00Z"}]
    assert series["OLD/AUD"]["coverage"] == 0
    [gap] = series["OLD/AUD"]["gaps"]
    assert (parse_datetime(gap["since"]), parse_datetime(gap["until"])) == (at(begins), at(begins + expected))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"hours": "0"}, "hours='0' is not a whole number from 1 to 168"),
        ({"hours": "169"}, "hours='169' is not a whole number from 1 to 168"),
        ({"ledger": "gold"}, "ledger='gold' is not one of: exchange, glass, human, catalyst"),
        ({"source": "nobody"}, "source='nobody' is not one of: "),
    ],
)
def test_coverage_says_what_was_wrong_with_a_question(
    api: APIClient, query: dict[str, str], said: str
) -> None:
    answer = api.get(URL, query)
    assert (answer.status_code, said in answer.json()["message"]) == (400, True)
