"""Record each time a collector ran."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.ledgers.models.source import Source
from apps.ledgers.querysets import CollectionRunQuerySet
from ohmycoins.core import clock


class CollectionRun(models.Model):
    """One run of one collector; while it is running the row is the collector's lock."""

    class Status(models.TextChoices):
        RUNNING = "running"
        SUCCESS = "success"
        PARTIAL = "partial"
        FAILED = "failed"
        SKIPPED = "skipped"

    source = models.ForeignKey(Source, models.CASCADE, related_name="runs", db_index=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField(default=clock.now)
    lease_until = models.DateTimeField(help_text="After this a running row belongs to a dead worker.")
    finished_at = models.DateTimeField(null=True, blank=True)
    fetched = models.PositiveIntegerField(default=0)
    stored = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    unpriced = models.PositiveIntegerField(default=0, help_text='Markets that the venue itself prices "NaN".')
    error = models.TextField(blank=True)
    sample = models.BinaryField(null=True, help_text="The first 64 KiB of a page that could not be read.")

    objects: ClassVar[CollectionRunQuerySet] = CollectionRunQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (models.Index(fields=["source", "-started_at", "-id"], name="run_source_started"),)
        constraints = (
            models.UniqueConstraint(
                fields=["source"], condition=Q(status="running"), name="run_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(status="running", finished_at=None)
                | (~Q(status="running") & Q(finished_at__isnull=False)),
                name="run_finished_unless_running",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["running", "success", "partial", "failed", "skipped"]),
                name="run_status_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.source_id} {self.started_at:%Y-%m-%d %H:%M:%S} {self.status}"
