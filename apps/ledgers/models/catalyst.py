"""The Catalyst ledger: events that move prices."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from apps.ledgers.models.entry import Item


class CatalystEvent(Item):
    """A filing, or an exchange's announcement, with how much it may matter (1 to 10)."""

    event_type = models.CharField(max_length=50)
    title = models.TextField()
    description = models.TextField(blank=True)
    source = models.CharField(max_length=100, help_text="Who filed or announced it.")
    url = models.URLField(max_length=2000)
    currencies = ArrayField(models.CharField(max_length=20), default=list)
    impact_score = models.PositiveSmallIntegerField()

    class Meta(Item.Meta):
        indexes = (
            *Item.indexes("catalyst"),
            models.Index(fields=["event_type", "-occurred_at", "-id"], name="catalyst_event_type"),
            GinIndex(fields=["currencies"], name="catalyst_currencies"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(impact_score__gte=1) & Q(impact_score__lte=10), name="catalyst_impact_1_to_10"
            ),
        )

    def __str__(self) -> str:
        return self.title[:80]
