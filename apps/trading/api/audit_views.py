"""Serve `/audit/events`: the trail."""

import re
from typing import ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from apps.accounts.api.auth import signed_in
from apps.trading.models import Account, Event, Order
from apps.trading.services.accounts import account_of
from ohmycoins.core.api.params import id_param, text_param
from ohmycoins.core.errors import Invalid

VIEW_ALL = "trading.view_event"
TYPE = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*\Z")


class EventSerializer(serializers.ModelSerializer[Event]):
    account = serializers.IntegerField(source="account_id", read_only=True, allow_null=True)
    order = serializers.IntegerField(source="order_id", read_only=True, allow_null=True)

    class Meta:
        model = Event
        fields: ClassVar[tuple[str, ...]] = (
            "id", "seq", "account", "order", "type", "from_status", "to_status", "at", "actor", "reason",
            "inputs", "digest",
        )  # fmt: skip


@extend_schema(
    parameters=[
        OpenApiParameter("account", int, description="All of the caller's accounts when left out."),
        OpenApiParameter("order", int),
        OpenApiParameter("type", str, description="Noun and participle, such as order.moved."),
    ]
)
class EventsView(ListAPIView[Event]):
    """List what was decided and done, newest first.

    One sees the events of one's own accounts; with the permission, everyone's and those of no account.
    """

    serializer_class = EventSerializer
    ordering = "-id"

    def get_queryset(self) -> QuerySet[Event]:
        user = signed_in(self.request)
        sees_all = user.has_perm(VIEW_ALL)
        events = Event.objects.order_by()
        account_id, order_id = id_param(self.request, "account"), id_param(self.request, "order")
        if account_id is not None:
            account = get_object_or_404(Account, pk=account_id) if sees_all else account_of(user, account_id)
            events = events.filter(account=account)
        elif not sees_all:
            events = events.filter(account__in=list(Account.objects.of(user).values_list("pk", flat=True)))
        if order_id is not None:
            orders = Order.objects.all() if sees_all else Order.objects.filter(account__user=user)
            events = events.filter(order=get_object_or_404(orders, pk=order_id))
        if (type_ := text_param(self.request, "type")) is not None:
            if not TYPE.match(type_) or len(type_) > 40:
                raise Invalid(f"type={type_!r} is not an event's type, such as order.moved")
            events = events.filter(type=type_)
        return events
