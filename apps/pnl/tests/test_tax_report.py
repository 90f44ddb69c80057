"""A financial year from booked fills: worked examples."""

from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from apps.pnl.models import BookingFailure, GivenCost
from apps.pnl.services.tax import Listing, list_tax_year
from apps.pnl.tax import FinancialYear
from apps.pnl.tests.tax_histories import NOW, book, fill, history, instant, move, report, sydney, totals
from apps.trading.models import Account
from apps.trading.tests.factories import make_account
from ohmycoins.core.errors import Refused


def codes(listing: Listing) -> list[str]:
    return [warning.code for warning in listing.report.warnings]


@pytest.fixture
def account(db: None) -> Account:
    return sydney(make_account())


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
    assert {one: totals(account, one, "gross_gains")["gross_gains"] for one in ("2024-25", "2025-26")} == {
        "2024-25": 0, "2025-26": 0, year: 30,
    }  # fmt: skip
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
    GivenCost.objects.create(
        movement=came, quantity=1, cost_aud=20, acquired_at=instant("2020-01-05"), given_by="tests"
    )
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
        BookingFailure.objects.create(account=account, coin_type=coin, error="a bug", since=NOW, next_at=NOW)
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
    fill(account, "buy", "2025-08-03", "1", "100", coin="ETH")
    fill(account, "sell", "2025-08-04", "1", "99", coin="ETH")
    book(account)
    assert [row.proceeds for row in report(account).disposals] == [99, 101, 204, 103]


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
