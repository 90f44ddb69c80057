"""Serve `/floor/positions`, `/floor/portfolio` and `/floor/pnl`."""

from datetime import datetime

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.pnl.api import serializers
from apps.pnl.services import figures
from apps.trading.api.views import ACCOUNT, account_param
from ohmycoins.core import clock
from ohmycoins.core.api.fields import represent
from ohmycoins.core.api.params import date_or_instant_param, id_param, symbol_param
from ohmycoins.core.errors import Invalid
from ohmycoins.core.symbols import symbol

COIN_TYPE = OpenApiParameter("coin_type", str)
ALGORITHM = OpenApiParameter("algorithm_id", int)
PERIOD = [
    OpenApiParameter(
        "start_date", OpenApiTypes.DATE, description="A whole day, or an instant that is included."
    ),
    OpenApiParameter(
        "end_date", OpenApiTypes.DATE, description="A whole day, or an instant that is excluded."
    ),
]


def period_params(request: Request) -> tuple[figures.Bound, figures.Bound]:
    """Read start_date and end_date. Raises Invalid."""
    start, end = date_or_instant_param(request, "start_date"), date_or_instant_param(request, "end_date")
    if start is not None and end is not None:
        same_kind = isinstance(start, datetime) == isinstance(end, datetime)
        if same_kind and start > end:
            raise Invalid(f"start_date={start} lies after end_date={end}")
    return start, end


class PositionsView(APIView):
    """List what is held, by coin."""

    @extend_schema(parameters=[ACCOUNT], responses=serializers.PositionSerializer(many=True))
    def get(self, request: Request) -> Response:
        held = figures.positions(account_param(request))
        return Response(represent(serializers.PositionSerializer(), held))


class PositionView(APIView):
    @extend_schema(parameters=[ACCOUNT], responses=serializers.PositionSerializer)
    def get(self, request: Request, coin_type: str) -> Response:
        held = figures.positions(account_param(request), symbol(coin_type))
        if not held:
            raise NotFound(f"There is no position in {coin_type.upper()}.")
        return Response(serializers.PositionSerializer(held[0]).data)


class PortfolioView(APIView):
    """Show an account at a glance."""

    @extend_schema(parameters=[ACCOUNT], responses=serializers.PortfolioSerializer)
    def get(self, request: Request) -> Response:
        return Response(serializers.PortfolioSerializer(figures.portfolio(account_param(request))).data)


class PnlSummaryView(APIView):
    """Sum up a period: closing sales, fills and fees; and what is unrealised now."""

    @extend_schema(parameters=[ACCOUNT, *PERIOD], responses=serializers.SummarySerializer)
    def get(self, request: Request) -> Response:
        account = account_param(request)
        results = figures.results(account, *period_params(request))
        valuation = figures.value_positions(account)
        summary = {
            "results": results,
            "valuation": valuation,
            "total_pnl": results.realized_pnl + valuation.unrealized_pnl,
            "as_of": clock.now(),
        }
        return Response(serializers.SummarySerializer(summary).data)


class PnlRealizedView(APIView):
    """Give one figure: the realised P&L of a period."""

    @extend_schema(
        parameters=[ACCOUNT, *PERIOD, COIN_TYPE, ALGORITHM], responses=serializers.RealizedSerializer
    )
    def get(self, request: Request) -> Response:
        gain = figures.realized(
            account_param(request), *period_params(request),
            coin_type=symbol_param(request, "coin_type"), algorithm_id=id_param(request, "algorithm_id"),
        )  # fmt: skip
        return Response(serializers.RealizedSerializer({"realized_pnl": gain}).data)


class PnlUnrealizedView(APIView):
    """Give one figure: what open positions would gain at the latest prices."""

    @extend_schema(parameters=[ACCOUNT, COIN_TYPE], responses=serializers.UnrealizedSerializer)
    def get(self, request: Request) -> Response:
        valuation = figures.value_positions(account_param(request), symbol_param(request, "coin_type"))
        return Response(serializers.UnrealizedSerializer(valuation).data)
