"""Show operators what the figures are made of."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter

from apps.pnl.models import BookingFailure, Closing, DailyTotal, Lot, Match, Position, TaxRule
from apps.pnl.services.tax_rules import add_tax_rule
from ohmycoins.core.admin import FactAdmin, ReadOnly


@admin.register(Lot)
class LotAdmin(FactAdmin):
    list_display = (
        "id", "account", "coin_type", "quantity", "remaining_quantity", "cost", "remaining_cost", "acquired_at",
    )  # fmt: skip
    list_filter = (("acquired_at", RangeDateTimeFilter),)
    list_select_related = ("account",)
    search_fields: ClassVar[tuple[str, ...]] = ("=coin_type", "account__user__email")
    ordering = ("-id",)


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
        "id", "account", "coin_type", "quantity", "unmatched_quantity", "proceeds", "cost", "realized_pnl", "closed_at",
    )  # fmt: skip
    list_filter = (("closed_at", RangeDateTimeFilter),)
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
