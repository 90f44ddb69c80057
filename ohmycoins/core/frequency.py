"""Read how often something runs: `interval:5:minutes`, or `cron:0 */4 * * *` in UTC; pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from ohmycoins.core.errors import Invalid

UNITS = ("seconds", "minutes", "hours", "days")
LONGEST = timedelta(days=366)
LONGEST_STEPS = {"minute": 59, "hour": 23, "day_of_month": 31, "month_of_year": 12, "day_of_week": 7}
CRON_FIELDS = tuple(LONGEST_STEPS)
_VALUE = "(?:[0-9]{1,2}|[A-Z]{3})"
CRON_PART = re.compile(
    rf"(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/(?P<step>[0-9]{{1,2}}))?", re.ASCII | re.IGNORECASE
)
"""What a field may list: none of cron's dialects (L, W, #), which the next reader would read otherwise."""
ANY_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
RAREST = timedelta(days=5 * 366)
"""29 February comes every fourth year."""
EXPECTED = (
    "expected interval:N:seconds|minutes|hours|days, or cron: and five fields, such as cron:0 */4 * * *"
)


@dataclass(frozen=True, slots=True)
class Frequency:
    """Instants that come again: every so often, or by a cron expression."""

    every: timedelta | None = None
    cron: str = ""

    def next_after(self, instant: datetime, anchor: datetime) -> datetime:
        """Give the first instant after `instant`; intervals are counted from `anchor`. UTC."""
        if self.every is None:
            return next(CronSim(self.cron, instant.astimezone(UTC)))
        return instant + self.every - (instant - anchor) % self.every


def parse(text: str) -> Frequency:
    """Read a frequency. Raises Invalid, saying what is accepted."""
    kind, _, rest = text.strip().partition(":")
    if kind == "interval":
        return Frequency(every=_interval(text, rest))
    if kind == "cron":
        return Frequency(cron=_cron(text, rest))
    raise _invalid(text)


def _interval(text: str, rest: str) -> timedelta:
    number, _, unit = rest.partition(":")
    if unit not in UNITS or not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise _invalid(text)
    every = timedelta(**{unit: int(number)})
    if not timedelta(0) < every <= LONGEST:
        raise _invalid(text, "between a second and 366 days")
    return every


def _cron(text: str, rest: str) -> str:
    fields = rest.split()
    if len(fields) != len(CRON_FIELDS):
        raise _invalid(text)
    for name, field in zip(CRON_FIELDS, fields, strict=True):
        for part in field.split(","):
            if problem := _problem(name, field, part):
                raise _invalid(text, problem)
    cron = " ".join(fields)
    try:
        first = next(CronSim(cron, ANY_YEAR))
    except CronSimError as error:
        raise _invalid(text, str(error)) from None
    except StopIteration:
        raise _invalid(text, "no day is like that") from None
    if first - ANY_YEAR > RAREST:
        raise _invalid(text, "it would first run in more than five years")
    return cron


def _problem(name: str, field: str, part: str) -> str:
    """Say what is wrong with one part of a cron field, or nothing."""
    found = CRON_PART.fullmatch(part)
    if found is None:
        return f"{name} {field!r}: numbers, names, * , - and / are accepted"
    step, longest = found["step"], LONGEST_STEPS[name]
    if step is not None and not 1 <= int(step) <= longest:
        return f"{name} {part!r}: steps are 1 to {longest}"
    return ""


def _invalid(text: str, problem: str = "") -> Invalid:
    why = f"{EXPECTED} ({problem})" if problem else EXPECTED
    return Invalid(f"frequency {text!r}: {why}", detail={"frequency": text, "accepted": EXPECTED})
