"""Show operators how good the ledgers were, over time, and the prices that could not be believed."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import RangeDateTimeFilter

from apps.monitoring.models import Outlier, QualityCheck
from apps.monitoring.quality import BOUNDS
from ohmycoins.core import clock
from ohmycoins.core.admin import FactAdmin
from ohmycoins.core.plots import line

PLOTTED = timedelta(days=3)
FEWEST_PLOTTED = 2


@admin.register(QualityCheck)
class QualityCheckAdmin(FactAdmin):
    """The checks, below a plot of each score over the last three days; issues with their rows on the page of each."""

    list_before_template = "monitoring/quality_plots.html"
    list_display = ("checked_at", "overall_", "by_ledger", "issues_", "warnings_")
    list_filter = (("checked_at", RangeDateTimeFilter),)
    ordering = ("-checked_at",)
    fields = ("checked_at", "scores", "issues_said", "warnings_said", "info_said")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {**(extra_context or {}), "plots": _plots(clock.now())}
        return cast(HttpResponse, super().changelist_view(request, context))

    @admin.display(description="scores")
    def scores(self, check: QualityCheck) -> str:
        parts = ("overall", "completeness", "timeliness", "accuracy")
        rows = [("all four", check.overall, check.completeness, check.timeliness, check.accuracy, "")]
        for name, ledger in check.ledgers.items():
            rows.append((name, *(ledger[part] for part in parts), ledger["newest_at"] or "nothing"))
            rows += [
                (f"– {source}", *(scores[part] for part in parts), scores["newest_at"] or "nothing")
                for source, scores in ledger["sources"].items()
            ]
        head = format_html_join(
            "", '<th style="text-align: left">{}</th>', ((part,) for part in ("", *parts, "newest"))
        )
        said = ((name, *(f"{figure:.3f}" for figure in figures), newest) for name, *figures, newest in rows)
        body = format_html_join("", f"<tr>{'<td>{}</td>' * 6}</tr>", said)
        return format_html('<table style="width: 100%"><tr>{}</tr>{}</table>', head, body)

    @admin.display(description="issues")
    def issues_said(self, check: QualityCheck) -> str:
        return _list(check.issues)

    @admin.display(description="warnings")
    def warnings_said(self, check: QualityCheck) -> str:
        return _list(check.warnings)

    @admin.display(description="information")
    def info_said(self, check: QualityCheck) -> str:
        return _list(check.info)

    @admin.display(description="overall", ordering="overall")
    def overall_(self, check: QualityCheck) -> str:
        return f"{check.overall:.3f}"

    @admin.display(description="by ledger")
    def by_ledger(self, check: QualityCheck) -> str:
        return ", ".join(f"{name} {scores['overall']:.3f}" for name, scores in check.ledgers.items())

    @admin.display(description="issues")
    def issues_(self, check: QualityCheck) -> int:
        return len(check.issues)

    @admin.display(description="warnings")
    def warnings_(self, check: QualityCheck) -> int:
        return len(check.warnings)


@admin.register(Outlier)
class OutlierAdmin(FactAdmin):
    list_display = ("occurred_at", "coin_type", "market", "before", "last", "deviations", "found_at")
    list_filter = (("occurred_at", RangeDateTimeFilter),)
    search_fields: ClassVar[tuple[str, ...]] = ("=coin_type",)
    ordering = ("-occurred_at", "-id")

    @admin.display(description="deviations")
    def deviations(self, outlier: Outlier) -> str:
        return f"{outlier.score:.0f}, of {outlier.bound:.0f} allowed"


def _plots(now: datetime) -> list[tuple[str, str]]:
    """Draw the overall score and each ledger's, once there is a line to draw."""
    scores = ("overall", *(f"ledgers__{name}__overall" for name in BOUNDS))
    checks = QualityCheck.objects.between(now - PLOTTED, None).order_by("checked_at")
    rows = list(checks.values_list("checked_at", *scores))
    if len(rows) < FEWEST_PLOTTED:
        return []
    names = ("overall", *BOUNDS)
    return [(name, line([(row[0], row[place]) for row in rows])) for place, name in enumerate(names, start=1)]


def _list(remarks: list[dict[str, Any]]) -> str:
    """Write remarks as a list, each with the rows it speaks of."""
    said = (
        (remark["message"], ", ".join(f"{row['table']} {row['id']}" for row in remark["rows"]))
        for remark in remarks
    )
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{} {}</li>", said)) if remarks else "none"
