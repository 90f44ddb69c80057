"""Show operators how good the ledgers were, over time, and the prices that could not be believed."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import RangeDateTimeFilter

from apps.monitoring.models import Outlier, QualityCheck
from apps.monitoring.quality import BAD, BOUNDS, POOR
from ohmycoins.core import clock
from ohmycoins.core.admin import FactAdmin
from ohmycoins.core.plots import line

PLOTTED = timedelta(days=3)
FEWEST_PLOTTED = 2
MARKS = float(POOR), float(BAD)
PARTS = ("overall", "completeness", "timeliness", "accuracy")
LEFT, RIGHT = (
    "text-align: left; padding: .25rem 1.5rem .25rem 0",
    "text-align: right; padding: .25rem 1.5rem .25rem 0",
)


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
        rows = [("all four", {part: getattr(check, part) for part in PARTS}, "")]
        for name, ledger in check.ledgers.items():
            rows.append((name, ledger, ledger["newest_at"] or "nothing"))
            rows += [
                (f"– {source}{'' if scores.get('counts', True) else ' (not counted)'}", scores, scores["newest_at"] or "nothing")
                for source, scores in ledger["sources"].items()
            ]  # fmt: skip
        head = format_html_join(
            "",
            '<th style="{}">{}</th>',
            ((RIGHT if part in PARTS else LEFT, part) for part in ("", *PARTS, "newest")),
        )
        body = format_html_join("", "<tr>{}</tr>", ((_cells(*row),) for row in rows))
        return format_html('<table style="white-space: nowrap"><tr>{}</tr>{}</table>', head, body)

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
    return [
        (name, line([(row[0], row[place]) for row in rows], bounds=(0, 1), marks=MARKS, width=300, height=120))
        for place, name in enumerate(("overall", *BOUNDS), start=1)
    ]  # fmt: skip


def _cells(name: str, scores: dict[str, Any], newest: str) -> str:
    """Write a row of scores: words to the left, figures to the right."""
    figures = format_html_join(
        "", '<td style="{}">{}</td>', ((RIGHT, f"{scores[part]:.3f}") for part in PARTS)
    )
    return format_html('<td style="{}">{}</td>{}<td style="{}">{}</td>', LEFT, name, figures, LEFT, newest)


def _list(remarks: list[dict[str, Any]]) -> str:
    """Write remarks as a list, each with the rows it speaks of."""
    said = (
        (remark["message"], ", ".join(f"{row['table']} {row['id']}" for row in remark["rows"]))
        for remark in remarks
    )
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{} {}</li>", said)) if remarks else "none"
