"""Serve `/floor/pnl/export.csv` and `/floor/pnl/export.xlsx`: the rows of the lists, all of them, oldest first."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from operator import attrgetter
from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.pnl.api.listings import LOTS, MATCHES, TRADES, UNMATCHED, Listing
from apps.pnl.periods import local_day
from apps.pnl.services.export import MOST_ROWS, ROWS_AT_ONCE, Column, TooManyRows, write_csv, write_xlsx
from apps.trading.api.views import account_param
from apps.trading.models import Account
from ohmycoins.core import clock
from ohmycoins.core.api.fields import InstantField
from ohmycoins.core.api.negotiation import ByPath
from ohmycoins.core.api.params import choice_param

LISTINGS = {"matches": MATCHES, "lots": LOTS, "trades": TRADES, "unmatched": UNMATCHED}
ROWS = OpenApiParameter("rows", enum=list(LISTINGS), default="matches")
FILTERS = {parameter.name: parameter for listing in LISTINGS.values() for parameter in listing.parameters}
PARAMETERS = [ROWS, *FILTERS.values()]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Export:
    """What a request asks to be exported."""

    rows: QuerySet[Any]
    columns: list[Column]
    name: str
    file_name: str
    """Without its ending."""

    def read(self) -> Any:
        """Give the rows by a server-side cursor; who reads them closes them.

        A cursor left to the garbage collector may be closed while its connection waits for another query, and
        psycopg then waits for itself, forever.
        """
        return self.rows.iterator(chunk_size=ROWS_AT_ONCE)


@dataclass(frozen=True, slots=True)
class _Stream:
    """Lines, and the rows that they are made of, which the response closes with itself."""

    lines: Iterator[str]
    rows: Any

    def __iter__(self) -> Iterator[str]:
        return self.lines

    def close(self) -> None:
        self.rows.close()


class ExportCsvView(APIView):
    """Stream the rows as CSV."""

    content_negotiation_class = ByPath

    @extend_schema(parameters=PARAMETERS, responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponseBase:
        export = _asked_for(request)
        rows = export.read()
        lines = write_csv(export.columns, rows)
        begun = list(islice(lines, 2))  # header and first rows: what fails by now is answered as an error
        return StreamingHttpResponse(
            _Stream(chain(begun, lines), rows), content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": content_disposition_header(True, f"{export.file_name}.csv")},
        )  # fmt: skip


class ExportXlsxView(APIView):
    """Write the rows into a workbook, then send it."""

    content_negotiation_class = ByPath

    @extend_schema(parameters=PARAMETERS, responses={(200, XLSX): OpenApiTypes.BINARY})
    def get(self, request: Request) -> HttpResponseBase:
        export = _asked_for(request)
        if export.rows[: MOST_ROWS + 1].count() > MOST_ROWS:  # before minutes are spent on writing them
            raise TooManyRows
        with closing(export.read()) as rows:
            file = write_xlsx(export.columns, rows, name=export.name)
        return FileResponse(file, as_attachment=True, filename=f"{export.file_name}.xlsx", content_type=XLSX)


def _asked_for(request: Request) -> Export:
    name = choice_param(request, "rows", LISTINGS) or "matches"
    listing, account = LISTINGS[name], account_param(request)
    rows = listing.chosen(request, account, "rows").order_by(listing.instant, "id")
    return Export(rows, _columns(listing), name, _file_name(account, name))


def _columns(listing: Listing) -> list[Column]:
    """Give what a list shows as columns, in its order."""
    return [
        Column(name, attrgetter(field.source or name), isinstance(field, InstantField))
        for name, field in listing.serializer().fields.items()
    ]


def _file_name(account: Account, name: str) -> str:
    today = local_day(clock.now(), account.timezone)
    return f"{slugify(account.name) or f'account-{account.pk}'}-{name}-{today}"
