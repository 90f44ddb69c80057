"""Show operators the ledgers, which nobody edits, and let them run collectors."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateTimeFilter, TextFilter
from unfold.decorators import action, display

from apps.ledgers.health import health
from apps.ledgers.models import (
    Candle,
    CatalystEvent,
    CollectionRun,
    Cut,
    Depth,
    Fundamental,
    LatestDepth,
    LatestPrice,
    News,
    OnChainMetric,
    Price,
    SocialPost,
    Source,
)
from apps.ledgers.schedules import collector_schedules
from apps.ledgers.services import control
from ohmycoins.core.admin import FactAdmin
from ohmycoins.core.errors import DomainError
from ohmycoins.core.symbols import symbol

LABELS = {
    "healthy": "success", "degraded": "warning", "failing": "danger", "off": "info", "unknown": "info",
    "success": "success", "partial": "warning", "failed": "danger", "skipped": "info", "running": "info",
    "bullish": "success", "bearish": "danger", "neutral": "info",
}  # fmt: skip
SHOWN_RUNS = 20
OCCURRED = ("occurred_at", RangeDateTimeFilter)


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    """Collectors: their health, their schedule, their last runs, and the commands."""

    list_display = (
        "name", "ledger", "state", "off_because", "schedule", "records_stored", "last_run", "last_success",
        "last_error",
    )  # fmt: skip
    list_filter = ("ledger", "enabled")
    fields = (
        "name", "ledger", "state", "off_because", "schedule", "success_rate", "average_latency",
        "records_stored", "watermark", "last_success", "last_error", "last_runs",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("collect_now", "enable", "disable")
    actions_submit_line = ("collect_this", "switch_this")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        self.schedules = collector_schedules()
        return Source.objects.with_health()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)  # the buttons are all there is to change

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("ledgers.operate_source")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        context |= {"show_save": False, "show_save_and_continue": False}  # there is nothing to save
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description="health", label=LABELS)
    def state(self, source: Any) -> str:
        return health(off=control.off_because(source) is not None, success_rate=source.success_rate)

    @display(description="off because")
    def off_because(self, source: Source) -> str:
        return control.off_because(source) or ""

    @display(description="schedule")
    def schedule(self, source: Source) -> str:
        return self.schedules.get(source.name, "none")

    @display(description="success rate")
    def success_rate(self, source: Any) -> str:
        return "–" if source.success_rate is None else f"{source.success_rate:.0%}"

    @display(description="average run")
    def average_latency(self, source: Any) -> str:
        return "–" if source.avg_latency is None else f"{source.avg_latency.total_seconds():.1f} s"

    @display(description="last run")
    def last_run(self, source: Any) -> Any:
        return source.last_run

    @display(description="last success")
    def last_success(self, source: Any) -> Any:
        return source.last_success

    @display(description="last error")
    def last_error(self, source: Any) -> str:
        return (source.last_error or "")[:200]

    @display(description="last runs")
    def last_runs(self, source: Source) -> str:
        rows = source.runs.defer("sample").order_by("-started_at", "-id")[:SHOWN_RUNS]
        lines = format_html_join(
            "", "<li>{} · {} · {} stored of {} {}</li>",
            ((f"{run.started_at:%d %b %H:%M:%S}", run.status, run.stored, run.fetched, run.error[:120]) for run in rows),
        )  # fmt: skip
        every = f"{reverse('admin:ledgers_collectionrun_changelist')}?source__name__exact={source.pk}"
        return format_html('<ul>{}</ul><a href="{}">all runs</a>', lines, every)

    @action(description="Collect now", permissions=["operate"])
    def collect_this(self, request: HttpRequest, obj: Source) -> None:
        self._collect(request, obj)

    @action(description="Switch on or off", permissions=["operate"])
    def switch_this(self, request: HttpRequest, obj: Source) -> None:
        switched = control.set_enabled(obj, enabled=not obj.enabled)
        messages.success(request, f"{obj.name} is switched {'on' if switched.enabled else 'off'}.")

    @admin.action(description="Collect now", permissions=["operate"])
    def collect_now(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        for source in queryset:
            self._collect(request, source)

    @admin.action(description="Switch on", permissions=["operate"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        for source in queryset:
            control.set_enabled(source, enabled=True)

    @admin.action(description="Switch off", permissions=["operate"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        for source in queryset:
            control.set_enabled(source, enabled=False)

    def _collect(self, request: HttpRequest, source: Source) -> None:
        try:
            control.trigger(source)
        except DomainError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"{source.name}: asked a worker to run it now.")


class SymbolFilter(TextFilter):
    """Keep the rows of a market, by an exact match that an index serves."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = symbol(self.value() or "")
        return queryset.filter(**{str(self.parameter_name): found}) if found else queryset


class TypeFilter(SymbolFilter):
    title, parameter_name = "coin", "coin_type"


class MarketFilter(SymbolFilter):
    title, parameter_name = "market", "market"


class CoinFilter(TextFilter):
    """Keep the entries that name a coin."""

    title = "coin"
    parameter_name = "coin"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = symbol(self.value() or "")
        return queryset.filter(currencies__contains=[found]) if found else queryset


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
    list_filter = (TypeFilter, MarketFilter, "crossed", "origin", OCCURRED)
    ordering = ("-occurred_at", "-id")


@admin.register(LatestPrice)
class LatestPriceAdmin(FactAdmin):
    list_display = ("coin_type", "market", "bid", "ask", "last", "occurred_at", "observed_at")
    list_filter = (TypeFilter, MarketFilter)
    exclude = ("price",)


@admin.register(Depth)
class DepthAdmin(FactAdmin):
    list_display = (
        "coin_type", "market", "best_bid", "best_ask", "levels", "crossed", "occurred_at", "observed_at", "origin",
    )  # fmt: skip
    list_filter = (TypeFilter, MarketFilter, "crossed", "origin", OCCURRED)
    ordering = ("-occurred_at", "-id")

    @display(description="best bid")
    def best_bid(self, depth: Depth) -> str:
        return " × ".join(depth.bids[0]) if depth.bids else "–"

    @display(description="best ask")
    def best_ask(self, depth: Depth) -> str:
        return " × ".join(depth.asks[0]) if depth.asks else "–"

    @display(description="levels")
    def levels(self, depth: Depth) -> str:
        return f"{len(depth.bids)} + {len(depth.asks)}"


@admin.register(LatestDepth)
class LatestDepthAdmin(FactAdmin):
    list_display = ("coin_type", "market", "depth", "seen_at")
    list_filter = (TypeFilter, MarketFilter)
    list_select_related = ("depth",)


@admin.register(Candle)
class CandleAdmin(FactAdmin):
    list_display = (
        "coin_type", "market", "interval", "open", "high", "low", "close", "readings", "occurred_at", "origin",
    )  # fmt: skip
    list_filter = (TypeFilter, MarketFilter, "interval", "origin", OCCURRED)
    ordering = ("-occurred_at", "-id")


class ItemAdmin(FactAdmin):
    """A ledger of items: every version is a line."""

    ordering = ("-occurred_at", "-id")
    date_hierarchy = None


@admin.register(Fundamental)
class FundamentalAdmin(ItemAdmin):
    list_display = (
        "protocol", "tvl_usd", "fees_24h_usd", "revenue_24h_usd", "occurred_at", "observed_at", "origin",
    )  # fmt: skip
    list_filter = ("collector", "origin", OCCURRED)
    search_fields: ClassVar[tuple[str, ...]] = ("=protocol",)


@admin.register(OnChainMetric)
class OnChainMetricAdmin(ItemAdmin):
    list_display = ("asset", "network", "metric_name", "metric_value", "occurred_at", "observed_at", "origin")
    list_filter = ("collector", "metric_name", "origin", OCCURRED)
    search_fields: ClassVar[tuple[str, ...]] = ("=asset", "=network")


class TextAdmin(ItemAdmin):
    """Texts with their coins and their tone."""

    @display(description="title")
    def headline(self, text: Any) -> str:
        return str(text.title)[:100]

    @display(description="coins")
    def coins(self, text: Any) -> str:
        return " ".join(text.currencies)

    @display(description="sentiment", label=LABELS)
    def tone(self, text: Any) -> str:
        return str(text.sentiment)


@admin.register(News)
class NewsAdmin(TextAdmin):
    list_display = ("headline", "source", "coins", "tone", "sentiment_score", "occurred_at", "observed_at")
    list_filter = (CoinFilter, "collector", "sentiment", "origin", OCCURRED)
    search_fields: ClassVar[tuple[str, ...]] = ("title", "=source")


@admin.register(SocialPost)
class SocialPostAdmin(TextAdmin):
    list_display = ("headline", "community", "coins", "tone", "sentiment_score", "occurred_at", "observed_at")
    list_filter = (CoinFilter, "collector", "community", "sentiment", "origin", OCCURRED)
    search_fields: ClassVar[tuple[str, ...]] = ("title", "=community")


@admin.register(CatalystEvent)
class CatalystEventAdmin(ItemAdmin):
    list_display = ("title", "event_type", "impact_score", "source", "coins", "occurred_at", "observed_at")
    list_filter = (CoinFilter, "collector", "event_type", "origin", OCCURRED)
    search_fields: ClassVar[tuple[str, ...]] = ("title",)

    @display(description="coins")
    def coins(self, event: Any) -> str:
        return " ".join(event.currencies)


@admin.register(Cut)
class CutAdmin(FactAdmin):
    list_display = ("table", "before", "deleted", "reason", "made_at")
    list_filter = ("table",)
    ordering = ("-made_at", "-id")
