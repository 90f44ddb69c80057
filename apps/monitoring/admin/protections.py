"""Let operators say what brakes trading by itself, and show how far what it watches is below its peak."""

import json
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.monitoring.admin.parameters import explain_parameters
from apps.monitoring.models import Peak, Protection
from apps.monitoring.protections import read_parameters
from apps.monitoring.services.protections import change_protection, delete_protection, make_protection
from ohmycoins.core import clock
from ohmycoins.core.admin import FactInline
from ohmycoins.core.errors import DomainError

SCOPE = ("kind", "user", "account", "deployment")


class ProtectionForm(forms.ModelForm):
    """What it watches, and its parameters, which are checked as the API checks them."""

    parameters = forms.JSONField(
        required=False,
        initial=dict,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=explain_parameters(),
    )

    class Meta:
        model = Protection
        fields = (*SCOPE, "parameters", "enabled")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        kind = self.instance.kind or cleaned.get("kind")
        if kind and "parameters" in cleaned:
            try:
                read_parameters(kind, cleaned["parameters"] or {})
            except DomainError as error:
                self.add_error("parameters", error.message)
        if cleaned.get("account") and cleaned.get("deployment"):
            self.add_error(
                "deployment", "Give account or deployment, not both: a deployment is in one account."
            )
        return cleaned


class PeakInline(FactInline):
    """Courses of what a drawdown protection watches."""

    model = Peak
    fields = ("account", "algorithm_id", "began_at", "level", "highs", "at")
    verbose_name_plural = "what it watches, since its beginning"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Peak]:
        return Peak.objects.select_related("account").order_by("account", "algorithm_id")


@admin.register(Protection)
class ProtectionAdmin(ModelAdmin):
    """Rules that let orders only sell. One that is switched off, or deleted, releases what it holds back."""

    form = ProtectionForm
    list_display = ("id", "kind", "whose", "settings", "enabled", "created_by", "created_at")
    list_display_links = ("id", "kind")
    list_filter = ("kind", "enabled")
    list_select_related = ("user", "account", "deployment")
    list_fullwidth = True
    search_fields: ClassVar[tuple[str, ...]] = ("user__email",)
    autocomplete_fields = ("user", "account", "deployment")
    ordering = ("id",)
    inlines = (PeakInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return SCOPE if obj else ()

    @admin.display(description="watches")
    def whose(self, protection: Protection) -> str:
        if protection.deployment:
            return f"deployment {protection.deployment}"
        return str(protection.account or protection.user or "everybody")

    @admin.display(description="parameters")
    def settings(self, protection: Protection) -> str:
        return json.dumps(protection.parameters)

    def save_model(self, request: HttpRequest, obj: Protection, form: Any, change: bool) -> None:
        actor, now = f"user:{request.user.pk}", clock.now()
        given = form.cleaned_data["parameters"] or {}
        if change:
            change_protection(obj.pk, actor=actor, now=now, parameters=given, enabled=obj.enabled)
            return
        owned = obj.deployment or obj.account
        made = make_protection(
            kind=obj.kind, parameters=given, user=owned.user if owned else obj.user, account=obj.account,
            deployment=obj.deployment, enabled=obj.enabled, actor=actor, now=now, limited=False,
        )  # fmt: skip
        obj.pk, obj.parameters, obj.user_id = made.pk, made.parameters, made.user_id

    def delete_model(self, request: HttpRequest, obj: Protection) -> None:
        delete_protection(obj, actor=f"user:{request.user.pk}", now=clock.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Protection]) -> None:
        for protection in queryset:
            self.delete_model(request, protection)
