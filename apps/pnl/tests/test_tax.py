"""The tax rules as tables worked out by hand, and as properties."""

from datetime import date, timedelta
from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.pnl.tax import (
    DISCOUNT_PERCENT,
    HOLDING_MONTHS,
    SHIPPED,
    Assessment,
    FinancialYear,
    Gains,
    Rule,
    Terms,
    assess,
    assess_years,
    cut_terms,
    held,
    in_force,
    months_before,
    rules_within,
)  # fmt: skip
from ohmycoins.core.money import ZERO

DAYS = st.dates(date(1999, 9, 21), date(2060, 12, 31))
AMOUNTS = st.decimals(0, 10**9, places=8)


def day(text: str) -> date:
    return date.fromisoformat(text)


def terms(percent: str = "50", *, losses_first: bool = True) -> Terms:
    return Terms(day("2025-07-01"), day("2026-06-30"), D(percent), 12, losses_first)


def gains(discountable: str = "0", other: str = "0", losses: str = "0", under: Terms | None = None) -> Gains:
    return Gains(under or terms(), D(discountable), D(other), D(losses))


def rule(name: str, value: str, since: str, until: str | None = None) -> Rule:
    return Rule(name, D(value), day(since), until and day(until), "a test")


# Financial years


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2025-26", "2025-07-01", "2026-06-30"),
        ("1999-00", "1999-07-01", "2000-06-30"),
        ("2023-24", "2023-07-01", "2024-06-30"),
    ],
)
def test_financial_year_is_july_to_june(text: str, first: str, last: str) -> None:
    year = FinancialYear.parse(text)
    assert (year.first, year.last, str(year)) == (day(first), day(last), text)
    assert FinancialYear.of(year.first) == FinancialYear.of(year.last) == year
    assert (
        FinancialYear.of(year.first - timedelta(days=1)) < year < FinancialYear.of(year.last + timedelta(1))
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025",
        "2025-2026",
        "2025-27",
        "2025-25",
        "25-26",
        "2025/26",
        "２０２５-26",
        "2025-26\n",
        "0000-01",
        "9999-00",
    ],
)
def test_any_other_form_of_a_year_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a financial year, such as 2025-26"):
        FinancialYear.parse(text)


@given(DAYS)
def test_every_day_is_within_its_own_financial_year(on: date) -> None:
    year = FinancialYear.of(on)
    assert year.first <= on <= year.last
    assert FinancialYear.parse(str(year)) == year


# The 12-month test


@pytest.mark.parametrize(
    ("acquired", "first_discounted"),
    [
        ("2024-07-01", "2025-07-02"),
        ("2001-02-02", "2002-02-03"),  # the example of TD 2002/10
        ("2024-06-30", "2025-07-01"),
        ("2024-12-31", "2026-01-01"),
        ("2025-01-30", "2026-01-31"),
        ("2023-02-27", "2024-02-28"),
        ("2023-02-28", "2024-03-01"),  # the period runs from 1 March to 29 February
        ("2024-02-27", "2025-02-28"),
        ("2024-02-28", "2025-03-01"),  # it begins on 29 February and ends with February
        ("2024-02-29", "2025-03-01"),
        ("2024-03-01", "2025-03-02"),
    ],
)
def test_first_day_with_a_discount_is_after_twelve_clear_months(acquired: str, first_discounted: str) -> None:
    first = day(first_discounted)
    assert held(day(acquired), first, 12)
    assert not held(day(acquired), first - timedelta(days=1), 12)


@given(DAYS, st.integers(1, 36))
def test_period_of_months_is_that_of_the_acts_interpretation_act(acquired: date, months: int) -> None:
    """Build the period forwards, as the Act does: to before the same day, or else to the month's end."""
    begins = acquired + timedelta(days=1)
    year, month = divmod(begins.year * 12 + begins.month - 1 + months, 12)
    try:
        after = date(year, month + 1, begins.day)
    except ValueError:
        after = date(year + month // 11, (month + 1) % 12 + 1, 1)
    assert held(acquired, after, months)
    assert not held(acquired, after - timedelta(days=1), months)


@given(DAYS, DAYS)
def test_a_discounted_gain_has_365_clear_days_at_least(acquired: date, disposed: date) -> None:
    clear_days = (disposed - acquired).days - 1
    if held(acquired, disposed, 12):
        assert clear_days >= 365
    else:
        assert clear_days < 366


@pytest.mark.parametrize(
    ("on", "months", "before"),
    [
        ("2025-03-31", 1, "2025-02-28"), ("2024-03-31", 1, "2024-02-29"), ("2024-02-29", 12, "2023-02-28"),
        ("2025-01-15", 1, "2024-12-15"), ("2025-12-31", 12, "2024-12-31"), ("2025-06-30", 0, "2025-06-30"),
    ],
)  # fmt: skip
def test_months_go_back_to_the_end_of_a_shorter_month(on: str, months: int, before: str) -> None:
    assert months_before(day(on), months) == day(before)


# Rules


def test_shipped_rules_discount_by_half_after_twelve_months_and_after_losses() -> None:
    year = FinancialYear.parse("2025-26")
    assert cut_terms(SHIPPED, year.first, year.last) == [Terms(year.first, year.last, D(50), 12, True)]
    assert rules_within(SHIPPED, year.first, year.last) == list(SHIPPED)


def test_nothing_was_discounted_before_the_discount_began() -> None:
    before, after = cut_terms(SHIPPED, day("1999-07-01"), day("2000-06-30"))
    assert (before.until, before.holding_months) == (day("1999-09-20"), None)
    assert (after.since, after.discount_percent) == (day("1999-09-21"), 50)
    assert not before.discounts(day("1990-01-01"), before.until)
    assert after.discounts(day("1990-01-01"), after.since)


def test_rule_added_later_overrules_an_earlier_one_from_its_day_on() -> None:
    rules = [*SHIPPED, rule(DISCOUNT_PERCENT, "25", "2026-01-01"), rule(DISCOUNT_PERCENT, "30", "2026-01-01")]
    first, second = cut_terms(rules, day("2025-07-01"), day("2026-06-30"))
    assert (first.until, first.discount_percent) == (day("2025-12-31"), 50)
    assert (second.since, second.discount_percent) == (day("2026-01-01"), 30)
    assert rules_within(rules, first.since, second.until) == [*SHIPPED, rules[-1]]


def test_rule_with_an_end_gives_way_to_the_one_before_it() -> None:
    rules = [*SHIPPED, rule(DISCOUNT_PERCENT, "60", "2025-10-01", "2025-12-31")]
    percents = [part.discount_percent for part in cut_terms(rules, day("2025-07-01"), day("2026-06-30"))]
    assert percents == [50, 60, 50]
    kept = in_force(rules, DISCOUNT_PERCENT, day("2025-12-31"))
    assert kept is not None
    assert kept.value == 60


def test_each_disposal_follows_the_holding_rule_of_its_own_day() -> None:
    rules = [*SHIPPED, rule(HOLDING_MONTHS, "24", "2026-01-01")]
    first, second = cut_terms(rules, day("2025-07-01"), day("2026-06-30"))
    assert first.discounts(day("2024-06-01"), day("2025-12-31"))
    assert not second.discounts(day("2024-06-01"), day("2026-01-01"))
    assert second.discounts(day("2023-12-30"), day("2026-01-01"))


@given(st.lists(st.tuples(DAYS, st.none() | st.integers(0, 4000), st.integers(0, 100)), max_size=6), DAYS)
def test_terms_cover_every_day_once_and_say_what_the_rules_say(
    dated: list[tuple[date, int | None, int]], first: date
) -> None:
    rules = [
        Rule(
            DISCOUNT_PERCENT,
            D(percent),
            since,
            None if days is None else since + timedelta(days=days),
            "a test",
        )
        for since, days, percent in sorted(dated, key=lambda row: row[0])
    ]
    last = first + timedelta(days=364)
    parts = cut_terms(rules, first, last)
    assert (parts[0].since, parts[-1].until) == (first, last)
    for part, following in pairwise(parts):
        assert part.until + timedelta(days=1) == following.since
    for part in parts:
        for on in (part.since, part.until):
            counting = in_force(rules, DISCOUNT_PERCENT, on)
            assert part.discount_percent == (counting.value if counting else 0)


# Years


@pytest.mark.parametrize(
    ("parts", "carried_in", "used", "discount", "net", "carried_forward"),
    [
        # Nothing; one gain of each kind.
        ([], "0", "0", "0", "0", "0"),
        ([gains(other="100")], "0", "0", "0", "100", "0"),
        ([gains(discountable="100")], "0", "0", "50", "50", "0"),
        # Losses come off before the discount: (1,000 − 400) × 50 %, not 1,000 × 50 % − 400.
        ([gains(discountable="1000", losses="400")], "0", "400", "300", "300", "0"),
        # They come off other gains first: 500 − 400, and 1,000 × 50 %.
        ([gains(discountable="1000", other="500", losses="400")], "0", "400", "500", "600", "0"),
        # What other gains cannot take comes off discount gains: (1,000 − 100) × 50 %.
        ([gains(discountable="1000", other="500", losses="600")], "0", "600", "450", "450", "0"),
        # Losses of earlier years come last, and are never discounted.
        ([gains(discountable="1000", other="500", losses="600")], "300", "900", "300", "300", "0"),
        ([gains(discountable="1000", other="500", losses="600")], "2000", "1500", "0", "0", "1100"),
        ([gains(losses="250")], "100", "0", "0", "0", "350"),
        # One cent's hundred-millionths: half of 0.00000001 rounds to even, once.
        ([gains(discountable="0.00000001")], "0", "0", "0", "0.00000001", "0"),
        ([gains(discountable="0.00000003")], "0", "0", "0.00000002", "0.00000001", "0"),
        # The discount falls to 25 % in the year: losses come off the gains that it helps least.
        (
            [gains(discountable="1000"), gains(discountable="1000", losses="1500", under=terms("25"))],
            "0", "1500", "250", "250", "0",
        ),
        # Were the discount taken first, losses would meet half the gain.
        ([gains(discountable="1000", losses="400", under=terms(losses_first=False))], "0", "400", "500", "100", "0"),
        ([gains(discountable="1000", losses="700", under=terms(losses_first=False))], "0", "500", "500", "0", "200"),
    ],
)  # fmt: skip
def test_losses_come_off_before_the_discount(
    parts: list[Gains], carried_in: str, used: str, discount: str, net: str, carried_forward: str
) -> None:
    assessed = assess(parts, D(carried_in))
    assert assessed.all_used == D(used)
    assert (assessed.discount, assessed.net_capital_gain) == (D(discount), D(net))
    assert assessed.losses_carried_forward == D(carried_forward)


def test_losses_of_the_year_are_used_before_those_carried_in() -> None:
    assessed = assess([gains(other="700", losses="600")], D(300))
    assert assessed == Assessment(ZERO, D(700), D(600), D(300), D(600), D(100), ZERO)
    assert assessed.losses_carried_forward == 200


def test_losses_are_carried_across_years_until_gains_use_them() -> None:
    first, second, fourth = (FinancialYear(began) for began in (2021, 2022, 2024))
    years = assess_years(
        {
            fourth: [gains(discountable="5000")],  # (5,000 − 500) × 50 %
            first: [gains(other="1000", losses="4000")],  # 3,000 left over
            second: [gains(discountable="1500", other="1500", losses="500")],  # 2,500 of them used
        }
    )
    assert [(str(year), one.net_capital_gain, one.losses_carried_forward) for year, one in years.items()] == [
        ("2021-22", 0, 3000), ("2022-23", 0, 500), ("2024-25", 2250, 0),
    ]  # fmt: skip


PARTS = st.lists(
    st.builds(
        Gains, st.builds(terms, st.sampled_from(["0", "25", "33.33333333", "50", "100"]), losses_first=st.booleans()),
        AMOUNTS, AMOUNTS, AMOUNTS,
    ),
    max_size=5,
)  # fmt: skip


@given(PARTS, AMOUNTS)
def test_net_gain_is_never_below_zero_and_no_loss_is_lost(parts: list[Gains], carried_in: D) -> None:
    assessed = assess(parts, carried_in)
    assert assessed.net_capital_gain >= 0
    assert assessed.losses_carried_forward >= 0
    used = assessed.all_used
    assert assessed.losses + carried_in == used + assessed.losses_carried_forward
    assert assessed.gross_gains == used + assessed.discount + assessed.net_capital_gain
    if assessed.losses_carried_forward:  # only when there was nothing left to take it from
        assert assessed.net_capital_gain == 0
    if assessed.carried_in_used:
        assert assessed.losses_used == assessed.losses


@given(PARTS, AMOUNTS)
def test_no_other_use_of_the_losses_leaves_less_to_tax(parts: list[Gains], carried_in: D) -> None:
    """Compare with taking all of the losses from the gains in each other order, one percentage after another."""
    parts = [part for part in parts if part.terms.losses_before_discount]
    best = assess(parts, carried_in).net_capital_gain
    left = sum((part.losses for part in parts), carried_in)
    taxed = ZERO
    for percent, amount in [(part.terms.discount_percent, part.discountable) for part in parts] + [
        (ZERO, part.other) for part in parts
    ]:
        used = min(left, amount)
        left -= used
        taxed += (amount - used) * (100 - percent) / 100
    assert best <= taxed + D("0.00000003")


@given(st.dictionaries(st.integers(2000, 2030).map(FinancialYear), PARTS, max_size=6))
def test_losses_of_all_years_are_used_or_carried(years: dict[FinancialYear, list[Gains]]) -> None:
    assessed = list(assess_years(years).values())
    made = sum(one.losses for one in assessed)
    used = sum(one.all_used for one in assessed)
    assert made == used + (assessed[-1].losses_carried_forward if assessed else 0)
