"""Work out the capital gains of Australian financial years, for an individual who is a resident; pure.

The order is that of the Income Tax Assessment Act 1997, s 102-5: the year's losses come off its gains, then
the losses of earlier years (s 102-15), and only what is left of a gain on a coin held long enough is
discounted (s 115-100). The taxpayer chooses which gains a loss reduces; here it is always the least
discounted ones, which leaves the least to be taxed. What cannot be used is carried forward in full.

What the law says is data: dated rules, since the law changes. A disposal follows the rules of its own day,
so a year in which they change is cut into `Terms`, and its gains are added up by them.
"""

import calendar
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Self

from ohmycoins.core.money import ZERO, round_aud

DISCOUNT_PERCENT = "cgt_discount_percent"
HOLDING_MONTHS = "cgt_holding_months"
LOSSES_FIRST = "losses_before_discount"
_FORM = re.compile(r"(\d{4})-(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class FinancialYear:
    """1 July to 30 June, written as 2025-26."""

    began: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "2025-26". Raises ValueError for any other form, and for years that do not follow."""
        found = _FORM.fullmatch(text)
        if found is None or not 1 <= int(found[1]) <= 9998 or (int(found[1]) + 1) % 100 != int(found[2]):
            raise ValueError(f"{text[:20]!r} is not a financial year, such as 2025-26")
        return cls(int(found[1]))

    @classmethod
    def of(cls, day: date) -> Self:
        return cls(day.year if day.month >= 7 else day.year - 1)

    @property
    def first(self) -> date:
        return date(self.began, 7, 1)

    @property
    def last(self) -> date:
        return date(self.began + 1, 6, 30)

    def __str__(self) -> str:
        return f"{self.began:04}-{(self.began + 1) % 100:02}"


@dataclass(frozen=True, slots=True)
class Rule:
    """What the law says from one day on, until another (the last one it holds; None: still)."""

    name: str
    value: Decimal
    effective_from: date
    effective_to: date | None
    source: str

    def holds_on(self, day: date) -> bool:
        return self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)


_SINCE = date(1999, 9, 21)
SHIPPED = (
    Rule(
        DISCOUNT_PERCENT, Decimal(50), _SINCE, None,
        "Income Tax Assessment Act 1997 (Cth) s 115-100(a): individuals who are residents; "
        "s 115-15: disposals after 11.45 am on 21 September 1999",
    ),
    Rule(
        HOLDING_MONTHS, Decimal(12), _SINCE, None,
        "Income Tax Assessment Act 1997 (Cth) s 115-25(1); Taxation Determination TD 2002/10: "
        "the days of acquisition and of disposal do not count",
    ),
    Rule(
        LOSSES_FIRST, Decimal(1), _SINCE, None,
        "Income Tax Assessment Act 1997 (Cth) s 102-5(1), steps 1 to 3",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Terms:
    """What the rules say of disposals from `since` to `until`, both included.

    `holding_months` is None while nothing is discounted.
    """

    since: date
    until: date
    discount_percent: Decimal
    holding_months: int | None
    losses_before_discount: bool

    def discounts(self, acquired_on: date, disposed_on: date) -> bool:
        """Tell whether a gain on coins of `acquired_on` is a discount gain."""
        return self.holding_months is not None and held(acquired_on, disposed_on, self.holding_months)


def held(acquired_on: date, disposed_on: date, months: int) -> bool:
    """Tell whether `months` passed between two days, neither of which counts.

    The period begins the day after the acquisition and ends before the same day of the month, `months`
    later, or with that month where it has no such day (TD 2002/10; Acts Interpretation Act 1901 s 2G).
    Coins of 1 July 2024 pass on 2 July 2025, coins of 28 and of 29 February 2024 both on 1 March 2025.
    Counting back from the disposal says the same, and says it in PostgreSQL's words too: see
    `services.tax`.
    """
    return months_before(disposed_on, months) > acquired_on


def months_before(day: date, months: int) -> date:
    """Go back, to the last day of a month that is too short: PostgreSQL's `day - interval`."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    length = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, length))


def in_force(rules: Sequence[Rule], name: str, day: date) -> Rule | None:
    """Give the rule that counts on `day`: of those that hold, the one that began, then came, last.

    `rules` are in the order of `effective_from`, then as they were added.
    """
    return next((rule for rule in reversed(rules) if rule.name == name and rule.holds_on(day)), None)


def cut_terms(rules: Sequence[Rule], first: date, last: date) -> list[Terms]:
    """Cut the days from `first` to `last` where a rule begins or ends; oldest first, without a gap."""
    starts = {rule.effective_from for rule in rules}
    starts |= {
        rule.effective_to + timedelta(days=1)
        for rule in rules
        if rule.effective_to and rule.effective_to < last
    }
    edges = [first, *sorted(day for day in starts if first < day <= last), last + timedelta(days=1)]
    return [_terms_on(rules, since, following - timedelta(days=1)) for since, following in pairwise(edges)]


def rules_within(rules: Sequence[Rule], first: date, last: date) -> list[Rule]:
    """Give the rules that count on any day from `first` to `last`."""
    days = [terms.since for terms in cut_terms(rules, first, last)]
    used = [in_force(rules, name, day) for day in days for name in sorted({rule.name for rule in rules})]
    return [rule for rule in rules if rule in used]


def _terms_on(rules: Sequence[Rule], since: date, until: date) -> Terms:
    def value(name: str, otherwise: int) -> Decimal:
        rule = in_force(rules, name, since)
        return Decimal(otherwise) if rule is None else rule.value

    percent = value(DISCOUNT_PERCENT, 0)
    return Terms(
        since=since,
        until=until,
        discount_percent=percent,
        holding_months=int(value(HOLDING_MONTHS, 12)) if percent else None,
        losses_before_discount=bool(value(LOSSES_FIRST, 1)),
    )


@dataclass(frozen=True, slots=True)
class Gains:
    """Disposals under the same terms, added up; AUD, each at least zero."""

    terms: Terms
    discountable: Decimal = ZERO
    other: Decimal = ZERO
    losses: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Assessment:
    """A year worked out, AUD: gross gains − losses used − discount = net capital gain, exactly."""

    discountable_gains: Decimal
    other_gains: Decimal
    losses: Decimal
    losses_carried_in: Decimal
    losses_used: Decimal
    carried_in_used: Decimal
    discount: Decimal

    @property
    def gross_gains(self) -> Decimal:
        return self.discountable_gains + self.other_gains

    @property
    def all_used(self) -> Decimal:
        """Give the losses used, of the year and of earlier ones."""
        return self.losses_used + self.carried_in_used

    @property
    def gains_after_losses(self) -> Decimal:
        return self.gross_gains - self.all_used

    @property
    def net_capital_gain(self) -> Decimal:
        return self.gains_after_losses - self.discount

    @property
    def losses_carried_forward(self) -> Decimal:
        return self.losses + self.losses_carried_in - self.all_used


def assess(gains: Iterable[Gains], carried_in: Decimal) -> Assessment:
    """Work out one year from its gains, by terms, and the losses that came with it.

    The discount is rounded once for each percentage, half to even.
    """
    gains = list(gains)
    discount, by_percent = _before_losses(gains)
    losses = sum((part.losses for part in gains), ZERO)
    left = losses + carried_in
    for percent in sorted(by_percent):
        used = min(left, by_percent[percent])
        left -= used
        discount += _share(by_percent[percent] - used, percent)
    used = losses + carried_in - left
    return Assessment(
        discountable_gains=sum((part.discountable for part in gains), ZERO),
        other_gains=sum((part.other for part in gains), ZERO),
        losses=losses,
        losses_carried_in=carried_in,
        losses_used=min(used, losses),
        carried_in_used=max(used - losses, ZERO),
        discount=discount,
    )


def _before_losses(gains: Iterable[Gains]) -> tuple[Decimal, dict[Decimal, Decimal]]:
    """Give the discount taken before losses, and the gains that remain by the discount still to come."""
    discount, by_percent = ZERO, defaultdict[Decimal, Decimal](Decimal)
    for part in gains:
        percent, early = part.terms.discount_percent, ZERO
        if not part.terms.losses_before_discount:
            percent, early = ZERO, _share(part.discountable, percent)
        discount += early
        by_percent[percent] += part.discountable - early
        by_percent[ZERO] += part.other
    return discount, by_percent


def _share(amount: Decimal, percent: Decimal) -> Decimal:
    return round_aud(amount * percent / 100)


def assess_years(years: Mapping[FinancialYear, Iterable[Gains]]) -> dict[FinancialYear, Assessment]:
    """Work out years in their order; each hands on the losses it could not use."""
    assessed, carried = {}, ZERO
    for year in sorted(years):
        assessed[year] = assess(years[year], carried)
        carried = assessed[year].losses_carried_forward
    return assessed
