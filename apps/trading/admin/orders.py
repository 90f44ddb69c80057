"""Show operators orders and fills; cancel, and decide about orders in review."""

from typing import ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display

from apps.trading.models import Event, Fill, Order
from apps.trading.services.cancel import cancel_order
from apps.trading.services.review import VERDICTS, decide_review
from apps.trading.states import Status
from ohmycoins.core.admin import FactAdmin, FactInline
from ohmycoins.core.errors import DomainError
from ohmycoins.core.money import plain

LABELS = {
    "pending": "info", "submitting": "info", "open": "info", "partially_filled": "info", "cancelling": "info",
    "filled": "success", "unknown": "danger", "needs_review": "danger", "denied": "warning", "rejected": "warning",
}  # fmt: skip


class EventInline(FactInline):
    model = Event
    fields = ("at", "from_status", "to_status", "actor", "reason", "inputs")


class FillInline(FactInline):
    model = Fill
    fields = ("executed_at", "quantity", "price", "value_aud", "fee_aud", "venue_fill_id")


@admin.register(Order)
class OrderAdmin(FactAdmin):
    list_display = (
        "id", "user", "coin_type", "side", "order_type", "quantity", "filled_quantity", "state", "created_at", "error",
    )  # fmt: skip
    list_filter = ("status", "side", "order_type", ("created_at", RangeDateTimeFilter))
    list_select_related = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("=id", "user__email", "=coin_type", "=venue_order_id")
    ordering = ("-id",)
    inlines = (EventInline, FillInline)
    actions = ("cancel",)
    actions_detail = ("review",)

    def has_review_permission(self, request: HttpRequest, object_id: int | str | None = None) -> bool:
        """Offer the decision on orders in review only, to those who may take it."""
        in_review = (
            object_id is None or Order.objects.filter(pk=object_id, status=Status.NEEDS_REVIEW).exists()
        )
        return in_review and request.user.has_perm("trading.change_order")

    @action(description="Say what became of it", url_path="review", permissions=["review"])
    def review(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Show the order beside its candidates, and record a person's decision."""
        order = get_object_or_404(Order.objects.select_related("account", "user"), pk=object_id)
        if request.method == "POST":
            try:
                decided = decide_review(
                    order.pk, verdict=request.POST.get("verdict", ""), reason=request.POST.get("reason", ""),
                    actor=f"user:{request.user.pk}",
                )  # fmt: skip
            except DomainError as error:
                messages.error(request, error.message)
            else:
                messages.success(request, f"Order {order.pk} is {decided.status}.")
                return redirect("admin:trading_order_change", order.pk)
        return render(request, "trading/review.html", {
            **self.admin_site.each_context(request), "title": f"Review of order {order.pk}", "order": order,
            "opts": self.opts, "asked": _asked(order), "reason": request.POST.get("reason", ""),
            "verdicts": [(name, meaning) for name, (_, meaning) in VERDICTS.items()],
            "why": order.events.filter(type="order.moved", to_status=Status.NEEDS_REVIEW).latest("id").reason,
        })  # fmt: skip

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.change_order")

    @display(description="status", label=LABELS)
    def state(self, order: Order) -> str:
        return order.status

    @admin.action(description="Cancel what is not filled", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        for order in queryset:
            try:
                cancel_order(order.pk, actor=f"user:{request.user.pk}", reason="cancelled by an operator")
            except DomainError as error:
                messages.error(request, error.message)
            else:
                messages.success(request, f"Order {order.pk} is cancelled.")


def _asked(order: Order) -> list[tuple[str, str]]:
    """Give what the order says, for a person to compare with what the venue shows."""
    numbers = {
        "quantity": order.quantity, "limit price": order.limit_price, "filled": order.filled_quantity,
        "A$ reserved": order.reserved_aud,
    }  # fmt: skip
    return [
        ("side", f"{order.side} {order.coin_type} ({order.order_type})"),
        *((name, "–" if number is None else plain(number)) for name, number in numbers.items()),
        ("sent at", "–" if order.submitted_at is None else order.submitted_at.isoformat()),
        ("id at the venue", order.venue_order_id or "–"),
    ]


@admin.register(Fill)
class FillAdmin(FactAdmin):
    list_display = (
        "id",
        "account",
        "coin_type",
        "side",
        "kind",
        "quantity",
        "price",
        "value_aud",
        "fee_aud",
        "executed_at",
    )
    list_filter = ("side", "kind", ("executed_at", RangeDateTimeFilter))
    list_select_related = ("account",)
    search_fields: ClassVar[tuple[str, ...]] = ("=coin_type", "=venue_fill_id", "account__user__email")
    ordering = ("-id",)
