"""Serve `/floor/accounts` and `/floor/orders`."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.trading.api import serializers
from apps.trading.models import Account, Event, Order
from apps.trading.services.account_settings import change_account
from apps.trading.services.accounts import account_of, default_account, open_account
from apps.trading.services.cancel import cancel_order
from apps.trading.services.place import place_order, was_denied
from apps.trading.states import Status
from ohmycoins.core.api.params import choice_param, id_param, symbol_param
from ohmycoins.core.errors import Invalid, Refused

ACCOUNT = OpenApiParameter("account", int, description="An account's id; the default account when left out.")
KEY_LIMIT = 200


class OrderDenied(Refused):
    """The safety rules refuse the order; the row that says so is stored."""

    code = "ORDER_DENIED"

    def __init__(self, order: Order) -> None:
        self.extra = {"order_id": order.pk, "denials": order.denials}
        super().__init__(order.error, detail=self.extra)


def account_param(request: Request) -> Account:
    """Give the account that the query names, or the default one. Raises Invalid or NoSuchAccount."""
    return account_of(signed_in(request), id_param(request, "account"))


def account_named(request: Request, in_body: int | None) -> Account:
    """Give the account that the query or the body names, or the default one; Invalid when they differ."""
    in_query = id_param(request, "account")
    if None not in (in_query, in_body) and in_query != in_body:
        raise Invalid(f"account={in_query} in the query, and {in_body} in the body: which is meant?")
    return account_of(signed_in(request), in_query if in_body is None else in_body)


def key_header(request: Request) -> str | None:
    """Read the optional Idempotency-Key. Raises Invalid."""
    key = request.headers.get("Idempotency-Key", "").strip() or None
    if key and (len(key) > KEY_LIMIT or not key.isprintable()):
        raise Invalid(f"Idempotency-Key is longer than {KEY_LIMIT} characters or has control characters")
    return key


class AccountsView(ListAPIView[Account]):
    """List one's accounts, or open another."""

    serializer_class = serializers.AccountSerializer
    ordering = "id"

    def get_queryset(self) -> QuerySet[Account]:
        default_account(signed_in(self.request))  # opened on first use
        return Account.objects.of(self.request.user)

    @extend_schema(request=serializers.NewAccountSerializer, responses={201: serializers.AccountSerializer})
    def post(self, request: Request) -> Response:
        form = serializers.NewAccountSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        account = open_account(user=signed_in(request), **form.validated_data)
        return Response(serializers.AccountSerializer(account).data, status=201)


class AccountView(APIView):
    @extend_schema(responses=serializers.AccountSerializer)
    def get(self, request: Request, pk: str) -> Response:
        return Response(serializers.AccountSerializer(account_of(signed_in(request), int(pk))).data)

    @extend_schema(
        request=serializers.AccountChangeSerializer(partial=True), responses=serializers.AccountSerializer
    )
    def patch(self, request: Request, pk: str) -> Response:
        account = account_of(signed_in(request), int(pk))
        form = serializers.AccountChangeSerializer(account, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changed = change_account(account.pk, actor=f"user:{request.user.pk}", **form.validated_data)
        return Response(serializers.AccountSerializer(changed).data)


@extend_schema(
    parameters=[
        ACCOUNT,
        OpenApiParameter("status", enum=[status.value for status in Status]),
        OpenApiParameter("coin_type", str),
        OpenApiParameter("algorithm_id", int),
        OpenApiParameter("side", enum=Order.Side.values),
    ]
)
class OrdersView(ListAPIView[Order]):
    """List an account's orders, newest first, or place one."""

    serializer_class = serializers.OrderSerializer
    ordering = "-created_at"

    def get_queryset(self) -> QuerySet[Order]:
        orders = Order.objects.filter(account=account_param(self.request))
        if status := choice_param(self.request, "status", [status.value for status in Status]):
            orders = orders.filter(status=status)
        if side := choice_param(self.request, "side", Order.Side.values):
            orders = orders.filter(side=side)
        if (algorithm_id := id_param(self.request, "algorithm_id")) is not None:
            orders = orders.filter(algorithm_id=algorithm_id)
        if coin_type := symbol_param(self.request, "coin_type"):
            orders = orders.filter(coin_type=coin_type)
        return orders

    @extend_schema(
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
        request=serializers.NewOrderSerializer,
        responses={202: serializers.OrderSerializer},
    )
    def post(self, request: Request) -> Response:
        form = serializers.NewOrderSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        account = account_named(request, form.validated_data.get("account"))
        order = place_order(
            user=signed_in(request),
            account=account,
            ticket=form.ticket(),
            idempotency_key=key_header(request),
        )
        if order.denials and order.submitted_at is None and was_denied(order):
            raise OrderDenied(order)
        return Response(serializers.OrderSerializer(order).data, status=202)


def order_of(request: Request, pk: str) -> Order:
    return get_object_or_404(Order, pk=pk, account__user=request.user)


class OrderView(APIView):
    @extend_schema(responses=serializers.OrderSerializer)
    def get(self, request: Request, pk: str) -> Response:
        return Response(serializers.OrderSerializer(order_of(request, pk)).data)


class OrderEventsView(ListAPIView[Event]):
    """List an order's moves, oldest first."""

    serializer_class = serializers.OrderEventSerializer
    ordering = "id"

    def get_queryset(self) -> QuerySet[Event]:
        return Event.objects.filter(order=order_of(self.request, self.kwargs["pk"]))


class OrderCancelView(APIView):
    """Cancel what is not filled yet."""

    @extend_schema(request=None, responses=serializers.OrderSerializer)
    def post(self, request: Request, pk: str) -> Response:
        order = cancel_order(order_of(request, pk).pk, actor=f"user:{request.user.pk}")
        return Response(serializers.OrderSerializer(order).data)
