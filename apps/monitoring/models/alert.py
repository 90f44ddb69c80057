"""Alerts: what is wrong, who wants to hear of it, and what was said to whom."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.monitoring.querysets import AlertQuerySet, DeliveryQuerySet, RuleQuerySet
from ohmycoins.core import clock


class Severity(models.TextChoices):
    """How much an alert matters, the least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Type(models.TextChoices):
    """What an alert is about."""

    QUALITY = "quality", "quality: a ledger, or all of them, cannot be relied on"
    OUTLIER = "outlier", "outlier: a price jumped out of its past"
    COLLECTOR = "collector", "collector: a source fails"
    INVARIANT = "invariant", "invariant: something that must never be"
    DISCREPANCY = "discrepancy", "discrepancy: the venue's balance is not ours"
    BOOKING = "booking", "booking: fills that could not be booked"
    ORDER = "order", "order: nobody knows what became of it"
    DEPLOYMENT = "deployment", "deployment: paused by its failures"
    BRAKE = "brake", "brake: trading is held back"
    SYSTEM = "system", "system: a part of the installation does not do its work"


class Alert(models.Model):
    """A condition for as long as it stood; `key` tells it from every other of its type."""

    type = models.CharField(max_length=11, choices=Type)
    key = models.CharField(max_length=200)
    severity = models.CharField(max_length=6, choices=Severity, help_text="The highest while it stood.")
    message = models.TextField(help_text="As last seen.")
    evidence = models.JSONField(default=dict)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="alerts",
        help_text="Whose trading it is about; everybody's if empty.",
    )  # fmt: skip
    account_id = models.BigIntegerField(null=True)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When it last stood.")
    resolved_at = models.DateTimeField(null=True)

    objects: ClassVar[AlertQuerySet] = AlertQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (
            models.Index(fields=["-opened_at", "-id"], name="alert_opened"),
            models.Index(fields=["user", "-opened_at", "-id"], name="alert_user"),
            models.Index(fields=["type", "key"], name="alert_key"),
        )
        constraints = (
            models.UniqueConstraint(fields=["type", "key"], condition=Q(resolved_at=None), name="alert_open_once"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="alert_severity_known"),
            models.CheckConstraint(condition=Q(type__in=Type.values), name="alert_type_known"),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.severity} {self.type}: {self.message[:80]}"


class Channel(models.Model):
    """A place that alerts are sent to; its address holds keys, so it is sealed."""

    class Kind(models.TextChoices):
        EMAIL = "email"
        SLACK = "slack"
        DISCORD = "discord"
        TELEGRAM = "telegram"
        WEBHOOK = "webhook"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="alert_channels")
    kind = models.CharField(max_length=8, choices=Kind)
    name = models.CharField(max_length=100, help_text="Says where it leads, and no key.")
    sealed = models.TextField(editable=False)
    digest = models.CharField(
        max_length=64, editable=False, help_text="Of the address: the same one is one row."
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "digest"], name="channel_once"),
            models.UniqueConstraint(fields=["user", "name"], name="channel_name_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["email", "slack", "discord", "telegram", "webhook"]), name="channel_kind_known"
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return self.name


class AlertRule(models.Model):
    """Who is told of which alerts, where, and how often at most; of those that `user` may see."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="alert_rules")
    type = models.CharField(max_length=11, choices=Type, blank=True, help_text="Empty: every type.")
    min_severity = models.CharField(max_length=6, choices=Severity, default=Severity.MEDIUM)
    cooldown_minutes = models.PositiveIntegerField(
        default=60, help_text="How long the same alert, opened again, is not told again."
    )
    channels = models.ManyToManyField(Channel, related_name="rules")
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects: ClassVar[RuleQuerySet] = RuleQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=Q(min_severity__in=Severity.values), name="rule_severity_known"),
            models.CheckConstraint(condition=Q(type__in=["", *Type.values]), name="rule_type_known"),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.type or 'every type'} from {self.min_severity}"


class Delivery(models.Model):
    """One message about an alert to one channel: a row until it is sent, or given up."""

    class Event(models.TextChoices):
        OPENED = "opened"
        RAISED = "raised", "raised: more severe than before"
        RESOLVED = "resolved"
        TEST = "test"

    class Status(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        FAILED = "failed"

    alert = models.ForeignKey(
        Alert, models.PROTECT, null=True, related_name="deliveries", help_text="None: a test."
    )
    rule = models.ForeignKey(AlertRule, models.SET_NULL, null=True, related_name="deliveries")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=8, choices=Event)
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, help_text="When it is tried next; empty once it ended.")
    leased_until = models.DateTimeField(
        null=True, help_text="Until when a worker has it; after that the worker is taken to be dead."
    )
    says_resolved = models.BooleanField(
        default=False, help_text="It was sent when the alert was over, and said so."
    )
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[DeliveryQuerySet] = DeliveryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = (
            models.Index(fields=["next_at", "id"], condition=Q(status="pending"), name="delivery_due"),
            models.Index(fields=["channel", "-created_at"], name="delivery_channel"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["alert", "channel", "event"], condition=~Q(event="raised"), name="delivery_once"
            ),
            models.CheckConstraint(
                condition=Q(status="pending", next_at__isnull=False, ended_at=None)
                | Q(status__in=["sent", "failed"], next_at=None, ended_at__isnull=False),
                name="delivery_ended_unless_pending",
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.event} {self.status}"
