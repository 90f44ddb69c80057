"""Read how often something runs: `interval:5:minutes`, or `cron:0 */4 * * *` in UTC; pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from ohmycoins.core.errors import Invalid

UNITS = ("seconds", "minutes", "hours", "days")
LONGEST = timedelta(days=366)
CRON_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
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
    cron = " ".join(fields)
    try:
        next(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise _invalid(text, str(error)) from None
    except StopIteration:
        raise _invalid(text, "no day is like that") from None
    return cron


def _invalid(text: str, problem: str = "") -> Invalid:
    why = f"{EXPECTED} ({problem})" if problem else EXPECTED
    return Invalid(f"frequency {text!r}: {why}", detail={"frequency": text, "accepted": EXPECTED})
