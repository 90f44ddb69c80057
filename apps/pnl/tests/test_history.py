"""Cutting periods into calendar buckets, in every time zone, over HTTP and in the pure parts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.ledgers.tests.factories import make_price
from apps.pnl.models import Closing, DailyTotal, Lot, Match
from apps.pnl.services.history import DAY, MONTH, WEEK, first_days, hour_starts
from apps.pnl.services.rollups import rebuild_sums
from apps.pnl.tests.books import Happening, record
from apps.trading.models import Account, Fill
from apps.trading.tests.factories import make_account, trade

SYDNEY = ZoneInfo("Australia/Sydney")
URL = "/api/v1/floor/pnl/history"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-04-05", 25), ("2026-10-04", 23), ("2026-07-01", 24)],  # clocks go back, forward, and stay
)
def test_local_day_has_as_many_hours_as_its_clocks_say(day: str, hours: int) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=SYDNEY)
    end = (datetime.fromisoformat(day) + timedelta(days=1)).replace(tzinfo=SYDNEY)
    starts = hour_starts(start.astimezone(UTC), end.astimezone(UTC), SYDNEY)
    assert len(starts) == hours
    assert {after - before for before, after in pairwise(starts)} == {timedelta(hours=1)}


def test_hours_follow_clocks_that_move_by_half_an_hour() -> None:
    """Lord Howe Island goes from UTC+11 to UTC+10:30 at 15:00 UTC on 4 April 2026, when it is 2:00 there."""
    zone = ZoneInfo("Australia/Lord_Howe")
    starts = hour_starts(utc("2026-04-04 13:00"), utc("2026-04-04 17:00"), zone)
    assert [start.astimezone(zone).strftime("%H:%M") for start in starts] == [
        "00:00",
        "01:00",
        "02:00",
        "03:00",
    ]


@pytest.mark.parametrize(
    ("start", "end", "interval", "expected"),
    [
        ("2026-03-01", "2026-03-04", DAY, ["2026-03-01", "2026-03-02", "2026-03-03"]),
        ("2026-03-01", "2026-03-10", WEEK, ["2026-02-23", "2026-03-02", "2026-03-09"]),
        ("2028-01-31", "2028-03-02", MONTH, ["2028-01-01", "2028-02-01", "2028-03-01"]),
        ("2028-02-28", "2028-03-01", DAY, ["2028-02-28", "2028-02-29"]),  # a leap day
        ("2027-02-28", "2027-03-02", DAY, ["2027-02-28", "2027-03-01"]),
        ("2026-03-01", "2026-03-01", DAY, []),
    ],
)
def test_buckets_are_the_calendar_s(start: str, end: str, interval: str, expected: list[str]) -> None:
    days = first_days(utc(start), utc(end), interval, ZoneInfo("UTC"))
    assert days == [date.fromisoformat(day) for day in expected]


@given(
    after=st.timedeltas(timedelta(0), timedelta(days=1800)),
    length=st.timedeltas(timedelta(seconds=1), timedelta(days=40)),
    zone=st.sampled_from(
        ["Australia/Sydney", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]
    ),
)
def test_hours_are_contiguous_and_cover_the_period(after: timedelta, length: timedelta, zone: str) -> None:
    begins = utc("2024-01-01") + after
    starts = hour_starts(begins, begins + length, ZoneInfo(zone))
    assert starts[0] <= begins
    assert starts[-1] < begins + length
    for one, following in pairwise(starts):
        assert one < following <= one + timedelta(minutes=90)
    assert all(instant.astimezone(ZoneInfo(zone)).minute == 0 for instant in starts[1:])


@pytest.fixture
def account(user: User, clock: Any) -> Account:
    account = make_account(user)
    Account.objects.filter(pk=account.pk).update(timezone="Australia/Sydney")
    account.refresh_from_db()
    return account


def happen(account: Account, at: str, side: str, price: int, number: int) -> None:
    record(account, Moment(0, number, side, "BTC", None, "", "trade", D(1), D(price), D(0), utc(at)))


def make_fill(account: Account, side: str, at: datetime, quantity: int = 1) -> Fill:
    return Fill.objects.create(
        account=account, coin_type="BTC", side=side, quantity=quantity, price=0, value_aud=0, executed_at=at,
        venue_fill_id=f"{side} {at}",
    )  # fmt: skip


class Moment(Happening):
    """A happening at an instant of its own."""

    __slots__ = ("instant",)

    def __init__(self, *values: Any) -> None:
        *most, instant = values
        super().__init__(*most)
        object.__setattr__(self, "instant", instant)

    @property
    def at(self) -> datetime:
        return self.instant  # type: ignore[no-any-return,attr-defined]


@pytest.mark.django_db
def test_year_with_daylight_saving_counts_every_sale_once(
    api: APIClient, account: Account, clock: Any
) -> None:
    """One sale at the first and one in the last minute of every local day of a year."""
    clock.move_to("2026-12-31T12:59:00Z")
    midnights = [
        (datetime(2026, 1, 1, tzinfo=SYDNEY) + timedelta(days=n)).astimezone(UTC) for n in range(366)
    ]
    moments = midnights[:-1] + [midnight - timedelta(minutes=1) for midnight in midnights[1:]]
    bought = make_fill(account, "buy", utc("2025-01-01"), quantity=len(moments))
    lot = Lot.objects.create(
        fill=bought, account=account, coin_type="BTC", quantity=len(moments), remaining_quantity=0, cost=0,
        remaining_cost=0, fee_aud=0, acquired_at=bought.executed_at,
    )  # fmt: skip
    for at in moments:
        closing = Closing.objects.create(
            fill=make_fill(account, "sell", at), account=account, coin_type="BTC", quantity=1, proceeds=1, cost=0,
            realized_pnl=1, fee_aud=0, closed_at=at,
        )  # fmt: skip
        Match.objects.create(
            closing=closing, lot=lot, account=account, coin_type="BTC", quantity=1, cost=0, proceeds=1, realized_pnl=1,
            acquired_at=lot.acquired_at, disposed_at=at,
        )  # fmt: skip
    rebuild_sums(account)
    answers = {
        interval: api.get(f"{URL}?start_date=2026-01-01&end_date=2026-12-31&interval={interval}").json()
        for interval in ("day", "week", "month")
    }
    days = answers["day"]
    assert {bucket["realized_pnl"] for bucket in days} == {"2"}
    assert (len(days), days[0]["timestamp"], days[-1]["timestamp"]) == (
        365, "2025-12-31T13:00:00Z", "2026-12-30T13:00:00Z",
    )  # fmt: skip
    for buckets in answers.values():
        assert sum(D(bucket["realized_pnl"]) for bucket in buckets) == 730
        assert buckets[-1]["cumulative_pnl"] == "730"
    assert [bucket["realized_pnl"] for bucket in answers["month"]][:3] == ["62", "56", "62"]
    april = api.get(f"{URL}?start_date=2026-04-04&end_date=2026-04-06&interval=hour").json()
    assert len(april) == 24 + 25 + 24
    assert sum(D(bucket["realized_pnl"]) for bucket in april) == 6
    halves = [
        api.get(f"{URL}?start_date={start}&end_date={end}&interval=week").json()
        for start, end in (("2026-01-01", "2026-06-15T03:00:00Z"), ("2026-06-15T03:00:00Z", "2026-12-31"))
    ]
    assert sum(D(bucket["realized_pnl"]) for half in halves for bucket in half) == 730


@pytest.mark.django_db
def test_neighbouring_periods_never_count_a_fill_twice(api: APIClient, account: Account, clock: Any) -> None:
    happen(account, "2026-03-01T10:00:00", "buy", 100, 1)
    happen(account, "2026-03-02T10:00:00", "sell", 150, 2)
    sums = []
    for start, end in (
        ("2026-03-01T00:00:00Z", "2026-03-02T10:00:00Z"), ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00.000001Z"),
        ("2026-03-02T10:00:00.000001Z", "2026-03-02T23:00:00Z"),
    ):  # fmt: skip
        for interval in ("hour", "day", "week", "month"):
            buckets = api.get(f"{URL}?start_date={start}&end_date={end}&interval={interval}").json()
            sums.append(sum(D(bucket["realized_pnl"]) for bucket in buckets))
    assert sums == [0] * 4 + [50] * 4 + [0] * 4


@pytest.mark.django_db
def test_bucket_of_this_moment_ends_with_what_the_account_is_worth_now(
    api: APIClient, account: Account, clock: Any
) -> None:
    make_price(bid=120, ask=100, last=120)
    trade(account, quantity="10")
    for interval in ("hour", "day", "week", "month"):
        last = api.get(f"{URL}?start_date=2026-02-20&end_date=2026-03-20&interval={interval}").json()[-1]
        assert (last["equity"], last["unrealized_pnl"], last["interval"]) == ("100199", "199", interval)


@pytest.mark.django_db
def test_history_of_nothing_is_empty_buckets(api: APIClient, account: Account) -> None:
    buckets = api.get(f"{URL}?start_date=2026-02-01&end_date=2026-02-02").json()
    assert buckets == [
        {"timestamp": stamp, "realized_pnl": "0", "unrealized_pnl": None, "equity": None, "cumulative_pnl": "0",
         "interval": "day"}
        for stamp in ("2026-01-31T13:00:00Z", "2026-02-01T13:00:00Z")
    ]  # fmt: skip
    assert api.get(f"{URL}?start_date=2027-02-01&end_date=2027-02-02").json() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "status", "named"),
    [
        ("", 422, "start_date"),
        ("start_date=2026-01-01", 422, "end_date"),
        ("start_date=2026-01-01&end_date=2026-01-02&interval=minute", 400, "hour, day, week, month"),
        ("start_date=2026-01-01&end_date=2026-03-02&interval=hour", 422, "31 days"),
        ("start_date=1926-01-01&end_date=2026-03-02", 422, "3660 days"),
        ("start_date=2026-01-03&end_date=2026-01-02", 400, "after"),
        ("start_date=yesterday&end_date=2026-01-02", 400, "start_date"),
    ],
)
def test_bad_periods_are_named(api: APIClient, account: Account, query: str, status: int, named: str) -> None:
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == status
    assert named in answer.json()["message"]


@pytest.mark.django_db
def test_a_whole_month_of_hours_is_allowed(api: APIClient, account: Account) -> None:
    buckets = api.get(f"{URL}?start_date=2026-01-01&end_date=2026-01-31&interval=hour").json()
    assert len(buckets) == 31 * 24


@pytest.mark.django_db
def test_queries_do_not_grow(
    api: APIClient, account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_price()
    for _ in range(2):
        for number in range(3):
            trade(account, quantity="0.01")
            trade(account, "sell", quantity=f"0.00{number + 1}")
        for interval, count in {"hour": 4, "day": 3, "week": 3, "month": 3}.items():
            with django_assert_num_queries(count):
                api.get(f"{URL}?start_date=2026-02-25&end_date=2026-03-02&interval={interval}")
        for path in ("by-coin", "by-algorithm", "by-signal"):
            with django_assert_num_queries(2):
                api.get(f"/api/v1/floor/pnl/{path}")
            with django_assert_num_queries(3):
                api.get(f"/api/v1/floor/pnl/{path}?start_date=2026-03-01T05:00:00Z")


@pytest.mark.django_db
def test_bucket_whose_last_day_nobody_valued_has_no_equity(api: APIClient, account: Account) -> None:
    for day, equity in (("2026-01-30", 10), ("2026-01-31", 20), ("2026-02-04", 30)):
        DailyTotal.objects.create(
            account=account, day=day, equity_aud=equity, unrealized_pnl=1, paid_in_aud=0, valued_at=utc(day)
        )
    months = api.get(f"{URL}?start_date=2026-01-01&end_date=2026-02-28&interval=month").json()
    assert [month["equity"] for month in months] == ["20", None]
    cut = api.get(f"{URL}?start_date=2026-01-01&end_date=2026-02-04&interval=month").json()
    assert [month["equity"] for month in cut] == ["20", "30"]
