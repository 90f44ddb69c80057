"""The dated rules as rows, and the report's SQL against the pure rules."""

from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.pnl.models import Match, TaxRule
from apps.pnl.services.tax import HELD, Listing
from apps.pnl.services.tax_rules import ship_tax_rules, tax_rules
from apps.pnl.tax import DISCOUNT_PERCENT, HOLDING_MONTHS, LOSSES_FIRST, SHIPPED, FinancialYear, held
from apps.pnl.tests.tax_histories import book, fill, history, instant, report, sydney, totals
from apps.trading.models import Account
from apps.trading.tests.factories import make_account


@pytest.fixture
def account(db: None) -> Account:
    return sydney(make_account())


# Rules


def test_shipped_rules_are_there_once(db: None) -> None:
    ship_tax_rules()
    assert tax_rules() == list(SHIPPED)


def test_a_rule_changed_within_the_year_counts_from_its_day(account: Account) -> None:
    TaxRule.objects.create(
        name=DISCOUNT_PERCENT, value=25, effective_from=date(2026, 1, 1), source="a test", added_by="tests"
    )
    TaxRule.objects.create(
        name=HOLDING_MONTHS, value=24, effective_from=date(2026, 4, 1), source="a test", added_by="tests"
    )
    history(
        account, ("buy", "2024-06-01", "3", "100"), ("sell", "2025-12-31", "1", "200"), ("sell", "2026-01-01", "1", "200"),
        ("sell", "2026-04-01", "1", "200"),
    )  # fmt: skip
    listing = report(account)
    assert [row.discount_eligible for row in listing.disposals] == [True, True, False]
    assert all(row.held_over_12_months for row in listing.disposals)
    assert totals(account, "2025-26", "discountable_gains", "other_gains", "discount", "net_capital_gain") == {
        "discountable_gains": 200, "other_gains": 100, "discount": 75, "net_capital_gain": 225,
    }  # fmt: skip
    assert [(rule.name, rule.value) for rule in listing.report.rules] == [
        (DISCOUNT_PERCENT, 50), (HOLDING_MONTHS, 12), (LOSSES_FIRST, 1), (DISCOUNT_PERCENT, 25), (HOLDING_MONTHS, 24),
    ]  # fmt: skip
    assert [rule.value for rule in report(account, "2024-25").report.rules] == [50, 12, 1]


@pytest.mark.parametrize(
    ("name", "value", "since", "until"),
    [
        (DISCOUNT_PERCENT, "100.00000001", "2026-01-01", None), (DISCOUNT_PERCENT, "-1", "2026-01-01", None),
        (DISCOUNT_PERCENT, "NaN", "2026-01-01", None), (HOLDING_MONTHS, "12.5", "2026-01-01", None),
        (HOLDING_MONTHS, "601", "2026-01-01", None), (LOSSES_FIRST, "2", "2026-01-01", None),
        (LOSSES_FIRST, "0.5", "2026-01-01", None), ("a_new_tax", "1", "2026-01-01", None),
        (LOSSES_FIRST, "1", "1985-09-19", None), (LOSSES_FIRST, "1", "2026-01-01", "2025-12-31"),
    ],
)  # fmt: skip
def test_senseless_rule_is_refused_by_the_database(
    db: None, name: str, value: str, since: str, until: str | None
) -> None:
    with (
        connection.cursor() as cursor,
        pytest.raises(IntegrityError, match="tax_rule_"),
        transaction.atomic(),
    ):
        cursor.execute(
            "INSERT INTO pnl_taxrule (name, value, effective_from, effective_to, source, added_by, added_at)"
            " VALUES (%s, %s, %s, %s, 'a test', 'tests', now())",
            [name, value, since, until],
        )


def test_rules_are_never_edited_or_deleted(db: None) -> None:
    for change in (lambda: TaxRule.objects.update(value=1), lambda: TaxRule.objects.all().delete()):
        with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
            change()
    assert tax_rules() == list(SHIPPED)


# SQL against the pure rules

DAYS = st.dates(date(1999, 9, 21), date(2045, 12, 31))


class SameDays(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(DAYS, st.integers(-3, 800)), min_size=1, max_size=50),
        st.integers(0, 36) | st.none(),
    )
    def test_sql_and_python_draw_the_months_at_the_same_day(
        self, pairs: list[tuple[date, int]], months: int | None
    ) -> None:
        acquired = [since for since, _ in pairs]
        disposed = [since + timedelta(days=days) for since, days in pairs]
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {HELD} FROM unnest(%s::date[], %s::date[]) WITH ORDINALITY AS day (acquired_on, disposed_on, number),"
                " (SELECT %s::int AS months) AS rule ORDER BY number",
                [acquired, disposed, months],
            )
            by_sql = [row[0] for row in cursor.fetchall()]
        assert by_sql == [
            months is not None and held(first, last, months)
            for first, last in zip(acquired, disposed, strict=True)
        ]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "buy", "sell"]),
        st.integers(0, 1500 * 24),
        st.decimals("0.00000001", 3, places=8),
        st.decimals(1, 10_000, places=8),
    ),
    min_size=1,
    max_size=25,
)  # fmt: skip


class RandomYears(TestCase):
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        steps=STEPS,
        zone=st.sampled_from(["Australia/Sydney", "Australia/Perth", "Pacific/Kiritimati", "America/Adak"]),
    )
    def test_totals_add_up_the_disposals_and_every_match_is_in_one_year(
        self, steps: list[tuple[str, int, D, D]], zone: str
    ) -> None:
        account = make_account()
        Account.objects.filter(pk=account.pk).update(timezone=zone)
        account.refresh_from_db()
        begin = instant("2021-06-29")
        for side, hours, quantity, price in steps:
            fill(account, side, begin + timedelta(hours=hours), str(quantity), str(price))
        book(account)
        listings = [report(account, str(FinancialYear(began))) for began in range(2020, 2026)]
        self.check_years(listings)
        matched = Match.objects.filter(account=account).aggregate(gain=Sum("realized_pnl"))["gain"] or 0
        assert sum(row.gain for listing in listings for row in listing.disposals) == matched
        made = sum(listing.report.assessment.losses for listing in listings)
        used = sum(listing.report.assessment.all_used for listing in listings)
        assert made == used + listings[-1].report.assessment.losses_carried_forward

    def check_years(self, listings: list[Listing]) -> None:
        carried: Any = 0
        for listing in listings:
            totals, rows = listing.report.totals, listing.disposals
            assert totals["discountable_gains"] == sum(row.gain for row in rows if row.discount_eligible)
            assert totals["other_gains"] == sum(
                row.gain for row in rows if row.gain > 0 and not row.discount_eligible
            )
            assert totals["losses"] == -sum(row.gain for row in rows if row.gain < 0)
            assert totals["proceeds"] - totals["cost_base"] == sum(row.gain for row in rows)
            assert totals["losses_carried_in"] == carried
            assert totals["net_capital_gain"] >= 0
            carried = totals["losses_carried_forward"]
