"""Brakes: what lets orders only sell, by itself, until its cause is gone."""

from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.trading.models.account import Account
from apps.trading.querysets import BrakeQuerySet
from ohmycoins.core import clock


class Brake(models.Model):
    """Holds back purchases of all orders that match every column of `user`, `account`, `algorithm_id` and `coin_type`
    that is not empty. Engaged and released by what watches (`services.brakes`); an emergency stop is a person's.
    """

    kind = models.SlugField(max_length=30, help_text="What engaged it, such as cooldown.")
    cause = models.CharField(
        max_length=100, help_text="Tells it from others of its kind: engaged once a cause."
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="brakes"
    )
    account = models.ForeignKey(Account, models.PROTECT, null=True, blank=True, related_name="brakes")
    algorithm_id = models.BigIntegerField(null=True, blank=True)
    coin_type = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=300)
    inputs = models.JSONField(default=dict, help_text="The figures that it was engaged by.")
    engaged_at = models.DateTimeField(default=clock.now)
    engaged_by = models.CharField(max_length=60)
    until = models.DateTimeField(
        null=True, blank=True, help_text="When it ends by itself; empty: when released."
    )
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.CharField(max_length=60, blank=True)
    release_reason = models.CharField(max_length=300, blank=True)

    objects: ClassVar[BrakeQuerySet] = BrakeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["until", "id"], condition=Q(released_at=None), name="brake_engaged"),
            models.Index(fields=["kind", "cause"], name="brake_cause"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["kind", "cause"], condition=Q(released_at=None), name="brake_once_a_cause"
            ),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"

    def is_engaged(self, now: datetime) -> bool:
        """Tell whether it holds back purchases."""
        return self.released_at is None and (self.until is None or self.until > now)
