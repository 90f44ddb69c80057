"""Serve `/floor/pnl/tax/{financial_year}` as JSON, as CSV and as a page to print."""

import base64
import hashlib
import io
import tempfile
from functools import cache

from django.http import FileResponse, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.pnl import tax_notes
from apps.pnl.api.tax_serializers import TaxReportSerializer
from apps.pnl.api.views import FiguresView
from apps.pnl.services.tax import list_tax_year
from apps.pnl.services.tax_csv import write_tax_csv
from apps.pnl.tax import FinancialYear
from apps.trading.api.views import ACCOUNT, account_param
from ohmycoins.core import clock
from ohmycoins.core.api.negotiation import ByPath
from ohmycoins.core.errors import Invalid

# The most rows of a list in an answer that is held in memory; the CSV has no limit.
JSON_ROWS = 20_000
PAGE_ROWS = 2_000


def year_named(text: str) -> FinancialYear:
    """Read a financial year. Raises Invalid."""
    try:
        return FinancialYear.parse(text)
    except ValueError as error:
        raise Invalid(str(error)) from error


class TaxYearView(FiguresView):
    """Estimate an Australian financial year's capital gains, with the rules that it follows."""

    @extend_schema(parameters=[ACCOUNT], responses=TaxReportSerializer)
    def get(self, request: Request, financial_year: str) -> Response:
        account, year = account_param(request), year_named(financial_year)
        listing = list_tax_year(account, year, now=clock.now(), limit=JSON_ROWS)
        return Response(TaxReportSerializer(listing).data)


class TaxYearCsvView(FiguresView):
    """The same report as one CSV table, with every row; its first column says that it is an estimate."""

    content_negotiation_class = ByPath

    @extend_schema(parameters=[ACCOUNT], responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, financial_year: str) -> FileResponse:
        account, year = account_param(request), year_named(financial_year)
        # Written before the first byte is sent: a failure is an error answer, not half a file, and no
        # slow reader holds a transaction open.
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        write_tax_csv(text, account, year, now=clock.now())
        text.detach().seek(0)
        return FileResponse(
            file,
            as_attachment=True,
            filename=f"tax-estimate-{year}-account-{account.pk}.csv",
            content_type="text/csv; charset=utf-8",
        )


class TaxYearPageView(FiguresView):
    """The same report as a page to read and to print; it loads nothing else."""

    content_negotiation_class = ByPath

    @extend_schema(parameters=[ACCOUNT], responses={(200, "text/html"): OpenApiTypes.STR})
    def get(self, request: Request, financial_year: str) -> HttpResponse:
        account, year = account_param(request), year_named(financial_year)
        listing = list_tax_year(account, year, now=clock.now(), limit=PAGE_ROWS)
        page = render(
            request, "pnl/tax.html", {"listing": listing, "report": listing.report, "text": tax_notes}
        )
        page["Content-Security-Policy"] = _policy()
        return page


@cache
def _policy() -> str:
    """Allow the page's own style and nothing else."""
    digest = hashlib.sha256(render_to_string("pnl/tax.css").encode()).digest()
    style = f"'sha256-{base64.b64encode(digest).decode()}'"
    return (
        f"default-src 'none'; style-src {style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
