"""Incidents: invariants that were found broken."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.monitoring.querysets import IncidentQuerySet


class Incident(models.Model):
    """Something that must never be, as long as it was so; never edited away, only seen to be over, or accepted."""

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
    accepted_at = models.DateTimeField(null=True, help_text="When a person said that it may stand.")
    accepted_by = models.CharField(max_length=60, blank=True)
    accept_reason = models.CharField(max_length=300, blank=True)

    objects: ClassVar[IncidentQuerySet] = IncidentQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (models.Index(fields=["found_at", "id"], name="incident_found"),)
        constraints = (
            models.UniqueConstraint(
                fields=["name", "account_id", "order_id", "subject"], condition=Q(resolved_at=None), nulls_distinct=False,
                name="incident_open_once",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None, accepted_by="", accept_reason="")
                | (Q(accepted_at__isnull=False) & ~Q(accepted_by="") & ~Q(accept_reason="")),
                name="incident_accepted_by_someone_for_a_reason",
            ),
        )  # fmt: skip
        permissions = (("accept_incident", "Can accept an incident that cannot be mended"),)

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"
