"""Serve `/lab/backtests`: rules tried on what the ledgers knew."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.pnl.api import backtest_serializers as serializers
from apps.pnl.api.listings import PAGING
from apps.pnl.api.views import refuse_others
from apps.pnl.models import Backtest, BacktestTrade
from apps.pnl.services.backtests import backtest_of, cancel_backtest, make_backtest, resume_backtest
from apps.trading.services.accounts import account_of
from ohmycoins.core.api.params import choice_param, id_param

STATUS = OpenApiParameter("status", enum=Backtest.Status.values)
ALGORITHM_ID = OpenApiParameter("algorithm_id", int)


class BacktestsView(ListAPIView[Backtest]):
    """List one's backtests, newest first, without their curves; or ask for another, which a worker runs."""

    serializer_class = serializers.BacktestRowSerializer
    ordering = "-id"

    def get_queryset(self) -> QuerySet[Backtest]:
        refuse_others(self.request, (STATUS, ALGORITHM_ID), *PAGING)
        rows = Backtest.objects.of(self.request.user).without_results()
        if status := choice_param(self.request, "status", Backtest.Status.values):
            rows = rows.filter(status=status)
        algorithm_id = id_param(self.request, "algorithm_id")
        return rows if algorithm_id is None else rows.filter(algorithm=algorithm_id)

    @extend_schema(parameters=[STATUS, ALGORITHM_ID])
    def get(self, request: Request) -> Response:
        return super().get(request)

    @extend_schema(
        request=serializers.NewBacktestSerializer, responses={202: serializers.BacktestRowSerializer}
    )
    def post(self, request: Request) -> Response:
        form = serializers.NewBacktestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user, account_id = signed_in(request), form.validated_data.get("account")
        account = None if account_id is None else account_of(user, account_id)
        wish = form.wish(account.timezone if account else user.timezone)
        backtest = make_backtest(user=user, wish=wish, account=account)
        return Response(serializers.BacktestRowSerializer(backtest).data, status=202)


class BacktestView(APIView):
    """Show a backtest with what it came to."""

    @extend_schema(responses=serializers.BacktestSerializer)
    def get(self, request: Request, pk: str) -> Response:
        return Response(serializers.BacktestSerializer(backtest_of(signed_in(request), int(pk))).data)


class CancelBacktestView(APIView):
    """Stop a backtest where it is."""

    @extend_schema(request=None, responses=serializers.BacktestRowSerializer)
    def post(self, request: Request, pk: str) -> Response:
        backtest = cancel_backtest(backtest_of(signed_in(request), int(pk)))
        return Response(serializers.BacktestRowSerializer(backtest).data)


class ResumeBacktestView(APIView):
    """Let a backtest go on from where it was stopped, or failed."""

    @extend_schema(request=None, responses=serializers.BacktestRowSerializer)
    def post(self, request: Request, pk: str) -> Response:
        backtest = resume_backtest(backtest_of(signed_in(request), int(pk)))
        return Response(serializers.BacktestRowSerializer(backtest).data, status=202)


class BacktestTradesView(ListAPIView[BacktestTrade]):
    """Page through all trades of a backtest, in the order they happened."""

    serializer_class = serializers.BacktestTradeSerializer
    ordering = "number"

    def get_queryset(self) -> QuerySet[BacktestTrade]:
        refuse_others(self.request, (), *PAGING)
        backtest = backtest_of(signed_in(self.request), int(self.kwargs["pk"]))
        return BacktestTrade.objects.filter(backtest=backtest)
