"""Cutting periods along local days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.pnl.periods import Cut, Days, Span, cut, local_day

SYDNEY = "Australia/Sydney"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_dates_are_whole_days_and_leave_no_edges() -> None:
    assert cut(date(2026, 3, 1), date(2026, 3, 31), SYDNEY) == Cut(
        Days(date(2026, 3, 1), date(2026, 3, 31)), ()
    )


def test_open_ends_stay_open() -> None:
    assert cut(None, None, "UTC") == Cut(Days(None, None), ())
    assert cut(date(2026, 1, 1), None, "UTC") == Cut(Days(date(2026, 1, 1), None), ())


def test_instants_leave_the_parts_of_days_at_both_ends() -> None:
    found = cut(at("2026-03-01T06:00"), at("2026-03-03T18:00"), "UTC")
    assert found.days == Days(date(2026, 3, 2), date(2026, 3, 2))
    assert found.edges == (
        Span(at("2026-03-01T06:00"), at("2026-03-02T00:00")),
        Span(at("2026-03-03T00:00"), at("2026-03-03T18:00")),
    )


def test_hours_within_one_day_are_one_edge() -> None:
    found = cut(at("2026-03-01T06:00"), at("2026-03-01T07:00"), "UTC")
    assert found == Cut(None, (Span(at("2026-03-01T06:00"), at("2026-03-01T07:00")),))


def test_instants_at_midnight_leave_no_edges() -> None:
    found = cut(at("2026-03-01T00:00"), at("2026-03-02T00:00"), "UTC")
    assert found == Cut(Days(date(2026, 3, 1), date(2026, 3, 1)), ())


def test_empty_period_is_empty() -> None:
    assert cut(at("2026-03-01T00:00"), at("2026-03-01T00:00"), "UTC") == Cut(None, ())
    assert cut(date(2026, 3, 2), date(2026, 3, 1), "UTC") == Cut(None, ())


@pytest.mark.parametrize(
    ("instant", "day"),
    [("2026-04-04T12:59", "2026-04-04"), ("2026-04-04T13:00", "2026-04-05"), ("2026-04-05T13:59", "2026-04-05"),
     ("2026-04-05T14:00", "2026-04-06"), ("2024-02-28T13:00", "2024-02-29"), ("2026-06-30T14:00", "2026-07-01")],
)  # fmt: skip
def test_day_is_local_through_daylight_saving_and_leap_days(instant: str, day: str) -> None:
    assert local_day(at(instant), SYDNEY) == date.fromisoformat(day)


MINUTES = st.integers(0, 2 * 366 * 24 * 60)
INSTANTS = MINUTES.map(lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
ZONES = st.sampled_from(["UTC", SYDNEY, "America/St_Johns", "Pacific/Apia"])


@given(start=INSTANTS, end=INSTANTS, instant=INSTANTS, zone=ZONES)
def test_every_instant_of_the_period_is_in_exactly_one_part(
    start: datetime, end: datetime, instant: datetime, zone: str
) -> None:
    found = cut(start, end, zone)
    parts = [edge.start <= instant < edge.end for edge in found.edges]
    if found.days:
        day = instant.astimezone(ZoneInfo(zone)).date()
        assert found.days.first is not None
        assert found.days.last is not None
        assert found.days.first <= found.days.last + timedelta(days=1)
        parts.append(found.days.first <= day <= found.days.last)
    assert sum(parts) == int(start <= instant < end)
