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
        ("cron:*/59 */23 */31 */12 *", NOON, datetime(2027, 1, 1, tzinfo=UTC)),
        ("cron:0,30 8-18/2 * jan-MAR Mon", NOON, datetime(2026, 3, 2, 12, 30, tzinfo=UTC)),
        ("cron:15/30 0 1 * *", NOON, datetime(2026, 4, 1, 0, 15, tzinfo=UTC)),
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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cron:0 0 L * *", "day_of_month 'L': numbers, names, \\* , - and / are accepted"),
        ("cron:0 0 LW * *", "day_of_month 'LW': numbers"),
        ("cron:0 0 * * 5L", "day_of_week '5L': numbers"),
        ("cron:0 0 * * 1#2", "day_of_week '1#2': numbers"),
        ("cron:0 0 29 2 1#5", "day_of_week '1#5': numbers"),
        ("cron:\u0663 * * * *", "minute '\u0663': numbers"),
        ("cron:0 0 * * \u017fun", "day_of_week '\u017fun': numbers"),
        ("cron:007 * * * *", "minute '007': numbers"),
        ("cron:0, * * * *", "minute '0,': numbers"),
        ("cron:*/0 * * * *", "minute '\\*/0': steps are 1 to 59"),
        ("cron:*/60 * * * *", "minute '\\*/60': steps are 1 to 59"),
        ("cron:*/100000000000000000000 * * * *", "minute '\\*/100000000000000000000': numbers"),
        ("cron:0 */24 * * *", "hour '\\*/24': steps are 1 to 23"),
        ("cron:0 0 1-31/32 * *", "day_of_month '1-31/32': steps are 1 to 31"),
        ("cron:0 0 1 1,*/13 *", "month_of_year '\\*/13': steps are 1 to 12"),
        ("cron:0 0 * * */8", "day_of_week '\\*/8': steps are 1 to 7"),
        ("cron:0 0 29 2 */7", "it would first run in more than five years"),
        ("cron:0 0 FOO * *", "Bad day-of-month"),
    ],
)  # fmt: skip
def test_cron_is_plain_and_says_which_field_is_not(text: str, problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        parse(text)


@given(seconds=st.integers(1, 10**6), passed=st.integers(-(10**9), 10**9))
def test_interval_keeps_its_phase(seconds: int, passed: int) -> None:
    instant = NOON + timedelta(seconds=passed)
    following = Frequency(every=timedelta(seconds=seconds)).next_after(instant, NOON)
    assert instant < following <= instant + timedelta(seconds=seconds)
    assert (following - NOON) % timedelta(seconds=seconds) == timedelta(0)
