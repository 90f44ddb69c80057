"""How often: every accepted form, what comes next, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ohmycoins.core.errors import Invalid
from ohmycoins.core.frequency import Frequency, parse

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "after", "following"),
    [
        ("interval:30:seconds", NOON, NOON + timedelta(seconds=30)),
        ("interval:5:minutes", NOON + timedelta(minutes=7), NOON + timedelta(minutes=10)),
        ("interval:5:minutes", NOON + timedelta(minutes=4, seconds=59), NOON + timedelta(minutes=5)),
        ("interval:1:hours", NOON - timedelta(days=1), NOON - timedelta(hours=23)),
        ("interval:2:days", NOON, NOON + timedelta(days=2)),
        ("cron:0 */4 * * *", NOON, NOON + timedelta(hours=4)),
        ("cron:30 9 * * 1-5", NOON, datetime(2026, 3, 3, 9, 30, tzinfo=UTC)),
        ("cron:0 0 29 2 *", NOON, datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_gives_what_comes_next(text: str, after: datetime, following: datetime) -> None:
    assert parse(text).next_after(after, NOON) == following


@pytest.mark.parametrize(
    "text",
    [
        "", "5 minutes", "interval:5", "interval:0:minutes", "interval:-1:hours", "interval:1.5:hours", "interval:1:weeks",
        "interval:367:days", "interval:9999999999:seconds", "interval:٣:hours", "cron:", "cron:* * * *", "cron:61 * * * *",
        "cron:0 0 30 2 *", "cron:* * * * * *", "cron:@daily",
    ],
)  # fmt: skip
def test_says_what_is_accepted(text: str) -> None:
    with pytest.raises(Invalid, match="expected interval:N"):
        parse(text)


@given(seconds=st.integers(1, 10**6), passed=st.integers(-(10**9), 10**9))
def test_interval_keeps_its_phase(seconds: int, passed: int) -> None:
    instant = NOON + timedelta(seconds=passed)
    following = Frequency(every=timedelta(seconds=seconds)).next_after(instant, NOON)
    assert instant < following <= instant + timedelta(seconds=seconds)
    assert (following - NOON) % timedelta(seconds=seconds) == timedelta(0)
