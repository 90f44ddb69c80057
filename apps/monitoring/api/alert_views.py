"""Serve `/monitoring/alerts`, `/monitoring/alert-rules` and `/monitoring/channels`."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.auth import signed_in
from apps.monitoring.api import alert_serializers as serializers
from apps.monitoring.models import Alert, AlertRule, Channel, Delivery, Severity, Type
from apps.monitoring.services.channels import delete_channel, test_channel
from apps.monitoring.services.rules import change_rule, create_rule, delete_rule
from apps.trading.api.credential_views import SecretView
from ohmycoins.core.api.params import choice_param
from ohmycoins.core.api.throttles import MinuteThrottle


class TestThrottle(MinuteThrottle):
    """Spare who is written to: they did not ask."""

    scope = "alert-test"
    limit = 10


@extend_schema(
    parameters=[
        OpenApiParameter("type", enum=Type.values),
        OpenApiParameter("severity", enum=Severity.values),
        OpenApiParameter("standing", bool, description="Those that still stand, or those that do not."),
    ]
)
class AlertsView(ListAPIView[Alert]):
    """List alerts about one's own trading and about everybody's, newest first."""

    serializer_class = serializers.AlertSerializer
    ordering = "-opened_at"

    def get_queryset(self) -> QuerySet[Alert]:
        user = signed_in(self.request)
        alerts = Alert.objects.seen_by(user)
        if type_ := choice_param(self.request, "type", Type.values):
            alerts = alerts.filter(type=type_)
        if severity := choice_param(self.request, "severity", Severity.values):
            alerts = alerts.filter(severity=severity)
        if standing := choice_param(self.request, "standing", ("true", "false")):
            alerts = alerts.filter(resolved_at__isnull=standing == "true")
        told = Delivery.objects.seen_by(user).select_related("channel").order_by("id")
        return alerts.prefetch_related(Prefetch("deliveries", queryset=told))


class AlertRulesView(SecretView, ListAPIView[AlertRule]):
    """List one's alert rules, or make one."""

    serializer_class = serializers.AlertRuleSerializer
    ordering = "id"

    def get_queryset(self) -> QuerySet[AlertRule]:
        return _own_rules(self.request)

    @extend_schema(
        request=serializers.NewAlertRuleSerializer, responses={201: serializers.AlertRuleSerializer}
    )
    def post(self, request: Request) -> Response:
        form = serializers.NewAlertRuleSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        rule = create_rule(signed_in(request), actor=_actor(request), **form.validated_data)
        return Response(serializers.AlertRuleSerializer(rule).data, status=201)


class AlertRuleView(SecretView):
    """One of one's alert rules."""

    @extend_schema(responses=serializers.AlertRuleSerializer)
    def get(self, request: Request, pk: str) -> Response:
        return Response(serializers.AlertRuleSerializer(get_object_or_404(_own_rules(request), pk=pk)).data)

    @extend_schema(request=serializers.AlertRuleChangeSerializer, responses=serializers.AlertRuleSerializer)
    def patch(self, request: Request, pk: str) -> Response:
        """Change what is given."""
        rule = get_object_or_404(_own_rules(request), pk=pk)
        form = serializers.AlertRuleChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        change_rule(rule, actor=_actor(request), **form.validated_data)
        return self.get(request, pk)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Delete it; what was not sent for it yet is not sent any more."""
        delete_rule(get_object_or_404(_own_rules(request), pk=pk), actor=_actor(request))
        return Response(status=204)


class ChannelsView(ListAPIView[Channel]):
    """List the places that one's rules name or named."""

    serializer_class = serializers.AlertChannelSerializer
    ordering = "id"

    def get_queryset(self) -> QuerySet[Channel]:
        return Channel.objects.filter(user=signed_in(self.request))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(_shown(list(page or ())))


class ChannelView(SecretView):
    """One of one's channels."""

    @extend_schema(responses=serializers.AlertChannelSerializer)
    def get(self, request: Request, pk: str) -> Response:
        return Response(_shown([_own_channel(request, pk)])[0])

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Forget its address, and what was sent there; no rule may name it."""
        delete_channel(_own_channel(request, pk), actor=_actor(request))
        return Response(status=204)


class ChannelTestView(SecretView):
    """Send a test there; what comes of it shows as the channel's last delivery."""

    throttle_classes = (MinuteThrottle, TestThrottle)

    @extend_schema(request=None, responses={202: serializers.AlertDeliverySerializer})
    def post(self, request: Request, pk: str) -> Response:
        delivery = test_channel(_own_channel(request, pk), actor=_actor(request))
        return Response(serializers.AlertDeliverySerializer(delivery).data, status=202)


def _own_rules(request: Request) -> QuerySet[AlertRule]:
    return AlertRule.objects.of(signed_in(request)).order_by("id").prefetch_related("channels")


def _own_channel(request: Request, pk: str) -> Channel:
    return get_object_or_404(Channel, pk=pk, user=signed_in(request))


def _shown(channels: list[Channel]) -> list[dict[str, Any]]:
    newest = (
        Delivery.objects.filter(channel__in=channels)
        .select_related("channel")
        .order_by("channel", "-created_at", "-id")
        .distinct("channel")
    )
    context = {"newest": {delivery.channel_id: delivery for delivery in newest}}
    return list(serializers.AlertChannelSerializer(channels, many=True, context=context).data)


def _actor(request: Request) -> str:
    return f"user:{request.user.pk}"
