"""Show deployments and how they do; pause, resume and stop them."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from apps.trading.admin.asking import AsksForReason
from apps.trading.models import Deployment
from apps.trading.services.deployments import health_of, pause, resume, stop
from ohmycoins.core import clock
from ohmycoins.core.admin import FactAdmin

LABELS = {"ok": "success", "late": "danger", "failing": "danger", "paused": "warning", "stopped": "info"}


@admin.register(Deployment)
class DeploymentAdmin(AsksForReason, FactAdmin):
    """Algorithms in accounts, on their schedules."""

    list_display = (
        "id", "algorithm", "user", "account", "health", "frequency", "next_run_at", "runs", "failures", "last_error",
        "decisions",
    )  # fmt: skip
    list_filter = ("status", "account__mode", "algorithm__slug")
    list_select_related = ("algorithm", "user", "account")
    search_fields: ClassVar[tuple[str, ...]] = ("=id", "algorithm__name", "user__email")
    ordering = ("-id",)
    actions = ("pause", "resume", "stop")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Deployment]:
        return Deployment.objects.with_latest()

    def has_command_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.change_deployment")

    @display(description="health", label=LABELS)
    def health(self, deployment: Any) -> str:
        return health_of(deployment, clock.now())

    @display(description="decisions")
    def decisions(self, deployment: Deployment) -> str:
        where = reverse("admin:trading_decision_changelist")
        return format_html('<a href="{}?deployment__id__exact={}">show</a>', where, deployment.pk)

    @admin.action(description="Pause", permissions=["command"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Deployment]) -> HttpResponse | None:
        what = "It runs no more until it is resumed."
        return self._command(request, queryset, pause, "Pause these?", "Yes, pause", what)

    @admin.action(description="Resume", permissions=["command"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Deployment]) -> HttpResponse | None:
        what = "It runs again from its next slot; its failures in a row are forgotten."
        return self._command(request, queryset, resume, "Resume these?", "Yes, resume", what)

    @admin.action(description="Stop for good", permissions=["command"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Deployment]) -> HttpResponse | None:
        what = "It never runs again; its sliced orders are cancelled, its coins stay."
        return self._command(request, queryset, stop, "Stop these for good?", "Yes, stop", what)

    def _command(
        self, request: HttpRequest, queryset: QuerySet[Deployment], command: Callable[..., Deployment], title: str,
        submit: str, what: str,
    ) -> HttpResponse | None:  # fmt: skip
        def act(deployment: Deployment, reason: str) -> str:
            done = command(deployment.pk, actor=f"user:{request.user.pk}", reason=reason)
            return f"Deployment {done.pk} is {done.status}."

        return self.ask_and_act(
            request, queryset, name=command.__name__, title=title, submit=submit, act=act,
            plan=lambda row: f"{row.algorithm} in {row.account} is {row.status}. {what}",
        )  # fmt: skip
