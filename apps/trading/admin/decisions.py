"""Show decisions: what was decided, on what, whether it could be believed, and what came of it."""

from typing import ClassVar

from django.contrib import admin
from django.utils.html import format_html_join
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.decorators import display

from apps.trading.models import Decision, Evidence, Order
from ohmycoins.core.admin import FactAdmin, FactInline

LABELS = {
    "due": "info", "done": "success", "failed": "danger", "skipped": "warning",
    "buy": "success", "sell": "warning", "hold": "info",
}  # fmt: skip


class EvidenceInline(FactInline):
    model = Evidence
    fields = ("place", "ledger", "table", "row_id", "source")
    ordering = ("place",)


class OrderInline(FactInline):
    model = Order
    fk_name = "decision"
    fields = ("id", "side", "coin_type", "quantity", "filled_quantity", "status", "error")
    show_change_link = True


@admin.register(Decision)
class DecisionAdmin(FactAdmin):
    """One slot of a deployment each; `manage.py replay_decision ID` decides it again."""

    list_display = (
        "id", "deployment", "slot", "state", "said", "coin_type", "confidence", "ledger", "reason", "refusals",
        "error",
    )  # fmt: skip
    list_filter = (
        "status", "action", "ledger", ("deployment", AutocompleteSelectFilter), ("slot", RangeDateTimeFilter),
    )  # fmt: skip
    list_filter_submit = True
    list_select_related = ("deployment",)
    search_fields: ClassVar[tuple[str, ...]] = (
        "=id",
        "=deployment__id",
        "=coin_type",
        "deployment__user__email",
    )
    ordering = ("-id",)
    fields = (
        "deployment", "slot", "status", "attempts", "decided_at", "action", "coin_type", "quantity", "fraction",
        "amount_aud", "confidence", "ledger", "reason", "verdicts", "refusals", "error", "parameters", "book", "reads",
        "code_version", "code_digest", "created_at",
    )  # fmt: skip
    inlines = (EvidenceInline, OrderInline)

    @display(description="status", label=LABELS)
    def state(self, decision: Decision) -> str:
        return decision.status

    @display(description="action", label=LABELS)
    def said(self, decision: Decision) -> str:
        return decision.action or "–"

    @display(description="denials")
    def refusals(self, decision: Decision) -> str:
        rows = ((denial.get("code", ""), denial.get("message", "")) for denial in decision.denials)
        return format_html_join("\n", "{}: {}<br>", rows) or "–"

    @display(description="quality of its inputs")
    def verdicts(self, decision: Decision) -> str:
        rows = (
            (
                verdict["series"], verdict["state"],
                "never seen" if verdict.get("age_seconds") is None else f"{verdict['age_seconds']} s old",
                verdict["max_age_seconds"],
            )
            for verdict in decision.quality
        )  # fmt: skip
        return format_html_join("\n", "{}: {}, {} (at most {} s)<br>", rows) or "–"
