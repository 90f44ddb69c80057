"""Algorithms as users set them up, and how far each has come on its way to live money."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from ohmycoins.core import clock


class Algorithm(models.Model):
    """A rule (`slug`, from the setting ALGORITHMS) with a user's parameters; its id is the name of its books."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        BACKTESTED = "backtested"
        PAPER = "paper"
        LIVE = "live"
        ARCHIVED = "archived"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="algorithms")
    slug = models.SlugField(max_length=40, help_text="Which rule; see the setting ALGORITHMS.")
    name = models.CharField(max_length=80)
    parameters = models.JSONField(default=dict, help_text="Complete, defaults filled in.")
    version = models.PositiveIntegerField(default=1, help_text="Rises when the parameters change.")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["user", "name"], name="algorithm_name_unique"),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "backtested", "paper", "live", "archived"]),
                name="algorithm_status_known",
            ),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"


class Promotion(models.Model):
    """A step of an algorithm towards live money: who asked, on what grounds, and who decided."""

    class Target(models.TextChoices):
        PAPER = "paper"
        LIVE = "live"

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"

    algorithm = models.ForeignKey(Algorithm, models.PROTECT, related_name="promotions")
    version = models.PositiveIntegerField(help_text="The algorithm's when it was asked for.")
    code_digest = models.CharField(max_length=64)
    target = models.CharField(max_length=5, choices=Target)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    grounds = models.JSONField(default=dict, help_text="What spoke for it when it was asked for.")
    notes = models.CharField(max_length=500, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=clock.now, editable=False)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        permissions = (("approve_promotion", "Can let another's algorithm trade live"),)
        constraints = (
            models.UniqueConstraint(
                fields=["algorithm"], condition=Q(status="pending"), name="promotion_one_pending"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "approved", "rejected"]) & Q(target__in=["paper", "live"]),
                name="promotion_known",
            ),
            models.CheckConstraint(
                condition=~Q(target="live", status="approved")
                | Q(decided_by__isnull=False) & ~Q(decided_by=F("requested_by")),
                name="promotion_by_two",
            ),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.algorithm_id} to {self.target}: {self.status}"
