"""Invariants that were found broken."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.monitoring.querysets import BreachQuerySet


class Breach(models.Model):
    """Something that must never be, as long as it was so; never edited away, only seen to be over."""

    name = models.CharField(max_length=40, help_text="The invariant's.")
    account_id = models.BigIntegerField(null=True)
    order_id = models.BigIntegerField(null=True)
    what = models.TextField()
    found_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When it last was so.")
    resolved_at = models.DateTimeField(null=True)

    objects: ClassVar[BreachQuerySet] = BreachQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name_plural = "breaches"
        indexes = (models.Index(fields=["found_at", "id"], name="breach_found"),)
        constraints = (
            models.UniqueConstraint(
                fields=["name", "account_id", "order_id", "what"], condition=Q(resolved_at=None), nulls_distinct=False,
                name="breach_open_once",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"
