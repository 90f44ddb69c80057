"""Remember how far each collector has come."""

from typing import ClassVar

from django.db import models

from apps.ledgers.querysets import SourceQuerySet


class Source(models.Model):
    """A collector as operators see it: switched on or off, and read up to a watermark."""

    class Ledger(models.TextChoices):
        EXCHANGE = "exchange"
        GLASS = "glass"
        HUMAN = "human"
        CATALYST = "catalyst"

    name = models.SlugField(max_length=50, primary_key=True)
    ledger = models.CharField(max_length=10, choices=Ledger)
    enabled = models.BooleanField(default=True)
    watermark = models.DateTimeField(
        null=True, blank=True, help_text="Everything up to here has been collected (UTC)."
    )
    paused_until = models.DateTimeField(
        null=True, blank=True, help_text="The source lets nobody in before then; set by a run (UTC)."
    )
    paused_reason = models.CharField(max_length=200, blank=True)
    backfilled = models.JSONField(
        default=dict,
        editable=False,
        help_text="Each part of its past that was collected: since when, and until when.",
    )
    records_stored = models.PositiveBigIntegerField(
        default=0, help_text="Entries stored since the beginning."
    )

    objects: ClassVar[SourceQuerySet] = SourceQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = "collector"
        ordering = ("name",)
        permissions = (("operate_source", "Can trigger, enable and disable collectors"),)

    def __str__(self) -> str:
        return self.name
