"""Give every ledger entry its times and make it append-only."""

from typing import ClassVar

import pgtrigger
from django.db import models


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
