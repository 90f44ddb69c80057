"""Decisions: each run of a deployment, with everything that it went by."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.trading.models.deployment import Deployment
from apps.trading.models.order import Ledger
from apps.trading.querysets import DecisionQuerySet
from ohmycoins.core import clock
from ohmycoins.core.fields import AudField, QuantityField


class Decision(models.Model):
    """One slot of a deployment's schedule: due until a worker has decided, and never decided twice.

    Kept for ever, but for what only says hold (`services.forgetting`).
    """

    class Status(models.TextChoices):
        DUE = "due"
        DONE = "done"
        FAILED = "failed"
        SKIPPED = "skipped", "skipped: the deployment was no longer active"

    class Action(models.TextChoices):
        BUY = "buy"
        SELL = "sell"
        HOLD = "hold"

    deployment = models.ForeignKey(Deployment, models.PROTECT, related_name="decisions", db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="The deployment's.",
    )
    slot = models.DateTimeField(help_text="The schedule's instant that it is for (UTC).")
    status = models.CharField(max_length=7, choices=Status, default=Status.DUE)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often a worker took it up.")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    nudged_at = models.DateTimeField(default=clock.now, editable=False)
    decided_at = models.DateTimeField(null=True, help_text="Its clock: nothing known later went into it.")
    code_digest = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the rule's module and of what rules share."
    )
    code_version = models.CharField(max_length=20, blank=True)
    parameters = models.JSONField(default=dict)
    book = models.JSONField(default=dict, help_text="What the algorithm had, as it was shown.")
    reads = models.JSONField(default=dict, help_text="The ledger rows it looked at: ids by table.")
    quality = models.JSONField(default=list, help_text="The verdict on each declared input.")
    action = models.CharField(max_length=4, choices=Action, blank=True)
    coin_type = models.CharField(max_length=20, blank=True)
    quantity = QuantityField(null=True, help_text="Coins wanted, where the signal said so.")
    fraction = models.DecimalField(max_digits=9, decimal_places=8, null=True)
    amount_aud = AudField(null=True)
    confidence = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    ledger = models.CharField(max_length=8, choices=Ledger, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    denials = models.JSONField(
        default=list, help_text="Why nothing was ordered, or why the order was denied."
    )
    error = models.CharField(max_length=500, blank=True)

    objects: ClassVar[DecisionQuerySet] = DecisionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (
            models.Index(fields=["id"], condition=Q(status="due"), name="decision_due"),
            # By slot, not by id: rather than read these, PostgreSQL walks the primary key, through everybody's.
            models.Index(fields=["user", "-slot", "-id"], name="decision_user"),
            models.Index(
                fields=["user", "-slot", "-id"],
                condition=Q(action__in=["buy", "sell"]),
                name="decision_trade",
            ),
            models.Index(
                fields=["deployment", "code_digest", "decided_at"],
                condition=Q(status="done"),
                name="decision_record",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=["deployment", "slot"], name="decision_once_a_slot"),
            models.UniqueConstraint(
                fields=["deployment"], condition=Q(status="due"), name="decision_one_due"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["due", "done", "failed", "skipped"]), name="decision_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="done") | Q(action__in=["buy", "sell", "hold"], decided_at__isnull=False),
                name="decision_done_says_what",
            ),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="final_once_decided",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.status <> 'due'"),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.action or self.status} {self.coin_type}".rstrip()


class Evidence(models.Model):
    """A ledger row that a decision rests on; `place` 0 is the most important."""

    decision = models.ForeignKey(Decision, models.PROTECT, related_name="evidence", db_index=False)
    place = models.PositiveSmallIntegerField()
    ledger = models.CharField(max_length=8, choices=Ledger)
    table = models.CharField(max_length=20)
    row_id = models.BigIntegerField()
    source = models.CharField(max_length=100)

    class Meta:
        verbose_name_plural = "evidence"
        constraints = (models.UniqueConstraint(fields=["decision", "place"], name="evidence_place_once"),)
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.row_id}"
