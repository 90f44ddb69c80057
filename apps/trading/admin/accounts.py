"""Show accounts, their limits and their discrepancies; activate, restore, deactivate and explain."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display

from apps.accounts.models import User
from apps.trading.admin.asking import AsksForReason
from apps.trading.admin.forms import HistoryForm
from apps.trading.imports.table import MOST_BYTES
from apps.trading.models import Account, DayStart, Discrepancy, Holding, Limits, Movement
from apps.trading.services.activation import PERMISSION, activate_account, deactivate_account
from apps.trading.services.import_fills import bad_rows, import_fills
from apps.trading.services.review import resolve_discrepancy
from apps.trading.services.status import restore_account
from ohmycoins.core.admin import FactAdmin, FactInline
from ohmycoins.core.errors import DomainError
from ohmycoins.core.money import plain

LABELS = {"active": "success", "reduce_only": "warning", "inactive": "danger"}


class HoldingInline(FactInline):
    model = Holding


class MovementInline(FactInline):
    model = Movement


class LimitsInline(FactInline):
    model = Limits
    verbose_name_plural = "limits, the newest last"


@admin.register(Account)
class AccountAdmin(AsksForReason, FactAdmin):
    list_display = (
        "id", "user", "name", "venue", "mode", "state", "status_reason", "cash_aud", "reconciled_at", "created_at",
    )  # fmt: skip
    list_display_links = ("id", "name")
    list_filter = ("venue", "mode", "status")
    list_select_related = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("user__email", "name")
    inlines = (HoldingInline, LimitsInline, MovementInline)
    actions = ("activate", "restore", "deactivate")
    actions_detail = ("import_history",)

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    def has_import_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("trading.add_fill")

    @display(description="status", label=LABELS)
    def state(self, account: Account) -> str:
        return account.status

    @action(description="Import trade history", url_path="import", permissions=["import"], icon="upload_file")
    def import_history(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask for a file and record what it says; bad rows are shown, and nothing is stored then."""
        account = get_object_or_404(Account, pk=object_id)
        page = reverse("admin:trading_account_change", args=[account.pk])
        form = HistoryForm(request.POST or None, request.FILES or None)
        if form.is_valid():
            data = form.cleaned_data["file"].read(MOST_BYTES + 1)
            try:
                done = import_fills(account.pk, data, actor=f"user:{request.user.pk}")
            except DomainError as error:
                form.add_error(None, [error.message, *bad_rows(error)])
            else:
                messages.success(
                    request,
                    f"Imported {done.imported}, known before {done.duplicates}, skipped {done.skipped}.",
                )
                return redirect(page)
        return TemplateResponse(request, "trading/ask.html", {
            **self.admin_site.each_context(request), "opts": self.model._meta, "title": f"Import into {account}",
            "form": form, "submit": "Import", "plan": None, "hidden": [], "action_url": request.path, "back": page,
        })  # fmt: skip

    @admin.action(description="Activate", permissions=["activate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        if not isinstance(request.user, User):
            raise PermissionDenied
        for account in queryset:
            try:
                activate_account(account.pk, by=request.user)
            except DomainError as error:
                messages.error(request, f"{account}: {error.message}")
            else:
                messages.success(request, f"{account} is active.")

    @admin.action(description="Let it buy again", permissions=["activate"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse | None:
        def act(account: Account, reason: str) -> str:
            restore_account(account.pk, actor=f"user:{request.user.pk}", reason=reason)
            return f"{account} may buy again."

        return self.ask_and_act(
            request, queryset, name="restore", title="Let these accounts buy again?", submit="Yes, let them",
            plan=lambda account: f"{account} is {account.status}: {account.status_reason or 'nothing holds it back'}.",
            act=act,
        )  # fmt: skip

    @admin.action(description="Deactivate", permissions=["activate"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse | None:
        def act(account: Account, reason: str) -> str:
            deactivate_account(account.pk, actor=f"user:{request.user.pk}", reason=reason)
            return f"{account} takes no more orders."

        return self.ask_and_act(
            request, queryset, name="deactivate", title="Deactivate these accounts?", submit="Yes, deactivate",
            plan=lambda account: f"{account} takes no more orders; what rests at its venue stays there.", act=act,
        )  # fmt: skip


@admin.register(Discrepancy)
class DiscrepancyAdmin(AsksForReason, FactAdmin):
    list_display = (
        "id", "account", "coin_type", "ours", "theirs", "value_aud", "found_at", "resolved_at", "resolved_by",
        "resolution",
    )  # fmt: skip
    list_filter = (("resolved_at", admin.EmptyFieldListFilter), ("found_at", RangeDateTimeFilter))
    list_select_related = ("account",)
    search_fields: ClassVar[tuple[str, ...]] = ("account__user__email", "=coin_type")
    ordering = ("-id",)
    actions = ("explain",)

    def has_explain_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.change_discrepancy")

    @admin.action(description="Explain", permissions=["explain"])
    def explain(self, request: HttpRequest, queryset: QuerySet[Discrepancy]) -> HttpResponse | None:
        def act(row: Discrepancy, reason: str) -> str:
            resolve_discrepancy(row.pk, actor=f"user:{request.user.pk}", reason=reason)
            return f"Discrepancy {row.pk} is explained."

        return self.ask_and_act(
            request,
            queryset,
            name="explain",
            title="What explains these?",
            submit="Record it",
            act=act,
            plan=_differs,
        )


def _differs(row: Discrepancy) -> str:
    return (
        f"{row.account}: {row.coin_type} is {plain(row.ours)} here and {plain(row.theirs)} at the venue."
        " Neither is changed."
    )


@admin.register(DayStart)
class DayStartAdmin(FactAdmin):
    list_display = ("day", "account", "equity_aud", "unpriced", "at")
    list_select_related = ("account",)
    search_fields: ClassVar[tuple[str, ...]] = ("account__user__email",)
    ordering: Any = ("-id",)
