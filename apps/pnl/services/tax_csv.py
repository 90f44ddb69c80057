"""Write a financial year's report as one table: a row for each thing in it, each marked as an estimate."""

import csv
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from typing import IO, Any

from apps.pnl.services.tax import TaxReport, report_tax_year
from apps.pnl.services.tax_rows import Disposal, disposals, receipts, unmatched_sales
from apps.pnl.tax import FinancialYear
from apps.pnl.tax_notes import DISCLAIMER, ESTIMATE
from apps.trading.models import Account
from ohmycoins.core.cells import cell
from ohmycoins.core.reading import one_moment

# A row's section says what it is; `kind` names it within its section.
COLUMNS = ("estimate", "section", *(field.name for field in fields(Disposal)), "amount", "note")


def write_tax_csv(file: IO[str], account: Account, year: FinancialYear, *, now: datetime) -> None:
    """Write the year to `file`, all of it as of one moment, however many rows there are.

    Raises Refused for a year that has not begun.
    """
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    with one_moment():
        report = report_tax_year(account, year, now=now)
        for row in _rows(account, report):
            row["estimate"] = ESTIMATE
            writer.writerow([cell(row.get(column)) for column in COLUMNS])


def _rows(account: Account, report: TaxReport) -> Iterator[dict[str, Any]]:
    days = f"{report.year.first} to {report.year.last}, {account.timezone}"
    state = "" if report.complete else " The year has not ended."
    yield {"section": "report", "kind": str(report.year), "note": f"{days}.{state} {DISCLAIMER}"}
    for caution in report.warnings:
        yield {"section": "warning", "kind": caution.code, "note": caution.message}
    for disposal in disposals(account, report.year, report.terms):
        yield {"section": "disposal"} | {name: getattr(disposal, name) for name in Disposal.__slots__}
    for sale in unmatched_sales(account, report.year):
        yield {
            "section": "unmatched_sale", "coin_type": sale.coin_type, "kind": sale.kind, "quantity": sale.quantity,
            "disposed_on": sale.disposed_on, "proceeds": sale.proceeds, "sell_fill_id": sale.sell_fill_id,
        }  # fmt: skip
    for receipt in receipts(account, report.year):
        yield {
            "section": "income", "coin_type": receipt.coin_type, "kind": receipt.kind, "quantity": receipt.quantity,
            "acquired_on": receipt.received_on, "amount": receipt.value_aud, "buy_fill_id": receipt.fill_id,
        }  # fmt: skip
    for kind in report.income_by_kind:
        yield {"section": "income_total", "kind": kind.kind, "amount": kind.value_aud, "note": kind.note}
    for name, amount in report.totals.items():
        yield {"section": "total", "kind": name, "amount": amount}
    for earlier in report.earlier_years:
        carried = earlier.assessment.losses_carried_forward
        yield {"section": "carried_from", "kind": str(earlier.year), "amount": carried}
    for rule in report.rules:
        until = f" to {rule.effective_to}" if rule.effective_to else ""
        note = f"from {rule.effective_from}{until}: {rule.source}"
        yield {"section": "rule", "kind": rule.name, "amount": rule.value, "note": note}
