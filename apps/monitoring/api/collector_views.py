"""Serve `/monitoring/metrics`: what collectors did, and from when on that is counted."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.monitoring.models import MetricsMark
from apps.monitoring.services import collectors
from ohmycoins.core import clock
from ohmycoins.core.api.fields import InstantField
from ohmycoins.core.api.params import choice_param, instant_param
from ohmycoins.core.api.routes import has_permission
from ohmycoins.core.errors import Invalid


class FiguresSerializer(serializers.Serializer[Any]):
    """What runs come to; `runs` are those that ended and were not skipped."""

    name = serializers.CharField()
    ledger = serializers.CharField()
    health = serializers.ChoiceField(["healthy", "degraded", "failing", "unknown", "off"])
    off_because = serializers.CharField(allow_null=True)
    runs = serializers.IntegerField()
    successes = serializers.IntegerField()
    partial = serializers.IntegerField()  # type: ignore[assignment]
    failures = serializers.IntegerField()
    skipped = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)
    records = serializers.IntegerField()
    avg_latency_ms = serializers.FloatField(allow_null=True)
    p95_latency_ms = serializers.FloatField(allow_null=True)
    last_success = InstantField(allow_null=True)
    last_failure = InstantField(allow_null=True)
    last_error = serializers.CharField(allow_null=True)
    uptime_since = InstantField(allow_null=True)


class MarkSerializer(serializers.ModelSerializer[MetricsMark]):
    at = InstantField(read_only=True)
    reason = serializers.CharField(max_length=300)

    class Meta:
        model = MetricsMark
        fields = ("at", "made_by", "reason")
        read_only_fields = ("made_by",)


class MetricsSerializer(serializers.Serializer[Any]):
    """The figures of runs begun in [since, until)."""

    since = InstantField()
    until = InstantField()
    total = FiguresSerializer()
    collectors = FiguresSerializer(many=True)


class CollectorMetricsView(APIView):
    """Give each collector's figures, and those of all together, since the newest mark or `since`."""

    @extend_schema(
        parameters=[
            OpenApiParameter("since", OpenApiTypes.DATETIME, description="At most 30 days ago."),
            OpenApiParameter("download", enum=["1"], description="Answer as a file."),
        ],
        responses=MetricsSerializer,
    )
    def get(self, request: Request) -> Response:
        now, since = clock.now(), instant_param(request, "since")
        as_file = choice_param(request, "download", ("0", "1")) == "1"
        if since is not None and not now - collectors.LONGEST <= since <= now:
            raise Invalid(
                f"since={since.isoformat()} is not within the {collectors.LONGEST.days} days before {now.isoformat()}"
            )
        each, total = collectors.figures_and_total(now, since=since)
        body = MetricsSerializer(
            {
                "since": since or collectors.counted_since(now), "until": now, "total": asdict(total),
                "collectors": [asdict(one) for one in each],
            }
        ).data  # fmt: skip
        name = f"collector-metrics-{now:%Y-%m-%dT%H%M%SZ}.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'} if as_file else None
        return Response(body, headers=headers)


class ResetMetricsView(APIView):
    """Count collectors' figures from now on: a mark is made, and nothing deleted."""

    permission_classes: tuple[type[BasePermission], ...] = (has_permission("monitoring.add_metricsmark"),)

    @extend_schema(request=MarkSerializer, responses={201: MarkSerializer})
    def post(self, request: Request) -> Response:
        given = MarkSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        mark = collectors.mark(
            now=clock.now(), actor=f"user:{signed_in(request).pk}", reason=given.validated_data["reason"]
        )
        return Response(MarkSerializer(mark).data, status=201)
