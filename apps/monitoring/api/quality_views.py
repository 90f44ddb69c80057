"""Serve `/monitoring/quality` and `/monitoring/coverage` to whoever is signed in."""

from datetime import timedelta

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.ledgers.models import Source
from apps.monitoring.api.quality_serializers import CoverageSerializer, QualitySerializer
from apps.monitoring.models import QualityCheck
from apps.monitoring.quality import BOUNDS
from apps.monitoring.querysets import BUCKETS
from apps.monitoring.services.coverage import measure_coverage
from apps.monitoring.services.quality import newest_check
from ohmycoins.core import clock
from ohmycoins.core.api.params import choice_param, instant_param, int_param
from ohmycoins.core.errors import Invalid

HOURS, MOST_HOURS = 24, 168


class QualityView(APIView):
    """Say how far the ledgers can be believed, by the newest check; before there is any, by a look at them now."""

    @extend_schema(responses=QualitySerializer)
    def get(self, request: Request) -> Response:
        return Response(QualitySerializer(newest_check(clock.now())).data)


@extend_schema(
    parameters=[
        OpenApiParameter("since", OpenApiTypes.DATETIME, description="Checked then or later."),
        OpenApiParameter("until", OpenApiTypes.DATETIME, description="Checked before then."),
        OpenApiParameter("interval", str, enum=list(BUCKETS), description="Only the last check of each; every check when left out."),
    ]
)  # fmt: skip
class QualityHistoryView(ListAPIView[QualityCheck]):
    """List the checks, newest first."""

    serializer_class = QualitySerializer
    ordering = "-checked_at"

    def get_queryset(self) -> QuerySet[QualityCheck]:
        since, until = instant_param(self.request, "since"), instant_param(self.request, "until")
        if since and until and since > until:
            raise Invalid("since lies after until")
        checks = QualityCheck.objects.between(since, until)
        interval = choice_param(self.request, "interval", BUCKETS)
        return checks.last_of_each(interval) if interval else checks


class CoverageView(APIView):
    """Say how much there is of what was due: each source's runs, and each market's prices, with the gaps."""

    @extend_schema(
        parameters=[
            OpenApiParameter("ledger", str, enum=list(BOUNDS)), OpenApiParameter("source", str, description="A collector."),
            OpenApiParameter("hours", int, description=f"Up to now, 1 to {MOST_HOURS}; {HOURS} when left out."),
        ],
        responses=CoverageSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        ledger = choice_param(request, "ledger", BOUNDS) or ""
        source = choice_param(request, "source", Source.objects.values_list("pk", flat=True)) or ""
        hours, now = int_param(request, "hours", 1, MOST_HOURS) or HOURS, clock.now()
        series = measure_coverage(now, hours=hours, ledger=ledger, source=source)
        return Response(
            CoverageSerializer(
                {
                    "since": now - timedelta(hours=hours), "until": now,
                    "results": [each.as_json() for each in series],
                }
            ).data
        )  # fmt: skip
