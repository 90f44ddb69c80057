"""Page through lists by cursor."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from ohmycoins.core.errors import Invalid

if TYPE_CHECKING:
    from rest_framework.views import APIView


class Pages(CursorPagination):
    """Page by cursor, in the view's `ordering`, the id breaking ties.

    A view offers other orders by `ordering_fields`: indexed, non-null columns only.
    """

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500
    offset_cutoff = 10_000  # rows that share one instant, such as a tick of every market

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get("page_size")
        if text is None:
            return self.page_size
        if (
            not (text.isascii() and text.isdigit() and len(text) < 9)
            or not 1 <= int(text) <= self.max_page_size
        ):
            raise Invalid(f"page_size={text!r} is not a whole number from 1 to {self.max_page_size}")
        return int(text)

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: "APIView") -> tuple[str, ...]:
        default: str = getattr(view, "ordering", "-id")
        allowed: tuple[str, ...] = (default.lstrip("-"), *getattr(view, "ordering_fields", ()))
        chosen = request.query_params.get("ordering", default)
        field = chosen.removeprefix("-")
        if field not in allowed:
            raise Invalid(f"ordering={chosen!r} is not offered; accepted: {', '.join(allowed)}, or -field")
        sign = "-" if chosen.startswith("-") else ""
        return (chosen,) if field == "id" else (chosen, f"{sign}id")

    def paginate_queryset(
        self, queryset: Any, request: Request, view: "APIView | None" = None
    ) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, OverflowError, ValidationError, DataError) as error:
            if "cursor" not in request.query_params:
                raise
            raise Invalid("cursor is not one that this list gave out") from error

    def decode_cursor(self, request: Request) -> Cursor | None:
        try:
            return super().decode_cursor(request)
        except NotFound as error:
            raise Invalid("cursor is not one that this list gave out") from error
