"""Incidents: invariants that were found broken."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.monitoring.querysets import IncidentQuerySet


class Incident(models.Model):
    """Something that must never be, as long as it was so; never edited away, only seen to be over."""

    name = models.CharField(max_length=40, help_text="The invariant's.")
    account_id = models.BigIntegerField(null=True)
    order_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=200, blank=True, help_text="What it is about, such as lot:5.")
    what = models.TextField(help_text="As last seen.")
    evidence = models.JSONField(default=dict, help_text="The rows that it was found in, as they were.")
    found_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When it last was so.")
    resolved_at = models.DateTimeField(null=True)
    braked_at = models.DateTimeField(null=True, help_text="When its account was let sell only because of it.")

    objects: ClassVar[IncidentQuerySet] = IncidentQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (models.Index(fields=["found_at", "id"], name="incident_found"),)
        constraints = (
            models.UniqueConstraint(
                fields=["name", "account_id", "order_id", "subject"], condition=Q(resolved_at=None), nulls_distinct=False,
                name="incident_open_once",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"
