"""Serve `/floor/positions`, `/floor/portfolio` and `/floor/pnl`."""

from collections.abc import Iterable
from datetime import datetime

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.pnl.api import serializers
from apps.pnl.services import figures
from apps.pnl.services.attribution import attribute
from apps.pnl.services.history import DAY, INTERVALS, history
from apps.pnl.services.sums import Bound, Scope
from apps.pnl.services.valuation import positions, value_positions
from apps.trading.api.views import ACCOUNT, account_param
from ohmycoins.core import clock
from ohmycoins.core.api.fields import represent
from ohmycoins.core.api.params import choice_param, date_or_instant_param, id_param, symbol_param
from ohmycoins.core.errors import Invalid, Refused
from ohmycoins.core.symbols import symbol

COIN_TYPE = OpenApiParameter("coin_type", str)
INTERVAL = OpenApiParameter("interval", enum=INTERVALS, default=DAY)
LEDGER = "ledger"
BY = OpenApiParameter(
    "by", enum=list(serializers.BY_SIGNAL), default=LEDGER, description="What to share results out among."
)
MANUAL = "manual"
ALGORITHM = OpenApiParameter(
    "algorithm_id", str, description="An algorithm's id, or `manual`: no algorithm's."
)
PERIOD = [
    OpenApiParameter(
        "start_date", OpenApiTypes.DATE, description="A whole day, or an instant that is included."
    ),
    OpenApiParameter(
        "end_date", OpenApiTypes.DATE, description="A whole day, or an instant that is excluded."
    ),
]


def scope_param(request: Request) -> Scope:
    """Read coin_type and algorithm_id, which may be `manual`. Raises Invalid."""
    coin_type = symbol_param(request, "coin_type")
    if request.query_params.get("algorithm_id") == MANUAL:
        return Scope(coin_type, manual=True)
    return Scope(coin_type, id_param(request, "algorithm_id", or_else=MANUAL))


def refuse_others(request: Request, parameters: Iterable[OpenApiParameter], *more: str) -> None:
    """Refuse a query that asks for what is not offered here: a filter is never silently left out. Raises Invalid."""
    if twice := [name for name in request.query_params if len(request.query_params.getlist(name)) > 1]:
        raise Invalid(f"{', '.join(twice)} is given more than once: which is meant?")
    accepted = [*(parameter.name for parameter in parameters), *more]
    if unknown := sorted(set(request.query_params) - set(accepted)):
        raise Invalid(f"{', '.join(unknown)}: not a parameter here; accepted: {', '.join(accepted)}")


def period_params(request: Request) -> tuple[Bound, Bound]:
    """Read start_date and end_date. Raises Invalid."""
    start, end = date_or_instant_param(request, "start_date"), date_or_instant_param(request, "end_date")
    if start is not None and end is not None:
        same_kind = isinstance(start, datetime) == isinstance(end, datetime)
        if same_kind and start > end:
            raise Invalid(f"start_date={start} lies after end_date={end}")
    return start, end


class FiguresView(APIView):
    """A view of figures: a parameter that it does not have is refused, and never silently left out."""

    accepted: tuple[OpenApiParameter, ...] = (ACCOUNT,)

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        refuse_others(request, self.accepted, "format")


class PositionsView(FiguresView):
    """List what is held, by coin."""

    @extend_schema(parameters=[ACCOUNT], responses=serializers.PositionSerializer(many=True))
    def get(self, request: Request) -> Response:
        held = positions(account_param(request))
        return Response(represent(serializers.PositionSerializer(), held))


class PositionView(FiguresView):
    @extend_schema(parameters=[ACCOUNT], responses=serializers.PositionSerializer)
    def get(self, request: Request, coin_type: str) -> Response:
        known = symbol(coin_type)
        held = positions(account_param(request), known) if known else []
        if not held:
            raise NotFound(f"There is no position in {coin_type.upper()}.")
        return Response(serializers.PositionSerializer(held[0]).data)


class PortfolioView(FiguresView):
    """Show an account at a glance."""

    @extend_schema(parameters=[ACCOUNT], responses=serializers.PortfolioSerializer)
    def get(self, request: Request) -> Response:
        return Response(serializers.PortfolioSerializer(figures.portfolio(account_param(request))).data)


class PnlSummaryView(FiguresView):
    """Sum up a period: closing sales, fills and fees, and how its days did; and what is unrealised now."""

    accepted = (ACCOUNT, *PERIOD)

    @extend_schema(parameters=[ACCOUNT, *PERIOD], responses=serializers.SummarySerializer)
    def get(self, request: Request) -> Response:
        summary = figures.summary(account_param(request), *period_params(request), now=clock.now())
        return Response(serializers.SummarySerializer(summary).data)


class _PnlByView(FiguresView):
    """Share a period's results out; the rows add up to the summary."""

    accepted = (ACCOUNT, *PERIOD)
    group: str
    serializer: type[serializers.ByCoinSerializer | serializers.ByAlgorithmSerializer]

    def get(self, request: Request) -> Response:
        rows = figures.by(account_param(request), *period_params(request), self.group)
        return Response(represent(self.serializer(), rows))


@extend_schema(parameters=[ACCOUNT, *PERIOD], responses=serializers.ByCoinSerializer(many=True))
class PnlByCoinView(_PnlByView):
    group, serializer = "coin_type", serializers.ByCoinSerializer


@extend_schema(parameters=[ACCOUNT, *PERIOD], responses=serializers.ByAlgorithmSerializer(many=True))
class PnlByAlgorithmView(_PnlByView):
    """Share a period's results out by the book they belong to; null is the manual one."""

    group, serializer = "algorithm_id", serializers.ByAlgorithmSerializer


class PnlBySignalView(FiguresView):
    """Share a period's results out by the ledger, the source or the row that trades rested on; what rests on
    none is unattributed. Of rows, the 500 that earned or lost most are listed, the others added up in one.
    """

    accepted = (ACCOUNT, *PERIOD, BY)

    @extend_schema(parameters=[ACCOUNT, *PERIOD, BY], responses=serializers.BySignalRowSerializer(many=True))
    def get(self, request: Request) -> Response:
        account, period = account_param(request), period_params(request)
        by = choice_param(request, "by", serializers.BY_SIGNAL) or LEDGER
        rows = figures.by(account, *period, LEDGER) if by == LEDGER else attribute(account, *period, by)
        return Response(represent(serializers.BY_SIGNAL[by](), rows))


class PnlHistoryView(FiguresView):
    """Cut a period into calendar buckets of the account's time zone."""

    accepted = (ACCOUNT, *PERIOD, INTERVAL)

    @extend_schema(
        parameters=[ACCOUNT, *PERIOD, INTERVAL],
        responses=serializers.BucketSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        account = account_param(request)
        interval = choice_param(request, "interval", INTERVALS) or DAY
        start, end = period_params(request)
        if start is None or end is None:
            raise Refused("history needs both start_date and end_date, such as 2026-03-01 and 2026-03-31")
        buckets = history(account, start, end, interval, clock.now())
        return Response(represent(serializers.BucketSerializer(), buckets))


class PnlRealizedView(FiguresView):
    """Give one figure: the realised P&L of a period."""

    accepted = (ACCOUNT, *PERIOD, COIN_TYPE, ALGORITHM)

    @extend_schema(
        parameters=[ACCOUNT, *PERIOD, COIN_TYPE, ALGORITHM], responses=serializers.RealizedSerializer
    )
    def get(self, request: Request) -> Response:
        account = account_param(request)
        gain = figures.realized(account, *period_params(request), scope_param(request))
        return Response(serializers.RealizedSerializer({"realized_pnl": gain}).data)


class PnlUnrealizedView(FiguresView):
    """Give one figure: what open positions would gain at the latest prices."""

    accepted = (ACCOUNT, COIN_TYPE)

    @extend_schema(parameters=[ACCOUNT, COIN_TYPE], responses=serializers.UnrealizedSerializer)
    def get(self, request: Request) -> Response:
        valuation = value_positions(account_param(request), symbol_param(request, "coin_type"))
        return Response(serializers.UnrealizedSerializer(valuation).data)
