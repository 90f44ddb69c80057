"""Show algorithms and how far they have come; set them up, ask for the next step, and put them away."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.models import User
from apps.trading.admin.asking import AsksForReason
from apps.trading.admin.parameters import ParametersForm
from apps.trading.models import Algorithm, Deployment, Promotion
from apps.trading.services.algorithms import (
    archive_algorithm,
    change_algorithm,
    find_rule,
    inputs_of,
    make_algorithm,
    rationale_of,
    rule_of,
)
from apps.trading.services.promotions import PERMISSION, decide_promotion, promote
from ohmycoins.core import seams
from ohmycoins.core.admin import FactAdmin, FactInline
from ohmycoins.core.errors import DomainError, Invalid

LABELS = {
    "draft": "info", "backtested": "info", "paper": "warning", "live": "success", "archived": "danger",
}  # fmt: skip
ANSWERS = {"pending": "warning", "approved": "success", "rejected": "danger"}
LIST = "admin:trading_algorithm_changelist"


class NameForm(forms.Form):
    """What the algorithm is called."""

    name = forms.CharField(max_length=80, widget=UnfoldAdminTextInputWidget)


class NewForm(NameForm):
    """What it is called, and whose it is."""

    owner = forms.CharField(
        widget=UnfoldAdminTextInputWidget, help_text="The e-mail address of whom it trades for."
    )

    def clean_owner(self) -> User:
        try:
            return User.objects.get_by_natural_key(self.cleaned_data["owner"])
        except User.DoesNotExist:
            raise forms.ValidationError("There is no user with this address.") from None


class PromotionInline(FactInline):
    model = Promotion
    fields = (
        "version",
        "target",
        "status",
        "requested_by",
        "requested_at",
        "decided_by",
        "decided_at",
        "reason",
    )


class DeploymentInline(FactInline):
    model = Deployment
    fields = ("id", "account", "frequency", "status", "next_run_at", "runs", "failures")
    show_change_link = True


@admin.register(Algorithm)
class AlgorithmAdmin(AsksForReason, FactAdmin):
    """Rules as users have set them up; a form for each rule comes from its own parameters."""

    list_display = ("id", "name", "user", "slug", "version", "state", "created_at")
    list_display_links = ("id", "name")
    list_filter = ("status", "slug")
    list_select_related = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("=id", "name", "user__email")
    ordering = ("-id",)
    fields = ("user", "name", "slug", "rationale", "parameters", "inputs", "version", "status", "created_at")
    inlines = (PromotionInline, DeploymentInline)
    actions = ("to_paper", "to_live", "archive")
    actions_list = ("make",)
    actions_detail = ("set_up",)

    def has_make_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.add_algorithm")

    def has_alter_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.change_algorithm")

    def has_set_up_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        gone = Algorithm.objects.filter(pk=object_id, status=Algorithm.Status.ARCHIVED)
        return self.has_alter_permission(request) and not (object_id and gone.exists())

    @display(description="status", label=LABELS)
    def state(self, algorithm: Algorithm) -> str:
        return algorithm.status

    @display(description="what it does")
    def rationale(self, algorithm: Algorithm) -> str:
        rule = find_rule(algorithm.slug)
        return rationale_of(rule) if rule else "The setting ALGORITHMS has no such rule any more."

    @display(description="what it reads")
    def inputs(self, algorithm: Algorithm) -> str:
        rows = ((wanted.label, wanted.max_age) for wanted in inputs_of(algorithm))
        return format_html_join("\n", "{}, at most {} old<br>", rows) or "–"

    @action(description="New algorithm", url_path="make", permissions=["make"], icon="add")
    def make(self, request: HttpRequest) -> HttpResponse:
        """Choose a rule, then set it up."""
        slug = request.GET.get("slug")
        if slug is None:
            return self._page(request, "trading/rules.html", {
                "title": "New algorithm: which rule?",
                "rules": [(rule, rationale_of(rule)) for rule in seams.load("ALGORITHMS").values()],
            })  # fmt: skip
        try:
            rule = rule_of(slug)
        except Invalid as error:
            messages.error(request, error.message)
            return redirect("admin:trading_algorithm_make")
        data = request.POST or None
        head = NewForm(data, initial={"name": rule.title, "owner": _person(request).email})
        tail = ParametersForm(data, rule=rule)
        if head.is_valid() & tail.is_valid():
            try:
                algorithm = make_algorithm(
                    user=head.cleaned_data["owner"], slug=slug, name=head.cleaned_data["name"],
                    parameters=tail.parameters, actor=f"user:{request.user.pk}",
                )  # fmt: skip
            except DomainError as error:
                head.add_error(None, error.message)
            else:
                messages.success(request, f"{algorithm} is a draft: backtest it next.")
                return redirect("admin:trading_algorithm_change", algorithm.pk)
        return self._set_up_page(request, rule, head, tail, title=f"New: {rule.title}", back=reverse(LIST))

    @action(description="Set up", url_path="set-up", permissions=["set_up"], icon="tune")
    def set_up(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Change its name or its parameters; other parameters make it a draft of the next version."""
        algorithm = get_object_or_404(Algorithm, pk=object_id)
        page = reverse("admin:trading_algorithm_change", args=[algorithm.pk])
        rule = find_rule(algorithm.slug)
        if rule is None:
            messages.error(request, f"The setting ALGORITHMS has no rule {algorithm.slug!r} any more.")
            return redirect(page)
        data = request.POST or None
        head = NameForm(data, initial={"name": algorithm.name})
        tail = ParametersForm(data, rule=rule, stored=algorithm.parameters)
        if head.is_valid() & tail.is_valid():
            try:
                changed = change_algorithm(
                    algorithm.pk, name=head.cleaned_data["name"], parameters=tail.parameters,
                    actor=f"user:{request.user.pk}",
                )  # fmt: skip
            except DomainError as error:
                head.add_error(None, error.message)
            else:
                messages.success(request, f"{changed} is version {changed.version}, {changed.status}.")
                return redirect(page)
        return self._set_up_page(request, rule, head, tail, title=f"Set up {algorithm}", back=page)

    @admin.action(description="Ask for paper", permissions=["alter"])
    def to_paper(self, request: HttpRequest, queryset: QuerySet[Algorithm]) -> HttpResponse | None:
        return self._ask_for(request, queryset, "to_paper", Promotion.Target.PAPER, "It is approved at once.")

    @admin.action(description="Ask for live", permissions=["alter"])
    def to_live(self, request: HttpRequest, queryset: QuerySet[Algorithm]) -> HttpResponse | None:
        return self._ask_for(request, queryset, "to_live", Promotion.Target.LIVE, "A second person answers.")

    @admin.action(description="Archive", permissions=["alter"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Algorithm]) -> HttpResponse | None:
        def act(algorithm: Algorithm, reason: str) -> str:
            archive_algorithm(algorithm.pk, actor=f"user:{request.user.pk}", reason=reason)
            return f"{algorithm} is archived."

        return self.ask_and_act(
            request, queryset, name="archive", title="Put these away for good?", submit="Yes, archive", act=act,
            plan=lambda algorithm: f"{algorithm} is {algorithm.status}; it cannot be taken up again.",
        )  # fmt: skip

    def _ask_for(
        self, request: HttpRequest, queryset: QuerySet[Algorithm], name: str, target: str, what: str
    ) -> HttpResponse | None:
        def act(algorithm: Algorithm, reason: str) -> str:
            asked = promote(algorithm.pk, target=target, notes=reason, user=_person(request))
            return f"{algorithm} to {target}: {asked.status}."

        return self.ask_and_act(
            request, queryset, name=name, title=f"Promote to {target}?", submit="Yes, ask", act=act,
            plan=lambda algorithm: f"{algorithm} is {algorithm.status}, version {algorithm.version}. {what}",
        )  # fmt: skip

    def _set_up_page(
        self, request: HttpRequest, rule: Any, head: forms.Form, tail: forms.Form, *, title: str, back: str
    ) -> HttpResponse:
        return self._page(request, "trading/set_up.html", {
            "title": title, "head": head, "tail": tail, "rationale": rationale_of(rule), "back": back,
            "action_url": request.get_full_path(),
        })  # fmt: skip

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.model._meta, "model_admin": self}
        return TemplateResponse(request, template, shared | context)


@admin.register(Promotion)
class PromotionAdmin(AsksForReason, FactAdmin):
    """Steps towards live money; live takes a second person, who answers here."""

    list_display = (
        "id", "algorithm", "version", "target", "answer", "requested_by", "requested_at", "notes", "decided_by",
        "decided_at", "reason",
    )  # fmt: skip
    list_filter = ("status", "target")
    list_select_related = ("algorithm", "requested_by", "decided_by")
    search_fields: ClassVar[tuple[str, ...]] = ("=algorithm__id", "algorithm__name", "requested_by__email")
    ordering = ("-id",)
    actions = ("approve", "reject")

    def has_answer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @display(description="status", label=ANSWERS)
    def answer(self, promotion: Promotion) -> str:
        return promotion.status

    @admin.action(description="Approve", permissions=["answer"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> HttpResponse | None:
        return self._answer(request, queryset, "approve", "Let these trade live?", "Yes, approve")

    @admin.action(description="Reject", permissions=["answer"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> HttpResponse | None:
        return self._answer(request, queryset, "reject", "Say no to these?", "Yes, reject")

    def _answer(
        self, request: HttpRequest, queryset: QuerySet[Promotion], name: str, title: str, submit: str
    ) -> HttpResponse | None:
        def act(promotion: Promotion, reason: str) -> str:
            done = decide_promotion(
                promotion.pk, approve=name == "approve", reason=reason, user=_person(request)
            )
            return f"{promotion.algorithm} to {done.target}: {done.status}."

        return self.ask_and_act(request, queryset, name=name, title=title, submit=submit, act=act, plan=_said)


def _said(promotion: Promotion) -> str:
    paper = promotion.grounds.get("paper", {})
    record = (
        f" On paper since {paper['since']}: on {paper['days']} days; at least {paper['decisions']} decisions, {paper['filled_orders']} orders filled."
        if paper
        else ""
    )
    return (
        f"{promotion.algorithm} to {promotion.target}, version {promotion.version}, asked for by"
        f" {promotion.requested_by}: {promotion.notes or 'no notes'}.{record}"
    )


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
