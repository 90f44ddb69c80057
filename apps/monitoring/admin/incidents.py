"""Show operators which invariants broke."""

from django.contrib import admin

from apps.monitoring.models import Incident
from ohmycoins.core.admin import FactAdmin


@admin.register(Incident)
class IncidentAdmin(FactAdmin):
    list_display = ("name", "what", "account_id", "order_id", "found_at", "seen_at", "resolved_at")
    list_filter = ("name", ("resolved_at", admin.EmptyFieldListFilter))
    ordering = ("-found_at",)
