"""Serve `/collectors` and `/ledgers`."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.ledgers.api.serializers import CollectorSerializer, PriceSerializer, RunSerializer
from apps.ledgers.models import CollectionRun, LatestPrice, Price, Source
from apps.ledgers.schedules import collector_schedules
from apps.ledgers.services import control
from apps.ledgers.services.known import settle
from ohmycoins.core.api.params import as_of_param, instant_param, symbol_param
from ohmycoins.core.api.routes import has_permission
from ohmycoins.core.errors import Invalid

AS_OF = OpenApiParameter("as_of", OpenApiTypes.DATETIME, description="Exactly what was known then.")
COIN_TYPE = OpenApiParameter("coin_type", str, description="A coin's symbol, such as BTC.")
MARKET = OpenApiParameter("market", str, description="The market's coin; all markets when left out.")
PRICE_SOURCES = ("coinspot_prices",)


def _collectors() -> list[dict[str, Any]]:
    sources: Any = Source.objects.with_health()
    serializer = CollectorSerializer(sources, many=True, context={"schedules": collector_schedules()})
    return list(serializer.data)


def _collector(name: str) -> dict[str, Any]:
    source = get_object_or_404(Source.objects.with_health(), name=name)
    return dict(CollectorSerializer(source, context={"schedules": collector_schedules()}).data)


class CollectorsView(APIView):
    """List every collector with its state."""

    @extend_schema(responses=CollectorSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response({"next": None, "previous": None, "results": _collectors()})


class CollectorsHealthView(APIView):
    """Say in one word how each collector does, and how many do."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        states = {collector["name"]: collector["health"] for collector in _collectors()}
        counts = {state: list(states.values()).count(state) for state in sorted(set(states.values()))}
        return Response({"collectors": states, "counts": counts})


class CollectorStatusView(APIView):
    @extend_schema(responses=CollectorSerializer)
    def get(self, request: Request, name: str) -> Response:
        return Response(_collector(name))


class CollectorRunsView(ListAPIView[CollectionRun]):
    """List a collector's runs, newest first."""

    serializer_class = RunSerializer
    ordering = "-started_at"

    def get_queryset(self) -> QuerySet[CollectionRun]:
        source = get_object_or_404(Source, name=self.kwargs["name"])
        return CollectionRun.objects.filter(source=source).defer("sample")


class CollectorCommandView(APIView):
    """Commands to collectors are for operators."""

    permission_classes = (has_permission("ledgers.operate_source"),)


class CollectorTriggerView(CollectorCommandView):
    """Run a collector now; `…/runs` shows what came of it."""

    @extend_schema(request=None, responses={202: CollectorSerializer})
    def post(self, request: Request, name: str) -> Response:
        control.trigger(get_object_or_404(Source, name=name))
        return Response(_collector(name), status=202)


class CollectorEnableView(CollectorCommandView):
    @extend_schema(request=None, responses=CollectorSerializer)
    def post(self, request: Request, name: str) -> Response:
        control.set_enabled(get_object_or_404(Source, name=name), enabled=True)
        return Response(_collector(name))


class CollectorDisableView(CollectorCommandView):
    @extend_schema(request=None, responses=CollectorSerializer)
    def post(self, request: Request, name: str) -> Response:
        control.set_enabled(get_object_or_404(Source, name=name), enabled=False)
        return Response(_collector(name))


@extend_schema(
    parameters=[
        COIN_TYPE, MARKET, AS_OF,
        OpenApiParameter("since", OpenApiTypes.DATETIME, description="Occurred then or later."),
        OpenApiParameter("until", OpenApiTypes.DATETIME, description="Occurred before then."),
    ]
)  # fmt: skip
class ExchangePricesView(ListAPIView[Price]):
    """List prices, newest first."""

    serializer_class = PriceSerializer
    ordering = "-occurred_at"

    def get_queryset(self) -> QuerySet[Price]:
        request = self.request
        since, until = instant_param(request, "since"), instant_param(request, "until")
        if since and until and since > until:
            raise Invalid("since lies after until")
        prices = Price.objects.between(since, until)
        if coin_type := symbol_param(request, "coin_type"):
            prices = prices.filter(coin_type=coin_type)
        if market := symbol_param(request, "market"):
            prices = prices.filter(market=market)
        if as_of := as_of_param(request):
            settle(as_of, sources=PRICE_SOURCES)
            prices = prices.as_of(as_of)
        return prices


@extend_schema(parameters=[COIN_TYPE, MARKET, AS_OF])
class ExchangeLatestView(ListAPIView[Price]):
    """List the newest price of each market, by coin."""

    serializer_class = PriceSerializer
    ordering = "coin_type"

    def get_queryset(self) -> QuerySet[Price]:
        latest = LatestPrice.objects.all()
        if coin_type := symbol_param(self.request, "coin_type"):
            latest = latest.filter(coin_type=coin_type)
        if market := symbol_param(self.request, "market"):
            latest = latest.filter(market=market)
        if as_of := as_of_param(self.request):
            settle(as_of, sources=PRICE_SOURCES)
            return Price.objects.filter(pk__in=latest.price_ids_as_of(as_of))
        return Price.objects.filter(pk__in=latest.values("price_id"))
