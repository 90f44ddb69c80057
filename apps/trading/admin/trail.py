"""Show the trail of events."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter, TextFilter
from unfold.decorators import display

from apps.trading.admin.orders import LABELS
from apps.trading.models import Event
from ohmycoins.core.admin import FactAdmin

COLOURS = LABELS | {"halted": "danger", "unreadable": "danger"}


class TypeFilter(TextFilter):
    """Keep one type of events, spelled out: listing the types would read the whole trail."""

    title = "type, such as order.moved"
    parameter_name = "type"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(type=self.value().strip()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(FactAdmin):
    """What was decided and done, by whom and why; `manage.py verify_audit` proves that it is untouched."""

    list_display = ("id", "at", "account", "seq", "type", "order", "before", "after", "actor", "reason")
    list_filter = (TypeFilter, ("account", AutocompleteSelectFilter), ("at", RangeDateTimeFilter))
    list_filter_submit = True
    list_select_related = ("account", "order")
    search_fields: ClassVar[tuple[str, ...]] = ("=order__id", "=actor")
    ordering = ("-id",)

    @display(description="from", label=COLOURS)
    def before(self, event: Event) -> str:
        return event.from_status

    @display(description="to", label=COLOURS)
    def after(self, event: Event) -> str:
        return event.to_status
