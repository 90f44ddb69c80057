"""Deployments: algorithms on a schedule, in an account, within limits."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.trading.models.account import Account
from apps.trading.models.algorithm import Algorithm
from apps.trading.querysets import DeploymentQuerySet
from ohmycoins.core import clock
from ohmycoins.core.fields import AudField, positive


class Deployment(models.Model):
    """An algorithm that runs in an account; its book there is the algorithm's, so an account has it once."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        STOPPED = "stopped"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="deployments")
    account = models.ForeignKey(Account, models.PROTECT, related_name="deployments")
    algorithm = models.ForeignKey(Algorithm, models.PROTECT, related_name="deployments")
    frequency = models.CharField(max_length=100, help_text="interval:5:minutes, or cron:0 */4 * * * (UTC).")
    parameters = models.JSONField(default=dict, help_text="Complete: the algorithm's, with its own on top.")
    position_limit_aud = AudField(
        null=True, blank=True, help_text="The most that its coins may be worth together."
    )
    daily_loss_limit_aud = AudField(
        null=True, blank=True, help_text="What it may lose in a local day before it buys nothing more."
    )
    slices = models.PositiveSmallIntegerField(
        default=1, help_text="In how many equal orders it trades; 1 = at once."
    )
    slice_seconds = models.PositiveIntegerField(default=60, help_text="How far apart these orders are.")
    status = models.CharField(max_length=7, choices=Status, default=Status.ACTIVE)
    status_reason = models.CharField(max_length=300, blank=True)
    next_run_at = models.DateTimeField(null=True, help_text="When it is due next; empty unless active (UTC).")
    runs = models.PositiveIntegerField(default=0, help_text="Decisions made, failed ones counted.")
    failures = models.PositiveIntegerField(default=0)
    failures_in_row = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    last_run_at = models.DateTimeField(null=True)
    day = models.DateField(null=True, editable=False, help_text="The local day that its losses are of.")
    day_value_aud = AudField(null=True, editable=False, help_text="What its book was worth when that began.")
    day_began_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects: ClassVar[DeploymentQuerySet] = DeploymentQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=["next_run_at", "id"], condition=Q(status="active"), name="deployment_due"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["account", "algorithm"], condition=~Q(status="stopped"), name="deployment_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "paused", "stopped"]), name="deployment_status_known"
            ),
            models.CheckConstraint(
                condition=(Q(position_limit_aud=None) | positive("position_limit_aud"))
                & (Q(daily_loss_limit_aud=None) | positive("daily_loss_limit_aud"))
                & Q(slices__gte=1, slice_seconds__gte=1),
                name="deployment_limits_positive",
            ),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.algorithm_id} in account {self.account_id}: {self.status}"
