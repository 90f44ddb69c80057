"""Show operators orders in slices, and let them end one."""

from typing import ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from apps.trading.models import Order, Twap
from apps.trading.services.twaps import cancel_twap
from ohmycoins.core.admin import FactAdmin, FactInline
from ohmycoins.core.errors import DomainError

LABELS = {"active": "info", "done": "success", "denied": "warning"}


class SliceInline(FactInline):
    model = Order
    verbose_name_plural = "slices"
    fields = ("id", "created_at", "status", "quantity", "filled_quantity", "average_fill_price", "error")
    show_change_link = True
    ordering = ("id",)


@admin.register(Twap)
class TwapAdmin(FactAdmin):
    """Orders in slices, each slice an ordinary order."""

    list_display = (
        "id", "user", "coin_type", "side", "quantity", "amount_aud", "placed", "slices", "state", "next_at", "reason",
    )  # fmt: skip
    list_filter = ("status", "side", ("created_at", RangeDateTimeFilter))
    list_select_related = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("=id", "user__email", "=coin_type")
    ordering = ("-id",)
    inlines = (SliceInline,)
    actions = ("cancel",)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.change_order")

    @display(description="status", label=LABELS)
    def state(self, twap: Twap) -> str:
        return twap.status

    @admin.action(description="Place no more slices", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Twap]) -> None:
        for twap in queryset:
            try:
                cancel_twap(twap.pk, actor=f"user:{request.user.pk}", reason="cancelled by an operator")
            except DomainError as error:
                messages.error(request, error.message)
            else:
                messages.success(request, f"Plan {twap.pk} is cancelled.")
