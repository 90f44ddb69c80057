"""Serve `/collectors`."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.ledgers.api.serializers import CollectorSerializer, RunSerializer
from apps.ledgers.models import CollectionRun, Source
from apps.ledgers.schedules import collector_schedules
from apps.ledgers.services import control
from ohmycoins.core.api.routes import has_permission


def _collectors() -> list[dict[str, Any]]:
    sources: Any = Source.objects.with_health()
    serializer = CollectorSerializer(sources, many=True, context={"schedules": collector_schedules()})
    return list(serializer.data)


def _collector(name: str) -> dict[str, Any]:
    source = get_object_or_404(Source.objects.with_health(), name=name)
    return dict(CollectorSerializer(source, context={"schedules": collector_schedules()}).data)


class CollectorsView(APIView):
    """List every collector with its state."""

    @extend_schema(responses=CollectorSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response({"next": None, "previous": None, "results": _collectors()})


class CollectorsHealthView(APIView):
    """Say in one word how each collector does, and how many do."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        states = {collector["name"]: collector["health"] for collector in _collectors()}
        counts = {state: list(states.values()).count(state) for state in sorted(set(states.values()))}
        return Response({"collectors": states, "counts": counts})


class CollectorStatusView(APIView):
    @extend_schema(responses=CollectorSerializer)
    def get(self, request: Request, name: str) -> Response:
        return Response(_collector(name))


class CollectorRunsView(ListAPIView[CollectionRun]):
    """List a collector's runs, newest first."""

    serializer_class = RunSerializer
    ordering = "-started_at"

    def get_queryset(self) -> QuerySet[CollectionRun]:
        source = get_object_or_404(Source, name=self.kwargs["name"])
        return CollectionRun.objects.filter(source=source).defer("sample")


class CollectorCommandView(APIView):
    """Commands to collectors are for operators."""

    permission_classes = (has_permission("ledgers.operate_source"),)


class CollectorTriggerView(CollectorCommandView):
    """Run a collector now; `…/runs` shows what came of it."""

    @extend_schema(request=None, responses={202: CollectorSerializer})
    def post(self, request: Request, name: str) -> Response:
        control.trigger(get_object_or_404(Source, name=name))
        return Response(_collector(name), status=202)


class CollectorEnableView(CollectorCommandView):
    @extend_schema(request=None, responses=CollectorSerializer)
    def post(self, request: Request, name: str) -> Response:
        control.set_enabled(get_object_or_404(Source, name=name), enabled=True)
        return Response(_collector(name))


class CollectorDisableView(CollectorCommandView):
    @extend_schema(request=None, responses=CollectorSerializer)
    def post(self, request: Request, name: str) -> Response:
        control.set_enabled(get_object_or_404(Source, name=name), enabled=False)
        return Response(_collector(name))
