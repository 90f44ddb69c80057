"""Say when results are bad enough to stop buying for a while; pure, so that each rule is a table to read.

Sales are judged by what they earned on what the coins had cost, fees in both. Windows and pauses are counted from
the sales themselves, not from when somebody looked: looking late, or twice, comes to the same.
docs/protections.md lists the rules.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ohmycoins.core.errors import Invalid
from ohmycoins.core.money import CENT, PRICE_STEP, ZERO, plain

Minutes = Annotated[int, Field(strict=True, ge=1, le=525_600)]
WindowMinutes = Annotated[int, Field(strict=True, ge=1, le=43_200)]
Sales = Annotated[int, Field(strict=True, ge=1, le=1_000)]
Flag = Annotated[bool, Field(strict=True)]
Percent = Annotated[Decimal, Field(ge=-100, le=1_000, max_digits=8, decimal_places=4)]
ONE = Decimal(1)
LARGEST_LEVEL = Decimal(10) ** 12


class Parameters(BaseModel):
    """What a protection can be set to: names, types, bounds and defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Cooldown(Parameters):
    """Buy a coin no more for `minutes` after a sale of it; only after one that lost unless told otherwise."""

    minutes: Minutes
    only_losses: Flag = True


class LosingSales(Parameters):
    """Buy no more for `pause_minutes` after the last of so many sales in a window that earned less than required."""

    sales: Sales
    window_minutes: WindowMinutes
    pause_minutes: Minutes
    per_coin: Flag = False
    required_profit_percent: Percent = ZERO


class LowProfit(Parameters):
    """Buy a coin no more for `pause_minutes` after so many sales of it in a window earned less together than required."""

    window_minutes: WindowMinutes
    sales: Sales = 1
    required_profit_percent: Percent = ZERO
    pause_minutes: Minutes


class Drawdown(Parameters):
    """Buy no more after losing so much since the peak of the window; until a person releases it without a pause."""

    max_percent: Annotated[Decimal, Field(gt=0, le=100, max_digits=7, decimal_places=4)]
    window_days: Annotated[int, Field(strict=True, ge=1, le=366)]
    pause_minutes: Minutes | None = None


class FailingCollectors(Parameters):
    """Let an algorithm buy no more while a collector of an input that it declares fails."""


class Outliers(Parameters):
    """Buy a coin no more for `minutes` after its price jumped out of its past."""

    minutes: Minutes


PARAMETERS: Mapping[str, type[Parameters]] = {
    "cooldown": Cooldown, "losing_sales": LosingSales, "low_profit": LowProfit, "drawdown": Drawdown,
    "failing_collectors": FailingCollectors, "outliers": Outliers,
}  # fmt: skip


def read_parameters(kind: str, given: Any) -> Parameters:
    """Give a protection's parameters, defaults filled in. Raises Invalid, naming each that is wrong."""
    if kind not in PARAMETERS:
        raise Invalid(f"kind={kind!r} is not one of: {', '.join(PARAMETERS)}")
    try:
        return PARAMETERS[kind].model_validate(given)
    except ValidationError as error:
        accepted = ", ".join(PARAMETERS[kind].model_fields) or "none"
        wrong = {
            ".".join(map(str, each["loc"])) or "parameters": f"is not one of: {accepted}"
            if each["type"] == "extra_forbidden" else each["msg"]
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        }  # fmt: skip
        said = "; ".join(f"{name}: {message}" for name, message in wrong.items())
        raise Invalid(f"parameters of {kind}: {said}", detail={"parameters": wrong}) from None


@dataclass(frozen=True, slots=True)
class Sale:
    """What an order's fills, or an imported fill, closed lots with; AUD."""

    key: str
    """Tells it from every other, such as `order:5`, however often the book is kept anew."""
    algorithm_id: int | None
    coin_type: str
    realized_pnl: Decimal
    cost: Decimal
    closed_at: datetime
    """When the last of it was filled."""

    def earned_less_than(self, percent: Decimal) -> bool:
        return _less(self.realized_pnl, self.cost, percent)


@dataclass(frozen=True, slots=True)
class Pause:
    """No purchases until then, of one coin or of any."""

    after: Sale
    until: datetime
    reason: str
    inputs: dict[str, Any]
    coin_type: str = ""

    @property
    def cause(self) -> str:
        """Name what it follows from: another fill of the same sale is another cause."""
        return f"{self.after.key}@{int(self.after.closed_at.timestamp() * 1_000_000)}"


def pauses(parameters: Parameters, sales: Sequence[Sale]) -> list[Pause]:
    """Give the pauses that follow from an account's sales by a rule: of each coin, or of all, the latest.

    `sales` reach back from the first that is news by the rule's window at least.
    """
    in_order = sorted(sales, key=attrgetter("closed_at", "key"))
    if isinstance(parameters, Cooldown):
        return [
            _cool_down(parameters, own) for own in _by_coin(s for s in in_order if _counts(parameters, s))
        ]
    if isinstance(parameters, LosingSales):
        losing = [sale for sale in in_order if sale.earned_less_than(parameters.required_profit_percent)]
        groups = list(_by_coin(losing)) if parameters.per_coin else [losing]
        found = [_too_many_losing(parameters, own) for own in groups]
    elif isinstance(parameters, LowProfit):
        found = [_earned_too_little(parameters, own) for own in _by_coin(in_order)]
    else:
        found = []
    return [pause for pause in found if pause]


def _counts(rule: Cooldown, sale: Sale) -> bool:
    return not rule.only_losses or sale.realized_pnl < 0


def _by_coin(sales: Iterable[Sale]) -> Iterator[list[Sale]]:
    for _, own in groupby(sorted(sales, key=attrgetter("coin_type")), key=attrgetter("coin_type")):
        yield list(own)


def _cool_down(rule: Cooldown, sales: Sequence[Sale]) -> Pause:
    last = sales[-1]
    return Pause(
        last, last.closed_at + timedelta(minutes=rule.minutes), _said("a sale", last.coin_type, last.realized_pnl),
        {"sale": last.key, "realized_pnl": plain(last.realized_pnl)}, last.coin_type,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Window:
    """The sales up to `last` that a window holds, added up."""

    last: Sale
    sales: int
    realized_pnl: Decimal
    cost: Decimal


def _windows(sales: Sequence[Sale], minutes: int) -> Iterator[_Window]:
    """Give the window that ends with each sale; what is exactly a window older is out of it."""
    length, first, earned, cost = timedelta(minutes=minutes), 0, ZERO, ZERO
    for number, sale in enumerate(sales):
        earned, cost = earned + sale.realized_pnl, cost + sale.cost
        while sales[first].closed_at <= sale.closed_at - length:
            earned, cost = earned - sales[first].realized_pnl, cost - sales[first].cost
            first += 1
        if number + 1 == len(sales) or sales[number + 1].closed_at != sale.closed_at:
            yield _Window(sale, number + 1 - first, earned, cost)


def _too_many_losing(rule: LosingSales, losing: Sequence[Sale]) -> Pause | None:
    found = [window for window in _windows(losing, rule.window_minutes) if window.sales >= rule.sales]
    if not found:
        return None
    worst, coin = found[-1], losing[0].coin_type if rule.per_coin else ""
    what = f"{_sales(worst.sales)} within {rule.window_minutes} minutes that earned less than {plain(rule.required_profit_percent)} %"
    return _paused(rule.pause_minutes, worst, coin, what)


def _earned_too_little(rule: LowProfit, sales: Sequence[Sale]) -> Pause | None:
    found = [
        window for window in _windows(sales, rule.window_minutes)
        if window.sales >= rule.sales and _less(window.realized_pnl, window.cost, rule.required_profit_percent)
    ]  # fmt: skip
    if not found:
        return None
    what = f"{_sales(found[-1].sales)} within {rule.window_minutes} minutes, less than {plain(rule.required_profit_percent)} % together"
    return _paused(rule.pause_minutes, found[-1], sales[0].coin_type, what)


def _paused(minutes: int, window: _Window, coin: str, what: str) -> Pause:
    return Pause(
        window.last, window.last.closed_at + timedelta(minutes=minutes), _said(what, coin, window.realized_pnl),
        {"sales": window.sales, "realized_pnl": plain(window.realized_pnl), "cost": plain(window.cost)}, coin,
    )  # fmt: skip


def _sales(number: int) -> str:
    return "a sale" if number == 1 else f"{number} sales"


def _said(what: str, coin: str, earned: Decimal) -> str:
    lost = f"lost A${plain(-earned)}" if earned < 0 else f"earned A${plain(earned)}"
    return f"{what}{f' of {coin}' if coin else ''}: {lost}"


def _less(earned: Decimal, cost: Decimal, percent: Decimal) -> bool:
    """Compare without dividing: coins that cost nothing have no profit in per cent, but may lose their fee."""
    return earned * 100 < percent * cost


@dataclass(frozen=True, slots=True)
class Worth:
    """What an account is worth, and what was paid into it so far, less what was taken out; AUD."""

    equity: Decimal
    paid_in: Decimal


@dataclass(frozen=True, slots=True)
class Course:
    """How an account, or a book, did: its level when last seen, and the highest of each day (UTC).

    An account's level is what A$1 became that was there at the beginning; a book's is the AUD that it earned.
    """

    level: Decimal
    highs: Mapping[date, Decimal]
    worth: Worth | None = None

    @property
    def peak(self) -> Decimal:
        return max(self.highs.values(), default=self.level)


def begin(today: date, *, worth: Worth | None = None, level: Decimal = ONE) -> Course:
    """Begin a course: what was before counts no more."""
    return Course(level, {today: level}, worth)


def follow(course: Course, worth: Worth, today: date, window_days: int) -> Course:
    """Go on with an account's course. Payments are no gain and no loss, whenever they came.

    What was earned since it was last seen is a share of what was there then, and of what was paid in since.
    """
    before = course.worth or worth
    base = before.equity + max(worth.paid_in - before.paid_in, ZERO)
    earned = (worth.equity - worth.paid_in) - (before.equity - before.paid_in)
    grown = max(1 + earned / base, ZERO) if base > 0 else ONE
    level = (course.level * grown).quantize(PRICE_STEP, ROUND_DOWN) if grown != 1 else course.level
    if level >= LARGEST_LEVEL:  # no peak before was as high
        return begin(today, worth=worth)
    return replace(reach(course, level, today, window_days), worth=worth)


def reach(course: Course, level: Decimal, today: date, window_days: int) -> Course:
    """Go on with a course at another level; days before the window are forgotten."""
    first = today - timedelta(days=window_days)
    highs = {day: high for day, high in course.highs.items() if first <= day < today}
    highs[today] = max(level, course.highs.get(today, level))
    return replace(course, level=level, highs=highs)


def fallen_percent(course: Course, base: Decimal | None = None) -> Decimal:
    """Give how far a course is below its peak: of the peak, or of `base`; 0 where there is nothing to fall from."""
    of = course.peak if base is None else base
    return (course.peak - course.level) * 100 / of if of > 0 else ZERO


def shown(percent: Decimal) -> str:
    """Write per cent to two decimals, never more than it was."""
    return plain(percent.quantize(CENT, ROUND_DOWN))
