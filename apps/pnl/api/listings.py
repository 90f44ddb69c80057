"""Say of what each list of the book is made, and choose its rows as a request asks.

The lists on the screen and the exports choose by the same filters, and write the same fields.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from apps.pnl.api import book_serializers as serializers
from apps.pnl.api.views import ALGORITHM, COIN_TYPE, PERIOD, period_params, refuse_others, scope_param
from apps.pnl.models import Closing, Lot, Match
from apps.pnl.periods import instants
from apps.trading.api.views import ACCOUNT
from apps.trading.models import Account, Fill, Order
from ohmycoins.core.api.params import choice_param

SIDE = OpenApiParameter("side", enum=Order.Side.values)
OPEN = OpenApiParameter("open", bool, description="Whether something of the lot is left.")
PAGING = ("cursor", "page_size", "ordering", "format")


@dataclass(frozen=True, slots=True)
class Listing:
    """One list: its rows, how they are written, and by what they can be chosen."""

    rows: Callable[[], QuerySet[Any]]
    serializer: type[Serializer[Any]]
    instant: str
    """The column by which rows are ordered, and cut into periods."""
    filters: tuple[OpenApiParameter, ...]

    @property
    def parameters(self) -> list[OpenApiParameter]:
        return [ACCOUNT, *PERIOD, *self.filters]

    def chosen(self, request: Request, account: Account, *more: str) -> QuerySet[Any]:
        """Give the account's rows that the query asks for, in no order.

        Raises Invalid, also for a parameter that is neither the list's nor one of `more`.
        """
        refuse_others(request, self.parameters, *more)
        rows = self.rows().filter(account=account, **scope_param(request).filters)
        start, end = instants(*period_params(request), account.timezone)
        rows = rows if start is None else rows.filter(**{f"{self.instant}__gte": start})
        rows = rows if end is None else rows.filter(**{f"{self.instant}__lt": end})
        if side := side_param(request):
            rows = rows.filter(side=side)
        if is_open := choice_param(request, "open", ("true", "false")):
            rows = rows.open() if is_open == "true" else rows.closed()  # type: ignore[attr-defined]
        return rows


def side_param(request: Request) -> str | None:
    """Read an optional side from the query. Raises Invalid."""
    return choice_param(request, "side", Order.Side.values)


TRADES = Listing(
    rows=lambda: Fill.objects.annotate(realized_pnl=F("closing__realized_pnl")),
    serializer=serializers.TradeSerializer, instant="executed_at", filters=(COIN_TYPE, ALGORITHM, SIDE),
)  # fmt: skip
LOTS = Listing(
    rows=Lot.objects.all,
    serializer=serializers.LotSerializer, instant="acquired_at", filters=(COIN_TYPE, ALGORITHM, OPEN),
)  # fmt: skip
MATCHES = Listing(
    rows=lambda: Match.objects.annotate(buy_fill_id=F("lot__fill_id"), sell_fill_id=F("closing__fill_id")),
    serializer=serializers.MatchSerializer, instant="disposed_at", filters=(COIN_TYPE, ALGORITHM),
)  # fmt: skip
UNMATCHED = Listing(
    rows=Closing.objects.unmatched,
    serializer=serializers.UnmatchedSerializer, instant="closed_at", filters=(COIN_TYPE, ALGORITHM),
)  # fmt: skip
