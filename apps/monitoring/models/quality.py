"""Data quality as it was measured, and the prices that it could not believe."""

from typing import ClassVar

from django.db import models

from apps.monitoring.querysets import QualityQuerySet


class QualityCheck(models.Model):
    """One look at the ledgers; scores are 0 to 1 (`apps.monitoring.quality`)."""

    checked_at = models.DateTimeField(unique=True)
    overall = models.FloatField()
    completeness = models.FloatField()
    timeliness = models.FloatField()
    accuracy = models.FloatField()
    ledgers = models.JSONField(help_text="By ledger: the three scores, newest_at, and each source's.")
    issues = models.JSONField(default=list)
    warnings = models.JSONField(default=list)
    info = models.JSONField(default=list)

    objects: ClassVar[QualityQuerySet] = QualityQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-checked_at",)

    def __str__(self) -> str:
        return f"{self.checked_at:%Y-%m-%d %H:%M}: {self.overall:.2f}"


class Outlier(models.Model):
    """A price that jumped by more than a robust bound against its own market's past."""

    price_id = models.BigIntegerField(unique=True, help_text="The ledger's row.")
    coin_type = models.CharField(max_length=20)
    market = models.CharField(max_length=20, default="AUD")
    occurred_at = models.DateTimeField()
    before = models.DecimalField(max_digits=38, decimal_places=18, help_text="The price that it jumped from.")
    last = models.DecimalField(max_digits=38, decimal_places=18)
    score = models.FloatField(help_text="How many robust standard deviations the jump was.")
    bound = models.FloatField(help_text="How many were allowed.")
    found_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[tuple[models.Index, ...]] = (
            models.Index(fields=["-occurred_at", "-id"], name="outlier_occurred"),
        )

    def __str__(self) -> str:
        return f"{self.coin_type}/{self.market} {self.occurred_at:%Y-%m-%d %H:%M}"
