"""Cut a period into calendar buckets of the account's time zone, and say what each earned and ended with."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from apps.pnl.models import DailyTotal, EquitySnapshot
from apps.pnl.periods import cut, instants, midnight
from apps.pnl.services.sums import Bound
from apps.pnl.services.valuation import value_positions
from apps.trading.models import Account
from ohmycoins.core.errors import Refused
from ohmycoins.core.money import ZERO

HOUR, DAY, WEEK, MONTH = "hour", "day", "week", "month"
INTERVALS = (HOUR, DAY, WEEK, MONTH)
MOST_HOURS = timedelta(days=31, hours=1)  # a month with an hour more, where clocks go back
MOST_DAYS = 3660

BY_BUCKET = """
    SELECT width_bucket(closed_at, %(starts)s::timestamptz[]), sum(realized_pnl) FROM pnl_closing
    WHERE account_id = %(account)s AND closed_at >= %(start)s AND closed_at < %(end)s GROUP BY 1
"""


class Bucket(NamedTuple):
    """What a stretch of time earned, and what the account was worth when it ended; AUD.

    Equity and unrealised P&L are None where nobody knows what was held then was worth.
    """

    timestamp: datetime
    realized_pnl: Decimal
    unrealized_pnl: Decimal | None
    equity: Decimal | None
    cumulative_pnl: Decimal
    """Realised since the period began."""
    interval: str


def history(account: Account, start: Bound, end: Bound, interval: str, now: datetime) -> list[Bucket]:
    """Give the buckets that begin before `now`, oldest first. Raises Refused: the period is too long.

    A bucket that the period cuts counts only what lies within it. The bucket of this moment ends now.
    """
    begins, ends = instants(start, end, account.timezone)
    assert begins is not None and ends is not None  # noqa: S101, PT018 - both are required
    if ends - begins > (MOST_HOURS if interval == HOUR else timedelta(days=MOST_DAYS)):
        raise Refused(
            f"interval={interval} takes at most {31 if interval == HOUR else MOST_DAYS} days; "
            "ask for less, or for a longer interval"
        )
    zone, until = ZoneInfo(account.timezone), min(ends, now)
    if begins >= until:
        return []
    if interval == HOUR:
        starts = hour_starts(begins, until, zone)
        earned, worth = _hours(account, begins, ends, starts)
    else:
        days = first_days(begins, until, interval, zone)
        starts = [midnight(day, zone) for day in days]
        earned, worth = _days(account, begins, ends, starts, days)
    if begins <= now < ends:
        valuation = value_positions(account)
        worth[len(starts) - 1] = (valuation.equity, valuation.unrealized_pnl)
    return _buckets(starts, earned, worth, interval)


def first_days(begins: datetime, ends: datetime, interval: str, zone: ZoneInfo) -> list[date]:
    """Give the first local day of each day, week (from Monday) or month that touches [begins, ends)."""
    day = begins.astimezone(zone).date()
    if interval == WEEK:
        day -= timedelta(days=day.weekday())
    elif interval == MONTH:
        day = day.replace(day=1)
    days = []
    last = (ends - timedelta.resolution).astimezone(zone).date()
    while begins < ends and day <= last:
        days.append(day)
        day = _FOLLOWING[interval](day)
    return days


_FOLLOWING: dict[str, Callable[[date], date]] = {
    DAY: lambda day: day + timedelta(days=1),
    WEEK: lambda day: day + timedelta(days=7),
    MONTH: lambda day: (day + timedelta(days=32)).replace(day=1),
}


def hour_starts(begins: datetime, ends: datetime, zone: ZoneInfo) -> list[datetime]:
    """Give the instants at which the local hours that touch [begins, ends), in UTC, start.

    An hour that the clocks repeat is two, one that they skip is none.
    """
    local = begins.astimezone(zone)
    start = begins - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    starts = []
    while start < ends:
        starts.append(start)
        start += timedelta(hours=1)
        # Where clocks moved by half an hour, the next hour begins when they say so.
        start += timedelta(minutes=-start.astimezone(zone).minute % 60)
    return starts


Earned = dict[int, Decimal]
Worth = dict[int, tuple[Decimal, Decimal | None]]


def _hours(
    account: Account, begins: datetime, ends: datetime, starts: list[datetime]
) -> tuple[Earned, Worth]:
    shots = EquitySnapshot.objects.filter(account=account, at__gt=begins, at__lte=ends).order_by("at")
    worth: Worth = {
        bisect_left(starts, at) - 1: (cash + value, value - cost)
        for at, cash, value, cost in shots.values_list("at", "cash_aud", "value_aud", "cost_aud")
    }
    return _earned(account, begins, ends, starts), worth


def _days(
    account: Account, begins: datetime, ends: datetime, starts: list[datetime], days: list[date]
) -> tuple[Earned, Worth]:
    """Read whole days from their rows, and what lies at either end from the sales themselves."""
    period = cut(begins, ends, account.timezone)
    earned: Earned = {}
    for edge in period.edges:
        for bucket, gain in _earned(account, edge.start, edge.end, starts).items():
            earned[bucket] = earned.get(bucket, ZERO) + gain
    worth: Worth = {}
    last_days = {day - timedelta(days=1) for day in days[1:]} | {period.days.last if period.days else None}
    if period.days:
        rows = DailyTotal.objects.filter(
            account=account, day__gte=period.days.first, day__lte=period.days.last
        ).order_by("day")
        for day, gain, equity, unrealized in rows.values_list(
            "day", "realized_pnl", "equity_aud", "unrealized_pnl"
        ):
            bucket = bisect_right(days, day) - 1
            earned[bucket] = earned.get(bucket, ZERO) + gain
            if equity is not None and day in last_days:  # a bucket ends with its last day, or nobody knows
                worth[bucket] = (equity, unrealized)
    return earned, worth


def _earned(account: Account, begins: datetime, ends: datetime, starts: Sequence[datetime]) -> Earned:
    with connection.cursor() as cursor:
        given: dict[str, Any] = {"account": account.pk, "starts": [*starts], "start": begins, "end": ends}
        cursor.execute(BY_BUCKET, given)
        return {bucket - 1: gain for bucket, gain in cursor.fetchall()}


def _buckets(starts: Sequence[datetime], earned: Earned, worth: Worth, interval: str) -> list[Bucket]:
    buckets, total = [], ZERO
    for number, start in enumerate(starts):
        gain = earned.get(number, ZERO)
        total += gain
        equity, unrealized = worth.get(number, (None, None))
        buckets.append(Bucket(start, gain, unrealized, equity, total, interval))
    return buckets
