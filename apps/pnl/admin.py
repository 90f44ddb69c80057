"""Show operators what the figures are made of."""

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from apps.pnl.models import (
    Backtest,
    BacktestTrade,
    BookingFailure,
    Closing,
    DailyTotal,
    EquitySnapshot,
    GivenCost,
    Lot,
    Match,
    Position,
    TaxRule,
)
from apps.pnl.services.costs import give_cost
from apps.pnl.services.tax_rules import add_tax_rule
from ohmycoins.core.admin import FactAdmin, FactInline, ReadOnly
from ohmycoins.core.errors import DomainError
from ohmycoins.core.money import plain
from ohmycoins.core.plots import line


class CostForm(forms.Form):
    """What coins cost that came by no purchase."""

    cost_aud = forms.DecimalField(
        min_value=0, max_digits=28, decimal_places=8, label="Cost in A$", widget=UnfoldAdminDecimalFieldWidget,
        help_text="Of all the coins of the lot.",
    )  # fmt: skip
    acquired_at = forms.DateTimeField(
        required=False, label="Bought at (UTC)", widget=UnfoldAdminTextInputWidget,
        help_text="Such as 2024-01-31 09:30; empty = when they came.",
    )  # fmt: skip


class UnmatchedFilter(admin.SimpleListFilter):
    """Find what went without a lot that says where it came from."""

    title = parameter_name = "unmatched"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Closing]) -> QuerySet[Closing]:
        if self.value() == "yes":
            return queryset.filter(unmatched_quantity__gt=0)
        return queryset.filter(unmatched_quantity=0) if self.value() == "no" else queryset


@admin.register(Lot)
class LotAdmin(FactAdmin):
    list_display = (
        "id", "account", "coin_type", "quantity", "remaining_quantity", "cost", "remaining_cost", "acquired_at",
        "cost_is",
    )  # fmt: skip
    list_filter = ("cost_unknown", ("acquired_at", RangeDateTimeFilter))
    list_select_related = ("account",)
    search_fields: ClassVar[tuple[str, ...]] = ("=coin_type", "account__user__email")
    ordering = ("-id",)
    actions_detail = ("give_cost",)

    @admin.display(description="Cost is", ordering="cost_unknown")
    def cost_is(self, lot: Lot) -> str:
        return (
            "what they were worth"
            if lot.cost_unknown
            else "what was paid"
            if lot.fill_id
            else "as somebody said"
        )

    def has_give_cost_permission(self, request: HttpRequest, object_id: int | str | None = None) -> bool:
        """Offer it on coins that came by no purchase only, to those who may say what they cost."""
        came = object_id is None or Lot.objects.filter(pk=object_id, movement__isnull=False).exists()
        return came and request.user.has_perm("pnl.add_givencost")

    @action(description="Say what it cost", url_path="give-cost", permissions=["give_cost"])
    def give_cost(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask what the coins cost, and keep the coin's book anew with it."""
        lot = get_object_or_404(Lot.objects.select_related("account"), pk=object_id)
        form = CostForm(request.POST or None)
        if form.is_valid():
            try:
                lot = give_cost(lot, actor=f"user:{request.user.pk}", **form.cleaned_data)
            except DomainError as error:
                messages.error(request, error.message)
            else:
                messages.success(request, f"{lot} of {lot.account} cost A${plain(lot.cost)}.")
                return redirect("admin:pnl_lot_change", lot.pk)
        return render(request, "trading/ask.html", {
            **self.admin_site.each_context(request), "opts": self.opts, "title": "What did these coins cost?",
            "plan": [f"{lot} of {lot.account} came on {lot.acquired_at:%Y-%m-%d %H:%M} UTC; booked at A${plain(lot.cost)}.",
                     "Every later sale of the coin is booked anew."],
            "form": form, "asks_for_reason": True, "submit": "Record it", "action_url": request.path,
            "back": reverse("admin:pnl_lot_change", args=[lot.pk]),
        })  # fmt: skip


@admin.register(Match)
class MatchAdmin(FactAdmin):
    list_display = (
        "id", "account", "coin_type", "quantity", "cost", "proceeds", "realized_pnl", "acquired_at", "disposed_at",
    )  # fmt: skip
    list_filter = (("disposed_at", RangeDateTimeFilter),)
    list_select_related = ("account",)
    search_fields: ClassVar[tuple[str, ...]] = ("=coin_type", "account__user__email")
    ordering = ("-id",)


@admin.register(Closing)
class ClosingAdmin(FactAdmin):
    list_display = (
        "id", "account", "coin_type", "closed_at", "quantity", "realized_pnl", "unmatched_quantity", "unmatched_proceeds",
        "proceeds", "cost",
    )  # fmt: skip
    list_filter = (UnmatchedFilter, ("closed_at", RangeDateTimeFilter))
    list_select_related = ("account",)
    search_fields: ClassVar[tuple[str, ...]] = ("=coin_type", "account__user__email")
    ordering = ("-id",)


@admin.register(Position)
class PositionAdmin(FactAdmin):
    list_display = ("account", "coin_type", "algorithm_id", "quantity", "cost")
    list_select_related = ("account",)
    search_fields: ClassVar[tuple[str, ...]] = ("=coin_type", "account__user__email")


@admin.register(DailyTotal)
class DailyTotalAdmin(FactAdmin):
    list_display = (
        "account",
        "day",
        "realized_pnl",
        "sales",
        "winning_sales",
        "losing_sales",
        "fees",
        "equity_aud",
    )
    list_select_related = ("account",)
    date_hierarchy = "day"
    ordering = ("-day",)


@admin.register(BookingFailure)
class BookingFailureAdmin(FactAdmin):
    list_display = ("account", "coin_type", "fill", "error", "attempts", "next_at", "failed_at")


@admin.register(TaxRule)
class TaxRuleAdmin(FactAdmin):
    """What tax law says. Rules are added and never changed: a later row overrules an earlier one."""

    list_display = ("name", "value", "effective_from", "effective_to", "source", "added_by", "added_at")
    ordering = ("name", "-effective_from", "-id")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super(ReadOnly, self).has_add_permission(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if obj is None:
            return ["name", "value", "effective_from", "effective_to", "source"]
        return super().get_fields(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [] if obj is None else super().get_readonly_fields(request, obj)

    def save_model(self, request: HttpRequest, obj: TaxRule, form: Any, change: bool) -> None:
        add_tax_rule(obj, actor=f"user:{request.user.pk}")


@admin.register(GivenCost)
class GivenCostAdmin(FactAdmin):
    list_display = ("id", "movement", "cost_aud", "acquired_at", "given_by", "given_at")
    list_select_related = ("movement",)
    search_fields: ClassVar[tuple[str, ...]] = ("=movement__coin_type", "movement__account__user__email")
    ordering = ("-id",)


@admin.register(EquitySnapshot)
class EquitySnapshotAdmin(FactAdmin):
    list_display = ("account", "at", "cash_aud", "value_aud", "cost_aud", "paid_in_aud", "unpriced")
    list_filter = (("at", RangeDateTimeFilter),)
    list_select_related = ("account",)
    search_fields: ClassVar[tuple[str, ...]] = ("account__user__email",)
    ordering = ("-id",)


class BacktestTradeInline(FactInline):
    model = BacktestTrade
    fields = (
        "number",
        "executed_at",
        "coin_type",
        "side",
        "quantity",
        "price",
        "fee_aud",
        "realized_pnl",
        "reason",
    )
    ordering = ("number",)
    per_page = 50


@admin.register(Backtest)
class BacktestAdmin(FactAdmin):
    list_display = (
        "id", "user", "slug", "step", "start", "end", "status", "progress", "gain", "attempts", "created_at",
    )  # fmt: skip
    list_filter = ("status", "slug", ("created_at", RangeDateTimeFilter))
    list_select_related = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("user__email", "slug")
    exclude = ("checkpoint", "equity_curve")
    inlines = (BacktestTradeInline,)
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Backtest]:
        rows: QuerySet[Backtest] = super().get_queryset(request)
        return rows.defer("checkpoint", "equity_curve")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return ["curve", *super().get_fields(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return ["curve", *super().get_readonly_fields(request, obj)]

    @admin.display(description="Equity (A$)")
    def curve(self, backtest: Backtest) -> str:
        points = backtest.equity_curve or ()
        return line([(datetime.fromisoformat(each["timestamp"]), float(each["equity"])) for each in points])

    @admin.display(description="Return")
    def gain(self, backtest: Backtest) -> str:
        found = (backtest.metrics or {}).get("return_percent")
        return "–" if found is None else f"{found} %"
