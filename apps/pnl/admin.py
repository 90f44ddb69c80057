"""Show operators what the figures are made of."""

from typing import ClassVar

from django.contrib import admin
from unfold.contrib.filters.admin import RangeDateTimeFilter

from apps.pnl.models import BookingFailure, Closing, DailyTotal, Lot, Match, Position
from ohmycoins.core.admin import FactAdmin


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
