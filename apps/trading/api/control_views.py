"""Serve `/floor/emergency-stop`."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.trading.api import control_serializers as serializers
from apps.trading.models import Order
from apps.trading.services.control import clear, state_for, stops_seen_by
from apps.trading.services.scopes import may_stop_all
from apps.trading.services.stopping import in_flight, stop_trading

MOST_SHOWN = 500


class EmergencyStopView(APIView):
    @extend_schema(responses=serializers.StateSerializer)
    def get(self, request: Request) -> Response:
        """Show what is stopped for the caller, and which orders are still at a venue."""
        user = signed_in(request)
        flying = in_flight() if may_stop_all(user) else in_flight(user=user)
        stops = serializers.StopSerializer(stops_seen_by(user), many=True).data
        return Response({"state": state_for(user), "stops": stops} | _shown(flying))


class EmergencyStopActivateView(APIView):
    @extend_schema(request=serializers.ActivateSerializer, responses=serializers.StoppedSerializer)
    def post(self, request: Request) -> Response:
        """Stop trading in a scope, cancel what rests, and say what is still in flight."""
        form = serializers.ActivateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        done = stop_trading(actor=signed_in(request), **form.validated_data)
        return Response({
            "stop": serializers.StopSerializer(done.stop).data,
            "cancelled": done.swept.cancelled, "left": done.swept.left, "plans": done.swept.plans,
            "liquidation": serializers.SaleSerializer(done.sales, many=True).data, "unsold": done.unsold,
            **_shown(in_flight(stop=done.stop)),
        })  # fmt: skip


class EmergencyStopClearView(APIView):
    @extend_schema(request=serializers.ClearSerializer, responses=serializers.StopSerializer)
    def post(self, request: Request) -> Response:
        """Let a scope trade again."""
        form = serializers.ClearSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        stop = clear(actor=signed_in(request), **form.validated_data)
        return Response(serializers.StopSerializer(stop).data)


def _shown(orders: QuerySet[Order]) -> dict[str, Any]:
    shown = serializers.InFlightSerializer(orders[:MOST_SHOWN], many=True).data
    return {
        "in_flight": shown,
        "in_flight_count": len(shown) if len(shown) < MOST_SHOWN else orders.count(),
    }
