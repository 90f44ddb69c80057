"""Each five-minute look at everything, and the points in time that figures are counted from."""

from typing import ClassVar

from django.db import models

from ohmycoins.core import clock


class Round(models.Model):
    """One round of watching: what each part took, and which could not be done."""

    started_at = models.DateTimeField(unique=True)
    took_ms = models.PositiveIntegerField()
    parts = models.JSONField(default=dict, help_text="Milliseconds by part.")
    failed = models.JSONField(default=dict, help_text="What each part that failed says.")

    class Meta:
        ordering = ("-started_at",)
        permissions = (("view_metrics", "Can read /metrics"),)

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M:%S}: {self.took_ms} ms"


class MetricsMark(models.Model):
    """A point in time from which collectors' figures are counted; what was before stays where it is."""

    at = models.DateTimeField(default=clock.now)
    made_by = models.CharField(max_length=60)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-at",)
        verbose_name = "start of collector figures"
        verbose_name_plural = "collector figures"
        indexes: ClassVar[tuple[models.Index, ...]] = (models.Index(fields=["-at"], name="mark_at"),)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
