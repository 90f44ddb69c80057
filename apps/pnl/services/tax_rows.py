"""Read what a financial year's report lists, a row at a time and in an order that is always the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from django.db.models import QuerySet

from apps.pnl.models import Closing, Match
from apps.pnl.periods import instants, local_day
from apps.pnl.querysets import ClosingQuerySet
from apps.pnl.tax import FinancialYear, Terms, held
from apps.pnl.tax_notes import RECEIVED
from apps.trading.models import Account, Fill
from apps.trading.records import BUY

YEAR_MONTHS = 12
CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Disposal:
    """The part of a lot that a sale took. Days are the account's; AUD, the sale's fee off its proceeds."""

    coin_type: str
    kind: str
    """How the coins went: a fill's kind."""
    quantity: Decimal
    acquired_on: date
    disposed_on: date
    acquired_by: str
    """How they came: a fill's kind or a movement's."""
    cost_base: Decimal
    proceeds: Decimal
    gain: Decimal
    held_over_12_months: bool
    discount_eligible: bool
    cost_unknown: bool
    """The cost base is what the coins were worth when they came, or nothing: nobody gave a cost."""
    buy_fill_id: int | None
    """None when the coins came by a movement."""
    sell_fill_id: int


@dataclass(frozen=True, slots=True)
class UnmatchedSale:
    """The part of a sale that no lot explains; AUD."""

    coin_type: str
    kind: str
    quantity: Decimal
    disposed_on: date
    proceeds: Decimal
    sell_fill_id: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """Coins that came as income, at their value then; AUD."""

    coin_type: str
    kind: str
    quantity: Decimal
    received_on: date
    value_aud: Decimal
    fill_id: int


def bounds(account: Account, year: FinancialYear) -> tuple[datetime, datetime]:
    """Give the year as instants, [start, end), by the account's days."""
    return cast(tuple[datetime, datetime], instants(year.first, year.last, account.timezone))


def sold(account: Account, year: FinancialYear) -> "QuerySet[Match]":
    """Keep the year's matches of sales: coins that left otherwise have no fill."""
    start, end = bounds(account, year)
    return Match.objects.filter(
        account=account, disposed_at__gte=start, disposed_at__lt=end, closing__fill__isnull=False
    )


def unmatched(account: Account, year: FinancialYear) -> ClosingQuerySet:
    return Closing.objects.between(account, *bounds(account, year)).unmatched().filter(fill__isnull=False)


def received(account: Account, year: FinancialYear) -> "QuerySet[Fill]":
    start, end = bounds(account, year)
    return Fill.objects.filter(
        account=account, side=BUY, kind__in=RECEIVED, executed_at__gte=start, executed_at__lt=end
    )


def disposals(
    account: Account, year: FinancialYear, terms: Sequence[Terms], limit: int | None = None
) -> Iterator[Disposal]:
    """Give the year's disposals, oldest first; one query, its rows read in chunks."""
    rows = sold(account, year).order_by(
        "disposed_at", "closing__fill__sequence", "closing__fill__venue_fill_id", "lot_id"
    )
    columns = (
        "coin_type", "closing__fill__kind", "quantity", "acquired_at", "disposed_at", "lot__fill__kind",
        "lot__movement__kind", "cost", "proceeds", "realized_pnl", "lot__cost_unknown", "lot__fill_id",
        "closing__fill_id",
    )  # fmt: skip
    for (
        coin_type, kind, quantity, acquired_at, disposed_at, bought, moved, cost, proceeds, gain, cost_unknown,
        buy_fill_id, sell_fill_id,
    ) in _each(rows.values_list(*columns), limit):  # fmt: skip
        acquired_on = local_day(acquired_at, account.timezone)
        disposed_on = local_day(disposed_at, account.timezone)
        under = next(part for part in terms if disposed_on <= part.until)
        yield Disposal(
            coin_type=coin_type,
            kind=kind,
            quantity=quantity,
            acquired_on=acquired_on,
            disposed_on=disposed_on,
            acquired_by=bought or moved,
            cost_base=cost,
            proceeds=proceeds,
            gain=gain,
            held_over_12_months=held(acquired_on, disposed_on, YEAR_MONTHS),
            discount_eligible=gain > 0 and under.discounts(acquired_on, disposed_on),
            cost_unknown=cost_unknown,
            buy_fill_id=buy_fill_id,
            sell_fill_id=sell_fill_id,
        )


def unmatched_sales(
    account: Account, year: FinancialYear, limit: int | None = None
) -> Iterator[UnmatchedSale]:
    """Give the year's sales of coins that no lot explains, oldest first; one query."""
    rows = unmatched(account, year).order_by("closed_at", "fill__sequence", "fill__venue_fill_id")
    columns = (
        "coin_type",
        "fill__kind",
        "unmatched_quantity",
        "closed_at",
        "unmatched_proceeds",
        "fill_id",
    )
    for coin_type, kind, quantity, at, proceeds, fill_id in _each(rows.values_list(*columns), limit):
        yield UnmatchedSale(coin_type, kind, quantity, local_day(at, account.timezone), proceeds, fill_id)


def receipts(account: Account, year: FinancialYear, limit: int | None = None) -> Iterator[Receipt]:
    """Give the coins that came as income in the year, oldest first; one query."""
    rows = received(account, year).order_by("executed_at", "sequence", "venue_fill_id")
    columns = ("coin_type", "kind", "quantity", "executed_at", "value_aud", "pk")
    for coin_type, kind, quantity, at, value_aud, fill_id in _each(rows.values_list(*columns), limit):
        yield Receipt(coin_type, kind, quantity, local_day(at, account.timezone), value_aud, fill_id)


def _each(rows: "QuerySet[Any, Any]", limit: int | None) -> Iterator[Any]:
    return iter((rows if limit is None else rows[:limit]).iterator(chunk_size=CHUNK))
