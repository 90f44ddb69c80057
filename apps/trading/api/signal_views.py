"""Serve `/floor/signals`: what algorithms decided, and on what."""

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.trading.api import signal_serializers as serializers
from apps.trading.api.algorithm_views import algorithm_of
from apps.trading.models import Decision, Deployment, Evidence, Order
from apps.trading.services.accounts import account_of
from ohmycoins.core.api.params import choice_param, id_param, symbol_param

DONE = Decision.Status.DONE.value
TRADES = (Decision.Action.BUY.value, Decision.Action.SELL.value)
BULKY = ("parameters", "book", "reads", "quality")
"""Columns that only one decision's own page shows."""


def _own(request: Request) -> QuerySet[Decision]:
    return _complete(Decision.objects.filter(user=signed_in(request)))


def _complete(decisions: QuerySet[Decision]) -> QuerySet[Decision]:
    return decisions.select_related("deployment", "twap").prefetch_related(
        Prefetch("evidence", Evidence.objects.order_by("place")),
        Prefetch("orders", Order.objects.only("id", "decision_id")),
    )


@extend_schema(
    parameters=[
        OpenApiParameter("account", int, description="All of the caller's accounts when left out."),
        OpenApiParameter("deployment", int),
        OpenApiParameter("algorithm", int),
        OpenApiParameter("action", enum=Decision.Action.values),
        OpenApiParameter("coin_type", str, description="Of what was to be bought or sold."),
        OpenApiParameter("status", enum=Decision.Status.values, default=DONE),
    ]
)
class SignalsView(ListAPIView[Decision]):
    """List what one's algorithms said, newest first; with `status` also runs that failed or wait."""

    serializer_class = serializers.SignalSerializer
    ordering = "-slot"

    def get_queryset(self) -> QuerySet[Decision]:
        request = self.request
        status = choice_param(request, "status", Decision.Status.values) or DONE
        decisions = _complete(self._deployed()).filter(status=status).defer(*BULKY)
        if (account := id_param(request, "account")) is not None:
            decisions = decisions.filter(deployment__account=account_of(signed_in(request), account))
        action = choice_param(request, "action", Decision.Action.values)
        coin_type = symbol_param(request, "coin_type")
        if action:
            decisions = decisions.filter(action=action)
        if coin_type:
            decisions = decisions.filter(coin_type=coin_type, action__in=TRADES)
        return decisions

    def _deployed(self) -> QuerySet[Decision]:
        """Give one's own decisions by the index that is in their order: of a deployment, of an algorithm's, or of all."""
        request = self.request
        deployment, algorithm = id_param(request, "deployment"), id_param(request, "algorithm")
        if deployment is None and algorithm is None:
            return Decision.objects.filter(user=signed_in(request))
        own = Deployment.objects.filter(user=signed_in(request))
        if deployment is not None:
            own = own.filter(pk=get_object_or_404(own, pk=deployment).pk)
        if algorithm is not None:
            own = own.filter(algorithm=algorithm_of(request, algorithm))
        return Decision.objects.filter(deployment__in=list(own.values_list("pk", flat=True)))


class SignalView(APIView):
    """Show one decision with everything that it went by: rows read, verdicts, parameters, book and code."""

    @extend_schema(responses=serializers.SignalDetailSerializer)
    def get(self, request: Request, pk: str) -> Response:
        return Response(serializers.SignalDetailSerializer(get_object_or_404(_own(request), pk=pk)).data)
