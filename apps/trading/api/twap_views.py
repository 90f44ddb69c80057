"""Serve `/floor/twaps`: market orders in slices over time."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.trading.api.twap_serializers import NewTwapSerializer, TwapSerializer
from apps.trading.api.views import ACCOUNT, OrderDenied, account_named, account_param, key_header
from apps.trading.models import Twap
from apps.trading.services.twaps import cancel_twap, start_twap
from ohmycoins.core.api.params import choice_param, symbol_param


def twap_of(request: Request, pk: str | int) -> Twap:
    return get_object_or_404(Twap.objects.with_orders(), pk=pk, account__user=request.user)


@extend_schema(
    parameters=[
        ACCOUNT,
        OpenApiParameter("status", enum=Twap.Status.values),
        OpenApiParameter("coin_type", str),
    ]
)
class TwapsView(ListAPIView[Twap]):
    """List an account's orders in slices, newest first, or start one."""

    serializer_class = TwapSerializer
    ordering = "-id"

    def get_queryset(self) -> QuerySet[Twap]:
        twaps = Twap.objects.with_orders().filter(account=account_param(self.request))
        if status := choice_param(self.request, "status", Twap.Status.values):
            twaps = twaps.filter(status=status)
        if coin_type := symbol_param(self.request, "coin_type"):
            twaps = twaps.filter(coin_type=coin_type)
        return twaps

    @extend_schema(
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
        request=NewTwapSerializer,
        responses={202: TwapSerializer},
    )
    def post(self, request: Request) -> Response:
        form = NewTwapSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        twap = start_twap(
            user=signed_in(request), account=account_named(request, form.validated_data.get("account")),
            ticket=form.ticket(), slices=form.validated_data["slices"], slice_seconds=form.pause_seconds,
            idempotency_key=key_header(request),
        )  # fmt: skip
        if twap.status == Twap.Status.DENIED and not twap.placed:
            raise OrderDenied(twap.orders.earliest("id"))
        return Response(TwapSerializer(twap_of(request, twap.pk)).data, status=202)


class TwapView(APIView):
    @extend_schema(responses=TwapSerializer)
    def get(self, request: Request, pk: str) -> Response:
        return Response(TwapSerializer(twap_of(request, pk)).data)


class TwapCancelView(APIView):
    """Place no more slices; cancel those that were placed by themselves."""

    @extend_schema(request=None, responses=TwapSerializer)
    def post(self, request: Request, pk: str) -> Response:
        cancelled = cancel_twap(twap_of(request, pk).pk, actor=f"user:{request.user.pk}")
        return Response(TwapSerializer(twap_of(request, cancelled.pk)).data)
