"""Remember what was deleted, so that nobody is told a past that is no longer whole."""

from typing import ClassVar

from django.db import models

from ohmycoins.core import clock


class Cut(models.Model):
    """A ledger's entries before a moment were deleted; nothing earlier can be answered as of."""

    table = models.CharField(max_length=50)
    before = models.DateTimeField(help_text="Entries that occurred before this are gone (UTC).")
    deleted = models.PositiveBigIntegerField()
    reason = models.CharField(max_length=200)
    made_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes: ClassVar[tuple[models.Index, ...]] = (
            models.Index(fields=["table", "-before"], name="cut_table_before"),
        )

    def __str__(self) -> str:
        return f"{self.table} before {self.before:%Y-%m-%d}"
