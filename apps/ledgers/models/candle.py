"""Candles: what each market did in 5 minutes, an hour, a day."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.ledgers.models.entry import Entry
from apps.ledgers.querysets import EntryQuerySet
from ohmycoins.core.fields import PriceField, QuantityField, positive


class Candle(Entry):
    """A market's prices within [occurred_at, occurred_at + interval); a gap has no candle.

    Derived from the `last` of recorded prices once the interval is over, or backfilled from a file.
    """

    class Interval(models.TextChoices):
        FIVE_MINUTES = "5min"
        HOUR = "hour"
        DAY = "day"

    coin_type = models.CharField(max_length=20)
    market = models.CharField(max_length=20, default="AUD")
    interval = models.CharField(max_length=5, choices=Interval)
    open = PriceField()
    high = PriceField()
    low = PriceField()
    close = PriceField()
    volume = QuantityField(null=True, help_text="Coins traded, where a backfilled file says so.")
    readings = models.PositiveIntegerField(
        null=True, help_text="How many prices it is made of; null from a file."
    )

    objects: ClassVar[EntryQuerySet] = EntryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(Entry.Meta):
        indexes = (models.Index(fields=["interval", "-occurred_at", "-id"], name="candle_interval"),)
        constraints = (
            models.UniqueConstraint(
                fields=["coin_type", "market", "interval", "occurred_at"], name="candle_one_an_interval"
            ),
            models.CheckConstraint(
                condition=positive("low")
                & positive("high")
                & Q(low__lte=F("open"), high__gte=F("open"))
                & Q(low__lte=F("close"), high__gte=F("close")),
                name="candle_low_to_high",
            ),
        )

    def __str__(self) -> str:
        return f"{self.coin_type}/{self.market} {self.interval} {self.occurred_at:%Y-%m-%d %H:%M}"
