"""Show operators which invariants broke, with the rows as they were, and how far all of them were checked."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display

from apps.monitoring.models import Incident, Walk
from apps.monitoring.services.accepting import PERMISSION, accept_incident
from apps.trading.admin.asking import AsksForReason
from apps.trading.models import Account, Order
from ohmycoins.core import clock
from ohmycoins.core.admin import FactAdmin

LABELS = {"stands": "danger", "accepted": "warning", "over": "info"}
LINKED: dict[str, type[Model]] = {"account_id": Account, "order_id": Order}


@admin.register(Incident)
class IncidentAdmin(AsksForReason, FactAdmin):
    """Broken invariants; one that can never be mended may be accepted."""

    list_display = (
        "name", "state", "what", "account_id", "order_id", "found_at", "seen_at", "braked_at", "resolved_at",
    )  # fmt: skip
    list_filter = (
        "name", ("resolved_at", admin.EmptyFieldListFilter), ("accepted_at", admin.EmptyFieldListFilter),
    )  # fmt: skip
    search_fields = ("subject", "what")
    ordering = ("-found_at",)
    fields = (
        "name", "what", "subject", "account_id", "order_id", "found_at", "seen_at", "braked_at", "resolved_at",
        "accepted_at", "accepted_by", "accept_reason", "rows",
    )  # fmt: skip
    actions = ("accept",)
    actions_detail = ("accept_this",)

    def has_accept_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(PERMISSION)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Link to the account and the order where the viewer may see them."""
        return [
            _linked(name)
            if name in LINKED and request.user.has_perm(f"trading.view_{LINKED[name]._meta.model_name}")
            else name
            for name in super().get_fields(request, obj)
        ]

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        """Offer to accept what stands, and is not accepted."""
        stands = Incident.objects.standing().filter(pk=object_id, accepted_at=None).exists()
        return list(super().get_actions_detail(request, object_id)) if stands else []

    @display(description="state", label=LABELS)
    def state(self, incident: Incident) -> str:
        if incident.resolved_at:
            return "over"
        return "accepted" if incident.accepted_at else "stands"

    @admin.display(description="the rows, as they were")
    def rows(self, incident: Incident) -> str:
        return format_html(
            '<pre style="white-space: pre-wrap">{}</pre>',
            json.dumps(incident.evidence, indent=2, ensure_ascii=False),
        )

    @admin.action(description="Accept: it cannot be mended", permissions=["accept"])
    def accept(self, request: HttpRequest, queryset: QuerySet[Incident]) -> HttpResponse | None:
        """Ask why, and accept the selected incidents."""

        def act(incident: Incident, reason: str) -> str:
            done = accept_incident(
                incident.pk, actor=f"user:{request.user.pk}", reason=reason, now=clock.now()
            )
            return f"Incident {done.pk} is accepted; its alert is resolved in the next round."

        return self.ask_and_act(
            request, queryset, name="accept", title="Accept these incidents?", submit="Yes, accept", act=act,
            plan=lambda incident: f"{incident}. It alerts no more and brakes nobody, whatever is found there later. This is not taken back.",
        )  # fmt: skip

    @action(description="Accept", url_path="accept", permissions=["accept"], icon="task_alt")
    def accept_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why, and accept the incident whose page this is."""
        incident = get_object_or_404(Incident, pk=object_id)
        page = reverse("admin:monitoring_incident_change", args=[incident.pk])
        asked = self.accept(request, Incident.objects.filter(pk=incident.pk))
        if isinstance(asked, TemplateResponse):
            asked.context_data = {**(asked.context_data or {}), "back": page}
        return asked or redirect(page)


@admin.register(Walk)
class WalkAdmin(FactAdmin):
    """How far each kind of row was checked; a walk that takes more than a day is an alert."""

    list_display = ("name", "looked", "looked_last", "begun_at", "completed_at")
    ordering = ("name",)


@cache
def _linked(name: str) -> Callable[[Incident], str]:
    """Give a field that links to the row which the column names, as long as there is one; always the same for a name."""
    model = LINKED[name]
    label = model._meta.verbose_name

    def show(incident: Incident) -> str:
        pk = getattr(incident, name)
        if pk is None or not model._default_manager.filter(pk=pk).exists():
            return "–" if pk is None else f"{pk} (deleted)"
        page = reverse(f"admin:trading_{model._meta.model_name}_change", args=[pk])
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}">{} {}</a>', page, label, pk
        )

    show.short_description = label  # type: ignore[attr-defined]
    show.__name__ = f"linked_{name}"
    return show
