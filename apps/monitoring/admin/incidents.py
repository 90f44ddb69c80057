"""Show operators which invariants broke, with the rows as they were, and how far all of them were checked."""

import json

from django.contrib import admin
from django.utils.html import format_html

from apps.monitoring.models import Incident, Walk
from ohmycoins.core.admin import FactAdmin


@admin.register(Incident)
class IncidentAdmin(FactAdmin):
    list_display = (
        "name",
        "what",
        "account_id",
        "order_id",
        "found_at",
        "seen_at",
        "braked_at",
        "resolved_at",
    )
    list_filter = ("name", ("resolved_at", admin.EmptyFieldListFilter))
    search_fields = ("subject", "what")
    ordering = ("-found_at",)
    fields = (
        "name", "what", "subject", "account_id", "order_id", "found_at", "seen_at", "braked_at", "resolved_at", "rows",
    )  # fmt: skip

    @admin.display(description="the rows, as they were")
    def rows(self, incident: Incident) -> str:
        return format_html(
            '<pre style="white-space: pre-wrap">{}</pre>',
            json.dumps(incident.evidence, indent=2, ensure_ascii=False),
        )


@admin.register(Walk)
class WalkAdmin(FactAdmin):
    """How far each kind of row was checked; a walk that takes more than a day is an alert."""

    list_display = ("name", "looked", "looked_last", "begun_at", "completed_at")
    ordering = ("name",)
