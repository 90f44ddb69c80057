"""Serve `/floor/trades`, and `/floor/pnl/{lots,matches,unmatched}`: what the figures are made of."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.pnl.api import book_serializers as serializers
from apps.pnl.api.listings import LOTS, MATCHES, PAGING, TRADES, UNMATCHED, Listing, side_param
from apps.pnl.api.views import period_params, refuse_others, scope_param
from apps.pnl.models import Lot
from apps.pnl.services.activity import sum_activity
from apps.pnl.services.costs import give_cost
from apps.trading.api.views import account_param


class ListingView(ListAPIView[Any]):
    """Page through the rows of a `listing`, newest first."""

    listing: Listing

    @property
    def ordering(self) -> str:
        return f"-{self.listing.instant}"

    def get_serializer_class(self) -> Any:
        return self.listing.serializer

    def get_queryset(self) -> QuerySet[Any]:
        return self.listing.chosen(self.request, account_param(self.request), *PAGING)


@extend_schema(parameters=TRADES.parameters)
class TradesView(ListingView):
    """List fills, with what each sale realised."""

    listing = TRADES


@extend_schema(parameters=LOTS.parameters)
class LotsView(ListingView):
    """List purchases, and other coins that came, with what is left of them."""

    listing = LOTS


@extend_schema(parameters=MATCHES.parameters)
class MatchesView(ListingView):
    """List the parts of lots that sales, and other departures of coins, closed."""

    listing = MATCHES


@extend_schema(parameters=UNMATCHED.parameters)
class UnmatchedView(ListingView):
    """List what went, of which no lot says where it came from: history is missing."""

    listing = UNMATCHED


class TradeStatsView(APIView):
    """Count fills, and what became of the orders placed in the same period."""

    @extend_schema(parameters=TRADES.parameters, responses=serializers.TradeStatsSerializer)
    def get(self, request: Request) -> Response:
        refuse_others(request, TRADES.parameters, "format")
        activity = sum_activity(
            account_param(request), *period_params(request), scope_param(request), side=side_param(request)
        )
        return Response(serializers.TradeStatsSerializer(activity).data)


class LotCostView(APIView):
    """Say what coins cost that came by no purchase; the lot's id is a new one afterwards."""

    @extend_schema(request=serializers.CostSerializer, responses=serializers.LotSerializer)
    def post(self, request: Request, pk: str) -> Response:
        user = signed_in(request)
        lot = get_object_or_404(Lot, pk=pk, account__user=user)
        form = serializers.CostSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changed = give_cost(lot, actor=f"user:{user.pk}", **form.validated_data)
        return Response(serializers.LotSerializer(changed).data)
