"""Report a financial year for the tax return: an estimate, from what the account's book knows."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Count, Min, Q, Sum

from apps.pnl.models import BookingFailure, Match
from apps.pnl.periods import instants, local_day
from apps.pnl.services.tax_rows import (
    Disposal,
    Receipt,
    UnmatchedSale,
    bounds,
    disposals,
    receipts,
    received,
    sold,
    unmatched,
    unmatched_sales,
)  # fmt: skip
from apps.pnl.services.tax_rules import tax_rules
from apps.pnl.tax import Assessment, FinancialYear, Gains, Rule, Terms, assess_years, cut_terms, rules_within
from apps.pnl.tax_notes import NIL_COST_KINDS, RECEIVED
from apps.trading.models import Account
from ohmycoins.core.errors import Refused
from ohmycoins.core.money import ZERO
from ohmycoins.core.reading import one_moment

# `tax.held` in SQL: PostgreSQL too goes back to the last day of a month that is too short. Coins that left
# by no sale gained nothing, so they add nothing to any sum. No months: nothing is discounted.
HELD = "coalesce((disposed_on - make_interval(months => months))::date > acquired_on, false)"
GAINS = f"""
    SELECT span.number, discountable, other, losses
    FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[], %(months)s::int[])
         WITH ORDINALITY AS span (starts_at, ends_at, months, number)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(gain) FILTER (WHERE gain > 0 AND {HELD}), 0) AS discountable,
               coalesce(sum(gain) FILTER (WHERE gain > 0 AND NOT {HELD}), 0) AS other,
               coalesce(-sum(gain) FILTER (WHERE gain < 0), 0) AS losses
        FROM (SELECT realized_pnl AS gain, (disposed_at AT TIME ZONE %(zone)s)::date AS disposed_on,
                     (acquired_at AT TIME ZONE %(zone)s)::date AS acquired_on
              FROM pnl_match WHERE account_id = %(account)s AND realized_pnl <> 0
                               AND disposed_at >= starts_at AND disposed_at < ends_at) AS disposal
    ) AS sums
    ORDER BY span.number
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class YearAssessed:
    year: FinancialYear
    assessment: Assessment


@dataclass(frozen=True, slots=True)
class ReceivedKind:
    """Income of one kind; AUD."""

    kind: str
    count: int
    value_aud: Decimal
    note: str


@dataclass(frozen=True, slots=True)
class Caution:
    """What makes the figures less certain."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Sums:
    """What the year's rows come to, those that are not listed included; AUD."""

    disposals: int
    proceeds: Decimal
    cost_base: Decimal
    cost_unknown: int
    nil_cost: int
    unmatched_sales: int
    unmatched_proceeds: Decimal
    receipts: int
    income: Decimal


@dataclass(frozen=True, slots=True)
class TaxReport:
    """An account's financial year. Earlier years are the account's own, oldest first."""

    account: Account
    year: FinancialYear
    as_of: datetime
    complete: bool
    sums: Sums
    assessment: Assessment
    earlier_years: list[YearAssessed]
    income_by_kind: list[ReceivedKind]
    rules: list[Rule]
    terms: list[Terms]
    warnings: list[Caution]

    @property
    def totals(self) -> dict[str, Decimal]:
        """Give every total by its name, in the order in which they lead to the net capital gain."""
        names = (
            "discountable_gains", "other_gains", "gross_gains", "losses", "losses_carried_in", "losses_used",
            "carried_in_used", "gains_after_losses", "discount", "net_capital_gain", "losses_carried_forward",
        )  # fmt: skip
        return (
            {"proceeds": self.sums.proceeds, "cost_base": self.sums.cost_base}
            | {name: getattr(self.assessment, name) for name in names}
            | {"income": self.sums.income, "unmatched_proceeds": self.sums.unmatched_proceeds}
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """A report with its rows."""

    report: TaxReport
    disposals: list[Disposal]
    unmatched_sales: list[UnmatchedSale]
    receipts: list[Receipt]


def list_tax_year(account: Account, year: FinancialYear, *, now: datetime, limit: int) -> Listing:
    """Report a year with the first `limit` rows of each list; all of it as of one moment.

    Raises Refused for a year that has not begun.
    """
    with one_moment():
        report = report_tax_year(account, year, now=now, limit=limit)
        return Listing(
            report=report,
            disposals=list(disposals(account, year, report.terms, limit)),
            unmatched_sales=list(unmatched_sales(account, year, limit)),
            receipts=list(receipts(account, year, limit)),
        )


def report_tax_year(
    account: Account, year: FinancialYear, *, now: datetime, limit: int | None = None
) -> TaxReport:
    """Work a year out, without its rows; `limit` is how many of each list will be shown.

    Sums of past years are added up by the database, never read row by row. Raises Refused for a year
    that has not begun.
    """
    if year.first > local_day(now, account.timezone):
        raise Refused(f"{year} begins on {year.first}; there is nothing to report yet", code="FUTURE_YEAR")
    rules = tax_rules()
    *earlier, assessed = _assess(account, year, rules)
    by_kind = _income(account, year)
    sums = _sums(account, year, by_kind)
    return TaxReport(
        account=account,
        year=year,
        as_of=now,
        complete=now >= bounds(account, year)[1],
        sums=sums,
        assessment=assessed.assessment,
        earlier_years=earlier,
        income_by_kind=by_kind,
        rules=rules_within(rules, year.first, year.last),
        terms=cut_terms(rules, year.first, year.last),
        warnings=_warnings(account, sums, limit),
    )


def _assess(account: Account, last: FinancialYear, rules: Sequence[Rule]) -> list[YearAssessed]:
    """Work out every year from the account's first disposal to `last`."""
    began = Match.objects.filter(account=account).aggregate(at=Min("disposed_at"))["at"]
    first = last if began is None else min(last, FinancialYear.of(local_day(began, account.timezone)))
    years = [FinancialYear(began) for began in range(first.began, last.began + 1)]
    gains = gains_of(account, years, rules)
    return [YearAssessed(*assessed) for assessed in assess_years(gains).items()]


def gains_of(
    account: Account, years: Sequence[FinancialYear], rules: Sequence[Rule]
) -> dict[FinancialYear, list[Gains]]:
    """Add up the gains and losses of years, by the terms that held; one query."""
    spans = [(year, terms) for year in years for terms in cut_terms(rules, year.first, year.last)]
    edges = [instants(terms.since, terms.until, account.timezone) for _, terms in spans]
    with connection.cursor() as cursor:
        cursor.execute(GAINS, {
            "account": account.pk, "zone": account.timezone, "starts": [start for start, _ in edges],
            "ends": [end for _, end in edges], "months": [terms.holding_months for _, terms in spans],
        })  # fmt: skip
        rows = cursor.fetchall()
    gains: dict[FinancialYear, list[Gains]] = defaultdict(list)
    for (year, terms), (_, *sums) in zip(spans, rows, strict=True):
        gains[year].append(Gains(terms, *sums))
    return gains


def _income(account: Account, year: FinancialYear) -> list[ReceivedKind]:
    kinds = received(account, year).values("kind").annotate(count=Count("pk"), value_aud=Sum("value_aud"))
    return [ReceivedKind(**kind, note=RECEIVED[kind["kind"]]) for kind in kinds.order_by("kind")]


def _sums(account: Account, year: FinancialYear, by_kind: Sequence[ReceivedKind]) -> Sums:
    sales = sold(account, year).aggregate(
        disposals=Count("pk"),
        proceeds_=Sum("proceeds"),
        cost_base=Sum("cost"),
        cost_unknown=Count("pk", filter=Q(lot__cost_unknown=True)),
        nil_cost=Count("pk", filter=Q(lot__fill__kind__in=NIL_COST_KINDS)),
    )
    missing = unmatched(account, year).aggregate(count=Count("pk"), proceeds=Sum("unmatched_proceeds"))
    return Sums(
        disposals=sales["disposals"],
        proceeds=sales["proceeds_"] or ZERO,
        cost_base=sales["cost_base"] or ZERO,
        cost_unknown=sales["cost_unknown"],
        nil_cost=sales["nil_cost"],
        unmatched_sales=missing["count"],
        unmatched_proceeds=missing["proceeds"] or ZERO,
        receipts=sum(kind.count for kind in by_kind),
        income=sum((kind.value_aud for kind in by_kind), ZERO),
    )


def _warnings(account: Account, sums: Sums, limit: int | None) -> list[Caution]:
    unbooked = BookingFailure.objects.filter(account=account).order_by("coin_type")
    coins = ", ".join(unbooked.values_list("coin_type", flat=True))
    most = max(sums.disposals, sums.unmatched_sales, sums.receipts)
    found = [
        (sums.cost_unknown, "COST_UNKNOWN", f"{_disposals(sums.cost_unknown)} of coins whose cost nobody gave: the cost base is "
         "their value when they came, or nothing, and the 12 months count from then."),
        (sums.unmatched_sales, "UNMATCHED_SALES", f"Sales of coins that no purchase explains: {sums.unmatched_sales}. They are listed "
         "apart and are in no total. Import the missing purchases, or the gain may be up to all that they brought."),
        (sums.nil_cost, "COST_MAY_BE_NOTHING", f"{_disposals(sums.nil_cost)} of coins from an airdrop or a chain split, whose cost "
         "base may be nothing instead of their value when they came."),
        (coins, "NOT_BOOKED", f"Something of these coins is recorded and not booked yet: {coins}. Ask again in a while."),
        (limit is not None and most > limit, "NOT_ALL_LISTED", f"Only the first {limit} rows of each list are here. The totals count "
         "every row; the CSV has them all."),
    ]  # fmt: skip
    return [Caution(code, message) for holds, code, message in found if holds]


def _disposals(count: int) -> str:
    return f"{count} disposal" if count == 1 else f"{count} disposals"
