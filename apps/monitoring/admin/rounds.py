"""Show the rounds of watching, and what collectors' runs come to since the newest mark."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from apps.monitoring.models import MetricsMark, Round
from apps.monitoring.services import collectors
from apps.monitoring.services.collectors import CollectorFigures
from ohmycoins.core import clock
from ohmycoins.core.admin import FactAdmin, ReadOnly
from ohmycoins.core.plots import line

PLOTTED = 288
"""A day of rounds."""
ERROR_SHOWN = 80
HEADERS = (
    "collector", "health", "runs", "succeeded", "failed", "skipped", "records", "mean ms", "95 % within ms",
    "last success", "last failure", "up since", "last error",
)  # fmt: skip
SIDES = ("left", "left", *("right",) * 7, *("left",) * 4)


@admin.register(Round)
class RoundAdmin(FactAdmin):
    """Each look at everything: what it took, and what could not be looked at."""

    list_display = ("started_at", "took_ms", "failed_parts")
    ordering = ("-started_at",)
    list_before_template = "monitoring/plot.html"

    @admin.display(description="failed")
    def failed_parts(self, one: Round) -> str:
        return "; ".join(f"{part}: {what}" for part, what in one.failed.items()) or "–"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        newest = Round.objects.values_list("started_at", "took_ms")[:PLOTTED]
        plot = line([(at, float(took)) for at, took in reversed(newest)], unit=" ms")
        page: HttpResponse = super().changelist_view(request, (extra_context or {}) | {"plot": plot})
        return page


@admin.register(MetricsMark)
class MetricsMarkAdmin(ReadOnly, ModelAdmin):
    """Points in time that collectors' figures are counted from; on top, the figures since the newest."""

    list_display = ("at", "made_by", "reason")
    ordering = ("-at",)
    list_before_template = "monitoring/collector_figures.html"
    actions: Any = None
    asked_for: ClassVar[tuple[str, ...]] = ("reason",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super(ReadOnly, self).has_add_permission(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.asked_for) if obj is None else super().get_fields(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [] if obj is None else super().get_readonly_fields(request, obj)

    def save_model(self, request: HttpRequest, obj: MetricsMark, form: Any, change: bool) -> None:
        made = collectors.mark(now=clock.now(), actor=f"user:{request.user.pk}", reason=obj.reason)
        obj.pk, obj.at, obj.made_by = made.pk, made.at, made.made_by

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        now = clock.now()
        each, total = collectors.figures_and_total(now)
        shown = {
            "table": [
                list(zip(SIDES, row, strict=True))
                for row in (HEADERS, *map(_row, each), ["all", *_row(total)[1:]])
            ],
            "figures_of": f"Runs since {collectors.counted_since(now):%Y-%m-%d %H:%M} UTC, skipped ones aside; health is of"
            " the last 20",
        }
        page: HttpResponse = super().changelist_view(request, (extra_context or {}) | shown)
        return page


def _row(one: CollectorFigures) -> list[Any]:
    return [
        one.name, one.health, one.runs, one.successes, one.failures, one.skipped, one.records, _ms(one.avg_latency_ms),
        _ms(one.p95_latency_ms), *map(_at, (one.last_success, one.last_failure, one.uptime_since)),
        (one.last_error or "")[:ERROR_SHOWN],
    ]  # fmt: skip


def _ms(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:,.0f}"


def _at(instant: datetime | None) -> str:
    return "–" if instant is None else f"{instant:%Y-%m-%d %H:%M}"
