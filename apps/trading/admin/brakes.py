"""Show what holds purchases back by itself, and let operators release it."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display

from apps.trading.admin.asking import AsksForReason
from apps.trading.models import Brake
from apps.trading.services.brakes import release
from apps.trading.services.scopes import PERMISSION
from ohmycoins.core import clock
from ohmycoins.core.admin import FactAdmin

LABELS = {"engaged": "warning", "over": "info"}


@admin.register(Brake)
class BrakeAdmin(AsksForReason, FactAdmin):
    """Brakes, newest first; those engaged let orders only sell."""

    list_display = (
        "id", "shown_state", "kind", "reason", "user", "account", "algorithm_id", "coin_type", "engaged_at", "until",
        "released_at", "released_by",
    )  # fmt: skip
    list_filter = (
        "kind", ("released_at", admin.EmptyFieldListFilter), ("engaged_at", RangeDateTimeFilter),
    )  # fmt: skip
    list_select_related = ("user", "account")
    search_fields: ClassVar[tuple[str, ...]] = ("=account__user__email", "=user__email", "=coin_type", "=id")
    ordering: Any = ("-id",)
    actions = ("release_brakes",)
    actions_detail = ("release_this",)

    def has_release_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(PERMISSION)

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        """Offer to release what is engaged."""
        engaged = Brake.objects.engaged(clock.now()).filter(pk=object_id).exists()
        return list(super().get_actions_detail(request, object_id)) if engaged else []

    @display(description="state", label=LABELS)
    def shown_state(self, brake: Brake) -> str:
        return "engaged" if brake.is_engaged(clock.now()) else "over"

    @admin.action(description="Release: let orders buy again", permissions=["release"])
    def release_brakes(self, request: HttpRequest, queryset: QuerySet[Brake]) -> HttpResponse | None:
        """Ask why, and release the selected brakes."""

        def act(brake: Brake, reason: str) -> str:
            done = release(brake.pk, actor=f"user:{request.user.pk}", reason=reason, now=clock.now())
            return f"Brake {done.pk} is released."

        return self.ask_and_act(
            request, queryset, name="release_brakes", title="Release these brakes?", submit="Yes, let orders buy",
            act=act, plan=lambda brake: f"Brake {brake.pk}, {brake}. Orders that it matches may buy again.",
        )  # fmt: skip

    @action(
        description="Release: let orders buy again", url_path="release", permissions=["release"], icon="lock_open"
    )  # fmt: skip
    def release_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why, and release the brake whose page this is."""
        brake = get_object_or_404(Brake, pk=object_id)
        page = reverse("admin:trading_brake_change", args=[brake.pk])
        asked = self.release_brakes(request, Brake.objects.filter(pk=brake.pk))
        if isinstance(asked, TemplateResponse):
            asked.context_data = {**(asked.context_data or {}), "back": page}
        return asked or redirect(page)
