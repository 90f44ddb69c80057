"""A financial year from booked fills: worked examples, and SQL against the pure rules."""

from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.pnl.models import BookingFailure, GivenCost, Match, TaxRule
from apps.pnl.services.tax import HELD, Listing, list_tax_year
from apps.pnl.services.tax_rules import ship_tax_rules, tax_rules
from apps.pnl.tax import DISCOUNT_PERCENT, HOLDING_MONTHS, LOSSES_FIRST, SHIPPED, FinancialYear, held
from apps.pnl.tests.tax_histories import book, fill, history, instant, move
from apps.trading.models import Account
from apps.trading.tests.factories import make_account
from ohmycoins.core.errors import Refused

NOW = instant("2026-11-20")


def report(account: Account, year: str = "2025-26", *, limit: int = 1000) -> Listing:
    return list_tax_year(account, FinancialYear.parse(year), now=NOW, limit=limit)


def totals(account: Account, year: str = "2025-26", *names: str) -> dict[str, D]:
    """Give the totals that are not zero, or the named ones."""
    every = report(account, year).report.totals
    return (
        {name: every[name] for name in names}
        if names
        else {name: value for name, value in every.items() if value}
    )


def codes(listing: Listing) -> list[str]:
    return [warning.code for warning in listing.report.warnings]


@pytest.fixture
def account(db: None) -> Account:
    account = make_account()
    Account.objects.update(timezone="Australia/Sydney")
    account.refresh_from_db()
    return account


# What a year is made of


def test_disposal_has_its_days_costs_and_fills(account: Account) -> None:
    bought = fill(account, "buy", "2024-07-01", "2", "100", fee="1")
    sold = fill(account, "sell", "2025-07-02", "0.5", "300", fee="0.5")
    book(account)
    (disposal,) = report(account).disposals
    assert (disposal.coin_type, disposal.kind, disposal.acquired_by, disposal.quantity) == (
        "BTC", "trade", "trade", D("0.5"),
    )  # fmt: skip
    assert (disposal.acquired_on, disposal.disposed_on) == (date(2024, 7, 1), date(2025, 7, 2))
    # A quarter of 201; 150 less the fee.
    assert (disposal.cost_base, disposal.proceeds, disposal.gain) == (D("50.25"), D("149.5"), D("99.25"))
    assert (disposal.held_over_12_months, disposal.discount_eligible, disposal.cost_unknown) == (
        True,
        True,
        False,
    )
    assert (disposal.buy_fill_id, disposal.sell_fill_id) == (bought.pk, sold.pk)
    assert totals(account) == {
        "proceeds": D("149.5"), "cost_base": D("50.25"), "discountable_gains": D("99.25"), "gross_gains": D("99.25"),
        "gains_after_losses": D("99.25"), "discount": D("49.625"), "net_capital_gain": D("49.625"),
    }  # fmt: skip


def test_sale_of_two_lots_is_two_disposals_of_which_one_is_discounted(account: Account) -> None:
    history(
        account,
        ("buy", "2024-01-10", "1", "100"),
        ("buy", "2025-08-01", "1", "150"),
        ("sell", "2025-09-01", "2", "250"),
    )
    listing = report(account)
    assert [(row.gain, row.discount_eligible) for row in listing.disposals] == [(150, True), (100, False)]
    assert totals(account, "2025-26", "discountable_gains", "other_gains", "net_capital_gain") == {
        "discountable_gains": 150, "other_gains": 100, "net_capital_gain": 175,
    }  # fmt: skip


def test_loss_on_coins_held_long_enough_is_a_whole_loss(account: Account) -> None:
    history(account, ("buy", "2023-01-10", "1", "500"), ("sell", "2025-09-01", "1", "200"))
    (disposal,) = report(account).disposals
    assert (disposal.gain, disposal.held_over_12_months, disposal.discount_eligible) == (-300, True, False)
    assert totals(account, "2025-26", "losses", "losses_carried_forward", "net_capital_gain") == {
        "losses": 300, "losses_carried_forward": 300, "net_capital_gain": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("acquired", "disposed", "discounted"),
    [
        ("2024-07-01", "2025-07-01", False),
        ("2024-07-01", "2025-07-02", True),
        ("2024-07-01 00:00", "2025-07-01 23:59", False),
        ("2024-07-01 23:59", "2025-07-02 00:00", True),
        ("2025-02-28", "2026-02-28", False),
        ("2025-02-28", "2026-03-01", True),
        ("2024-02-29", "2025-02-28", False),
        ("2024-02-29", "2025-03-01", True),
        ("2023-02-28", "2024-02-29", False),
        ("2023-02-28", "2024-03-01", True),
    ],
)
def test_rows_and_sums_draw_the_twelve_months_at_the_same_day(
    account: Account, acquired: str, disposed: str, discounted: bool
) -> None:
    history(account, ("buy", acquired, "1", "100"), ("sell", disposed, "1", "300"))
    year = str(FinancialYear.of(date.fromisoformat(disposed[:10])))
    assert report(account, year).disposals[0].discount_eligible is discounted
    assert totals(account, year, "discountable_gains") == {"discountable_gains": 200 if discounted else 0}


# Years and time zones


@pytest.mark.parametrize(
    ("zone", "at", "year"),
    [
        ("Australia/Sydney", "2025-06-30T13:59:59Z", "2024-25"),  # 23:59:59
        ("Australia/Sydney", "2025-06-30T14:00:00Z", "2025-26"),
        ("Australia/Sydney", "2025-06-30T13:30:00Z", "2024-25"),  # 23:30
        ("Australia/Perth", "2025-06-30T15:30:00Z", "2024-25"),  # 23:30
        ("Australia/Perth", "2025-06-30T16:00:00Z", "2025-26"),
        ("Australia/Lord_Howe", "2025-06-30T13:30:00Z", "2025-26"),
        ("UTC", "2025-06-30T23:59:59Z", "2024-25"),
        ("America/New_York", "2025-07-01T03:59:59Z", "2024-25"),
    ],
)
def test_disposal_belongs_to_the_year_of_its_local_day(
    account: Account, zone: str, at: str, year: str
) -> None:
    Account.objects.update(timezone=zone)
    account.refresh_from_db()
    fill(account, "buy", "2025-01-10", "1", "100")
    fill(account, "sell", instant(at.removesuffix("Z").replace("T", " "), "UTC"), "1", "130")
    book(account)
    years = [one for one in ("2024-25", "2025-26") if report(account, one).disposals]
    assert years == [year]
    assert totals(account, year, "gross_gains") == {"gross_gains": 30}
    assert str(FinancialYear.of(report(account, year).disposals[0].disposed_on)) == year


def test_twelve_months_are_counted_in_local_days_across_daylight_saving(account: Account) -> None:
    """Clocks go forward on 6 October 2024 and on 5 October 2025: the days differ in length, and from UTC's."""
    history(account, ("buy", "2024-10-06 00:30", "1", "100"), ("sell", "2025-10-06 23:30", "1", "200"))
    assert not report(account).disposals[0].held_over_12_months
    history(account, ("buy", "2024-10-05 23:30", "1", "100"), ("sell", "2025-10-06 23:45", "1", "200"))
    assert [row.held_over_12_months for row in report(account).disposals] == [True, False]


def test_year_before_any_fill_is_empty(account: Account) -> None:
    for listing in (report(account, "2003-04"), report(account)):
        assert (listing.disposals, listing.unmatched_sales, listing.receipts, codes(listing)) == (
            [],
            [],
            [],
            [],
        )
        assert not any(listing.report.totals.values())
        assert listing.report.earlier_years == []
        assert listing.report.complete


def test_year_that_has_not_ended_is_incomplete_until_its_last_local_moment(account: Account) -> None:
    year = FinancialYear.parse("2025-26")
    end = instant("2026-07-01 00:00")
    before = list_tax_year(account, year, now=end - timedelta(seconds=1), limit=1)
    assert not before.report.complete
    assert list_tax_year(account, year, now=end, limit=1).report.complete


def test_year_to_come_is_refused_until_it_begins(account: Account) -> None:
    year = FinancialYear.parse("2026-27")
    begins = instant("2026-07-01 00:00")
    with pytest.raises(Refused, match="2026-27 begins on 2026-07-01"):
        list_tax_year(account, year, now=begins - timedelta(seconds=1), limit=1)
    assert not list_tax_year(account, year, now=begins, limit=1).report.complete


# Carry-forward


def test_losses_are_carried_through_three_years(account: Account) -> None:
    history(
        account,
        ("buy", "2022-08-01", "1", "10000"), ("sell", "2023-03-01", "1", "6000"),
        ("buy", "2023-08-01", "1", "1000"), ("sell", "2023-09-01", "1", "2500"),
        ("buy", "2023-10-01", "1", "1000"), ("sell", "2025-01-10", "1", "3200"),
        ("buy", "2025-02-01", "1", "900"), ("sell", "2025-03-01", "1", "1400"),
        ("buy", "2025-08-01", "1", "100"), ("sell", "2025-08-02", "1", "150"),
    )  # fmt: skip
    listing = report(account)
    assert [
        (str(one.year), one.assessment.losses_carried_forward, one.assessment.net_capital_gain)
        for one in listing.report.earlier_years
    ] == [
        ("2022-23", 4000, 0),
        ("2023-24", 2500, 0),  # 4,000 less the other gain of 1,500
        ("2024-25", 0, 100),  # 500 of it off the other gain; 2,000 off 2,200, of which half is left
    ]
    assert totals(account, "2025-26", "losses_carried_in", "net_capital_gain") == {
        "losses_carried_in": 0, "net_capital_gain": 50,
    }  # fmt: skip


def test_only_earlier_years_are_carried_in(account: Account) -> None:
    history(
        account,
        ("buy", "2024-08-01", "1", "1000"), ("sell", "2024-09-01", "1", "400"),
        ("buy", "2025-08-01", "1", "1000"), ("sell", "2025-09-01", "1", "1100"),
        ("buy", "2026-08-01", "1", "1000"), ("sell", "2026-09-01", "1", "1"),
    )  # fmt: skip
    assert totals(account, "2025-26", "losses_carried_in", "carried_in_used", "losses_carried_forward") == {
        "losses_carried_in": 600, "carried_in_used": 100, "losses_carried_forward": 500,
    }  # fmt: skip


# What is not a plain sale


@pytest.mark.parametrize("kind", ["gift", "donate", "fee_paid_in_coin", "transfer_fee"])
def test_coins_given_away_or_paid_as_a_fee_are_disposed_of_at_their_value(
    account: Account, kind: str
) -> None:
    fill(account, "buy", "2025-08-01", "1", "100")
    fill(account, "sell", "2025-09-01", "1", "160", kind=kind)
    book(account)
    listing = report(account)
    assert [(row.kind, row.gain) for row in listing.disposals] == [(kind, 60)]
    assert totals(account, "2025-26", "net_capital_gain") == {"net_capital_gain": 60}


def test_sale_of_coins_nobody_bought_is_listed_apart(account: Account) -> None:
    fill(account, "buy", "2025-08-01", "1", "100")
    sold = fill(account, "sell", "2025-09-01", "4", "200", fee="8")
    book(account)
    listing = report(account)
    assert [(row.quantity, row.proceeds) for row in listing.disposals] == [(1, 198)]
    (unmatched,) = listing.unmatched_sales
    assert (unmatched.quantity, unmatched.proceeds, unmatched.sell_fill_id) == (3, 594, sold.pk)
    assert unmatched.disposed_on == date(2025, 9, 1)
    assert totals(account, "2025-26", "proceeds", "gross_gains", "unmatched_proceeds") == {
        "proceeds": 198, "gross_gains": 98, "unmatched_proceeds": 594,
    }  # fmt: skip
    assert codes(listing) == ["UNMATCHED_SALES"]


def test_coins_that_came_without_a_cost_are_flagged(account: Account) -> None:
    move(account, "2025-08-01", "2", "100")
    fill(account, "sell", "2025-09-01", "1", "150")
    book(account)
    listing = report(account)
    (row,) = listing.disposals
    assert (row.cost_unknown, row.acquired_by, row.buy_fill_id, row.gain) == (True, "receive", None, 50)
    assert codes(listing) == ["COST_UNKNOWN"]


def test_cost_and_day_that_somebody_gave_count(account: Account) -> None:
    came = move(account, "2025-08-01", "1", "100")
    GivenCost.objects.create(movement=came, cost_aud=20, acquired_at=instant("2020-01-05"), given_by="tests")
    fill(account, "sell", "2025-09-01", "1", "150")
    book(account)
    (row,) = report(account).disposals
    assert (row.cost_unknown, row.acquired_on, row.gain, row.discount_eligible) == (
        False, date(2020, 1, 5), 130, True,
    )  # fmt: skip


def test_coins_sent_elsewhere_are_no_disposal(account: Account) -> None:
    fill(account, "buy", "2025-08-01", "2", "100")
    move(account, "2025-09-01", "-5", "300")
    book(account)
    listing = report(account)
    assert (listing.disposals, listing.unmatched_sales, totals(account)) == ([], [], {})


def test_coins_received_as_income_are_listed_by_kind_and_are_no_gain(account: Account) -> None:
    for kind, price in [
        ("staking", "3"),
        ("interest", "5"),
        ("staking", "4"),
        ("hardfork", "7"),
        ("gift", "9"),
        ("trade", "11"),
    ]:
        fill(account, "buy", "2025-08-01", "2", price, kind=kind)
    fill(account, "buy", "2025-06-30 23:59", "2", "1", kind="wages")
    book(account)
    listing = report(account)
    assert [(kind.kind, kind.count, kind.value_aud) for kind in listing.report.income_by_kind] == [
        ("hardfork", 1, 14), ("interest", 1, 10), ("staking", 2, 14),
    ]  # fmt: skip
    assert [(row.kind, row.value_aud) for row in listing.receipts] == [
        ("staking", 6), ("interest", 10), ("staking", 8), ("hardfork", 14),
    ]  # fmt: skip
    assert totals(account) == {"income": 38}


def test_disposal_of_coins_from_a_chain_split_has_a_warning(account: Account) -> None:
    fill(account, "buy", "2025-08-01", "1", "7", kind="hardfork")
    fill(account, "sell", "2025-09-01", "1", "10")
    book(account)
    listing = report(account)
    assert (listing.disposals[0].acquired_by, codes(listing)) == ("hardfork", ["COST_MAY_BE_NOTHING"])


def test_coins_whose_book_is_behind_are_named(account: Account) -> None:
    for coin in ("ETH", "BTC"):
        BookingFailure.objects.create(account=account, coin_type=coin, error="a bug", next_at=NOW)
    listing = report(account)
    assert codes(listing) == ["NOT_BOOKED"]
    assert "not booked yet: BTC, ETH." in listing.report.warnings[0].message


def test_lists_end_at_the_limit_and_totals_do_not(account: Account) -> None:
    history(account, ("buy", "2025-08-01", "9", "100"), *[("sell", "2025-09-01", "1", "101")] * 3)
    listing = report(account, limit=2)
    assert (len(listing.disposals), codes(listing)) == (2, ["NOT_ALL_LISTED"])
    assert (listing.report.sums.disposals, listing.report.totals["gross_gains"]) == (3, 3)
    assert codes(report(account, limit=3)) == []


def test_order_is_that_of_the_sales_whatever_order_they_were_recorded_in(account: Account) -> None:
    history(
        account,
        ("buy", "2025-08-01", "9", "100"),
        ("sell", "2025-10-01", "1", "103"),
        ("sell", "2025-09-01", "1", "101"),
    )
    history(account, ("sell", "2025-09-15", "2", "102"), ("buy", "2025-08-02", "1", "100"))
    gains = [row.proceeds for row in report(account).disposals]
    assert gains == [101, 204, 103]


def test_accounts_are_never_mixed(account: Account) -> None:
    other = make_account(account.user, cash="5")
    history(
        other,
        ("buy", "2024-08-01", "1", "500"),
        ("sell", "2025-09-01", "1", "100"),
        ("sell", "2025-09-02", "1", "1"),
    )
    assert totals(account) == {}
    assert codes(report(account)) == []


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
