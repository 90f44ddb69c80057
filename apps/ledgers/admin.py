"""Show operators the ledgers, which nobody edits, and let them run collectors."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from apps.ledgers.health import health
from apps.ledgers.models import CollectionRun, LatestPrice, Price, Source
from apps.ledgers.schedules import collector_schedules
from apps.ledgers.services import control
from ohmycoins.core.admin import FactAdmin
from ohmycoins.core.errors import DomainError

LABELS = {
    "healthy": "success", "degraded": "warning", "failing": "danger", "off": "info", "unknown": "info",
    "success": "success", "partial": "warning", "failed": "danger", "skipped": "info", "running": "info",
}  # fmt: skip


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    """Collectors: their health, their schedule, and the commands."""

    list_display = (
        "name",
        "ledger",
        "state",
        "schedule",
        "records_stored",
        "last_run",
        "last_success",
        "last_error",
    )
    list_filter = ("ledger", "enabled")
    readonly_fields = ("name", "ledger", "enabled", "watermark", "records_stored")
    actions = ("collect_now", "enable", "disable")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        self.schedules = collector_schedules()
        return Source.objects.with_health()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ledgers.operate_source")

    @display(description="health", label=LABELS)
    def state(self, source: Any) -> str:
        return health(enabled=source.enabled, success_rate=source.success_rate)

    @display(description="schedule")
    def schedule(self, source: Source) -> str:
        return self.schedules.get(source.name, "none")

    @display(description="last run")
    def last_run(self, source: Any) -> Any:
        return source.last_run

    @display(description="last success")
    def last_success(self, source: Any) -> Any:
        return source.last_success

    @display(description="last error")
    def last_error(self, source: Any) -> str:
        return (source.last_error or "")[:120]

    @admin.action(description="Collect now", permissions=["operate"])
    def collect_now(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        for source in queryset:
            try:
                control.trigger(source)
            except DomainError as error:
                messages.error(request, error.message)
            else:
                messages.success(request, f"{source.name}: asked a worker to run it now.")

    @admin.action(description="Switch on", permissions=["operate"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        for source in queryset:
            control.set_enabled(source, enabled=True)

    @admin.action(description="Switch off", permissions=["operate"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        for source in queryset:
            control.set_enabled(source, enabled=False)


@admin.register(CollectionRun)
class CollectionRunAdmin(FactAdmin):
    list_display = (
        "source", "outcome", "started_at", "finished_at", "fetched", "stored", "duplicates", "rejected", "error",
    )  # fmt: skip
    list_filter = ("source", "status", ("started_at", RangeDateTimeFilter))
    list_select_related = ("source",)
    exclude = ("sample",)

    @display(description="status", label=LABELS)
    def outcome(self, run: CollectionRun) -> str:
        return run.status


@admin.register(Price)
class PriceAdmin(FactAdmin):
    list_display = (
        "coin_type",
        "market",
        "bid",
        "ask",
        "last",
        "crossed",
        "occurred_at",
        "observed_at",
        "origin",
    )
    list_filter = ("market", "crossed", "origin", ("occurred_at", RangeDateTimeFilter))
    search_fields: ClassVar[tuple[str, ...]] = ("=coin_type",)
    ordering = ("-occurred_at", "-id")


@admin.register(LatestPrice)
class LatestPriceAdmin(FactAdmin):
    list_display = ("coin_type", "market", "bid", "ask", "last", "occurred_at", "observed_at")
    list_filter = ("market",)
    search_fields: ClassVar[tuple[str, ...]] = ("=coin_type",)
    exclude = ("price",)
