"""Show operators alerts and what was told of them; let them say who is told, and try it."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectMultipleWidget,
)

from apps.monitoring.models import Alert, AlertRule, Channel, Delivery
from apps.monitoring.services.channels import test_channel
from apps.monitoring.services.deliveries import deliver_now
from apps.monitoring.services.rules import LONGEST_COOLDOWN_MINUTES, change_rule, create_rule, delete_rule
from ohmycoins.core.admin import FactAdmin, FactInline
from ohmycoins.core.errors import DomainError

SEVERITIES = {"high": "danger", "medium": "warning", "low": "info"}
STATUSES = {"sent": "success", "failed": "danger", "pending": "warning"}
SHOWN = 90
FIELDS = ("type", "min_severity", "cooldown_minutes", "enabled")


class DeliveryInline(FactInline):
    model = Delivery
    fields = ("event", "channel", "status", "attempts", "next_at", "last_error", "created_at", "ended_at")


@admin.register(Alert)
class AlertAdmin(FactAdmin):
    """What is wrong, or was."""

    list_display = ("id", "level", "type", "message", "user", "opened_at", "resolved_at")
    list_filter = ("severity", "type", ("resolved_at", admin.EmptyFieldListFilter))
    list_select_related = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("message", "key", "user__email")
    ordering = ("-opened_at", "-id")
    inlines = (DeliveryInline,)

    @display(description="severity", label=SEVERITIES, ordering="severity")
    def level(self, alert: Alert) -> str:
        return alert.severity


@admin.register(Delivery)
class DeliveryAdmin(FactAdmin):
    """What was sent where, and what came of it."""

    list_display = (
        "id", "outcome", "event", "told", "channel", "attempts", "next_at", "last_error", "created_at", "ended_at",
    )  # fmt: skip
    list_filter = ("status", "event", "channel__kind")
    list_select_related = ("alert", "channel")
    ordering = ("-id",)

    @display(description="outcome", label=STATUSES, ordering="status")
    def outcome(self, delivery: Delivery) -> str:
        return delivery.status

    @display(description="alert", ordering="alert")
    def told(self, delivery: Delivery) -> str:
        if delivery.alert is None:
            return "–"
        said = Truncator(delivery.alert.message).chars(SHOWN)
        return format_html('<div style="min-width: 20rem">{}: {}</div>', delivery.alert.type, said)


class SendsTests:
    """Send a test to channels, wait for what comes of it, and show that."""

    admin_site: Any
    model: Any

    def has_send_test_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("monitoring.change_alertrule")

    def ask_and_tell(
        self, request: HttpRequest, channels: list[Channel], title: str, back: str
    ) -> HttpResponse:
        """Ask whether to send, or, once it is answered, send, and go back to the page."""
        if request.method == "POST":
            self.tell_tests(request, channels)
            return redirect(back)
        return TemplateResponse(request, "trading/ask.html", {
            **self.admin_site.each_context(request), "opts": self.model._meta, "title": title, "form": forms.Form(),
            "submit": "Yes, send", "plan": [f"A test goes to {channel}." for channel in channels], "hidden": [],
            "action_url": request.path, "back": back,
        })  # fmt: skip

    def tell_tests(self, request: HttpRequest, channels: list[Channel]) -> None:
        actor = f"user:{request.user.pk}"
        deliveries = [test_channel(channel, actor=actor) for channel in channels]
        deliver_now([delivery.pk for delivery in deliveries])
        for delivery in Delivery.objects.filter(
            pk__in=[delivery.pk for delivery in deliveries]
        ).select_related("channel"):
            if delivery.status == Delivery.Status.SENT:
                messages.success(request, f"{delivery.channel}: the test was sent.")
            elif delivery.last_error:
                again = "; it is tried again" if delivery.status == Delivery.Status.PENDING else ""
                messages.error(
                    request, f"{delivery.channel}: the test was not sent: {delivery.last_error}{again}."
                )
            else:
                messages.warning(request, f"{delivery.channel}: a worker has the test; see the deliveries.")
        if not deliveries:
            messages.warning(request, "There is no channel to send a test to.")


@admin.register(Channel)
class ChannelAdmin(SendsTests, FactAdmin):
    """Where alerts go. Names show no key, and addresses are shown to nobody."""

    list_display = ("id", "user", "kind", "name", "created_at")
    list_filter = ("kind",)
    list_select_related = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("name", "user__email")
    ordering = ("id",)
    exclude = ("sealed", "digest")
    actions = ("send_tests",)
    actions_detail = ("send_test",)

    @admin.action(description="Send a test", permissions=["send_test"])
    def send_tests(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        self.tell_tests(request, list(queryset))

    @action(description="Send a test", url_path="send-test", permissions=["send_test"], icon="send")
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        channel = get_object_or_404(Channel, pk=object_id)
        back = reverse("admin:monitoring_channel_change", args=[channel.pk])
        return self.ask_and_tell(request, [channel], f"Send a test to {channel}?", back)


class RuleForm(forms.ModelForm):
    """Who is told what, where; a new address is shown to nobody but, masked, to who typed it while it is refused."""

    cooldown_minutes = forms.IntegerField(
        min_value=0, max_value=LONGEST_COOLDOWN_MINUTES, initial=60, label="Cooldown, in minutes",
        widget=UnfoldAdminIntegerFieldWidget, help_text=AlertRule._meta.get_field("cooldown_minutes").help_text,
    )  # fmt: skip
    channels = forms.ModelMultipleChoiceField(Channel.objects.none(), required=False)
    new_address = forms.CharField(
        required=False, strip=True, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}, render_value=True),
        help_text="One more: an e-mail address, a Slack or Discord webhook's URL, tgram://TOKEN/CHAT, or any https URL.",
    )  # fmt: skip
    user: Any = None

    class Meta:
        model = AlertRule
        fields: ClassVar[tuple[str, ...]] = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.user = self.instance.user
            self.initial["channels"] = list(self.instance.channels.all())
        self.fields["channels"] = forms.ModelMultipleChoiceField(
            Channel.objects.filter(user=self.user), required=False, widget=UnfoldAdminSelectMultipleWidget
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                with transaction.atomic():  # tried, and taken back: `store` does it
                    self.store(actor="form")
                    transaction.set_rollback(True)
            except DomainError as error:
                self.add_error(*_place_of(error.message))
        return cleaned

    def store(self, *, actor: str) -> AlertRule:
        """Make or change the rule. Raises DomainError."""
        given = {name: self.cleaned_data[name] for name in FIELDS}
        texts = [channel.name for channel in self.cleaned_data["channels"]]
        texts += filter(None, [self.cleaned_data["new_address"]])
        if self.instance.pk:
            rule = AlertRule.objects.get(pk=self.instance.pk)
            return change_rule(rule, actor=actor, channels=texts, **given)
        return create_rule(self.user, actor=actor, channels=texts, **given)


def _place_of(message: str) -> tuple[str | None, str]:
    """Give the field that a service's message is about, and what it says of it: channels are chosen, addresses typed."""
    where, _, said = message.partition(": ")
    if where.startswith("channels["):
        return "new_address", said
    return ("channels", said) if where == "channels" else (None, message)


@admin.register(AlertRule)
class AlertRuleAdmin(SendsTests, ModelAdmin):
    """Who is told what; one makes rules for oneself."""

    form = RuleForm
    fields = (*FIELDS, "channels", "new_address")
    list_display = ("id", "user", "hears", "min_severity", "cooldown_minutes", "goes_to", "enabled")
    list_filter = ("enabled", "type", "min_severity")
    list_select_related = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("user__email",)
    actions = ("send_tests",)
    actions_detail = ("send_test",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertRule]:
        return AlertRule.objects.prefetch_related("channels")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"user": request.user})

    @display(description="type", ordering="type")
    def hears(self, rule: AlertRule) -> str:
        return rule.type or "every type"

    @display(description="channels")
    def goes_to(self, rule: AlertRule) -> str:
        return ", ".join(sorted(channel.name for channel in rule.channels.all()))

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> AlertRule:
        """Store by the service. What another change made impossible since it was checked is refused."""
        try:
            rule: AlertRule = form.store(actor=f"user:{request.user.pk}")
        except DomainError as error:
            raise PermissionDenied(error.message) from error
        form.instance.pk = rule.pk
        return rule

    def save_model(self, request: HttpRequest, obj: AlertRule, form: Any, change: bool) -> None:
        """Do nothing: it is stored."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Do nothing: they are stored."""

    def delete_model(self, request: HttpRequest, obj: AlertRule) -> None:
        delete_rule(obj, actor=f"user:{request.user.pk}")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        for rule in queryset:
            self.delete_model(request, rule)

    @admin.action(description="Send a test to their channels", permissions=["send_test"])
    def send_tests(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        self.tell_tests(request, list(Channel.objects.filter(rules__in=queryset).distinct().order_by("id")))

    @action(description="Send a test", url_path="send-test", permissions=["send_test"], icon="send")
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rule = get_object_or_404(AlertRule, pk=object_id)
        back = reverse("admin:monitoring_alertrule_change", args=[rule.pk])
        return self.ask_and_tell(
            request, list(rule.channels.order_by("id")), f"Send tests to the channels of rule {rule}?", back
        )
