"""Give every ledger entry its times and make it append-only."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from apps.ledgers.querysets import ItemQuerySet

KNOWN_AT = Coalesce("available_at", "observed_at")
"""When an entry became known, or would have been: what backtests go by."""


class Entry(models.Model):
    """A fact as a source gave it, never edited: a change is a new entry."""

    class Origin(models.TextChoices):
        OBSERVED = "observed"
        BACKFILL = "backfill"
        SEED = "seed"

    run = models.ForeignKey(
        "ledgers.CollectionRun", models.PROTECT, null=True, editable=False, db_index=False
    )
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.OBSERVED)
    occurred_at = models.DateTimeField(help_text="The source's own time (UTC).")
    observed_at = models.DateTimeField(help_text="When we knew (UTC).")
    available_at = models.DateTimeField(
        null=True, help_text="For backfilled entries: when it would have been known. Only backtests read it."
    )

    class Meta:
        abstract = True
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]


class Item(Entry):
    """An entry about something that its source may restate: each version is a row of its own."""

    collector = models.ForeignKey(
        "ledgers.Source", models.PROTECT, related_name="+", editable=False, db_index=False
    )
    item = models.CharField(
        max_length=500, help_text="What the source calls it: one identity, many versions."
    )
    digest = models.CharField(
        max_length=32, editable=False, help_text="Of what the source said; a version differs from the last."
    )

    objects: ClassVar[ItemQuerySet] = ItemQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(Entry.Meta):
        abstract = True

    @staticmethod
    def indexes(name: str) -> tuple[models.Index, ...]:
        """Give the indexes that every ledger of items needs: its list, an item's newest version, what became known, and a source's newest."""
        return (
            models.Index(KNOWN_AT, "id", name=f"{name}_known"),
            models.Index(fields=["-occurred_at", "-id"], name=f"{name}_occurred"),
            models.Index(fields=["collector", "item", "-id"], name=f"{name}_item"),
            models.Index(
                fields=["collector", "-observed_at"], name=f"{name}_newest", condition=~Q(origin="backfill")
            ),
        )
