"""The Exchange ledger: prices and depth, and the latest of each market."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Func, Q
from django.db.models.lookups import LessThanOrEqual

from apps.ledgers.models.entry import Entry
from apps.ledgers.querysets import EntryQuerySet, LatestDepthQuerySet, LatestPriceQuerySet
from apps.ledgers.records import DEEPEST
from ohmycoins.core.fields import PriceField, positive


class Quotes(models.Model):
    """The columns that describe a market at a moment, in the market's coin per one coin."""

    coin_type = models.CharField(max_length=20)
    market = models.CharField(max_length=20, default="AUD")
    bid = PriceField()
    ask = PriceField()
    last = PriceField()

    class Meta:
        abstract = True


class Price(Quotes, Entry):
    """What a market's prices were in one minute; the minute's first reading stands."""

    crossed = models.BooleanField(default=False, help_text="Bid above ask, kept as the venue gave it.")

    objects: ClassVar[EntryQuerySet] = EntryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(Entry.Meta):
        indexes = (models.Index(fields=["occurred_at", "id"], name="price_occurred"),)
        constraints = (
            models.UniqueConstraint(fields=["coin_type", "market", "occurred_at"], name="price_one_a_minute"),
            models.CheckConstraint(
                condition=positive("bid") & positive("ask") & positive("last"), name="price_positive"
            ),
            models.CheckConstraint(
                condition=Q(crossed=True, bid__gt=F("ask")) | Q(crossed=False, bid__lte=F("ask")),
                name="price_crossed_is_true",
            ),
        )

    def __str__(self) -> str:
        return f"{self.coin_type}/{self.market} {self.occurred_at:%Y-%m-%d %H:%M}"


class LatestPrice(Quotes):
    """The newest price of each market, kept in step by the transaction that stores prices."""

    price = models.ForeignKey(
        Price, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )  # written with it in one statement
    occurred_at = models.DateTimeField()
    observed_at = models.DateTimeField()

    objects: ClassVar[LatestPriceQuerySet] = LatestPriceQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("coin_type", "market")
        constraints = (
            models.UniqueConstraint(fields=["coin_type", "market"], name="latest_price_one_a_market"),
        )

    def __str__(self) -> str:
        return f"{self.coin_type}/{self.market}"


def _levels(side: str) -> LessThanOrEqual:
    """Give the CHECK that a side is a list, and not longer than is kept."""
    return LessThanOrEqual(
        Func(F(side), function="jsonb_array_length", output_field=models.IntegerField()), DEEPEST
    )


class Depth(Entry):
    """The top of a market's order book, written when it differs from what was last seen of it.

    `bids` (dearest first) and `asks` (cheapest first) are lists of [price, quantity], each a plain
    decimal string; orders at one price are one level.
    """

    coin_type = models.CharField(max_length=20)
    market = models.CharField(max_length=20, default="AUD")
    bids = models.JSONField()
    asks = models.JSONField()
    crossed = models.BooleanField(
        default=False, help_text="Best bid above best ask, kept as the venue gave it."
    )

    objects: ClassVar[EntryQuerySet] = EntryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta(Entry.Meta):
        verbose_name_plural = "depth"
        indexes = (models.Index(fields=["occurred_at", "id"], name="depth_occurred"),)
        constraints = (
            models.UniqueConstraint(fields=["coin_type", "market", "occurred_at"], name="depth_one_a_minute"),
            models.CheckConstraint(condition=_levels("bids"), name="depth_bids_are_levels"),
            models.CheckConstraint(condition=_levels("asks"), name="depth_asks_are_levels"),
        )

    def __str__(self) -> str:
        return f"{self.coin_type}/{self.market} {self.occurred_at:%Y-%m-%d %H:%M}"


class LatestDepth(models.Model):
    """The newest depth of each market, and when it was last seen to be so."""

    coin_type = models.CharField(max_length=20)
    market = models.CharField(max_length=20, default="AUD")
    depth = models.ForeignKey(Depth, models.PROTECT, related_name="+", db_index=False)
    seen_at = models.DateTimeField(help_text="When the order book was last read, changed or not (UTC).")

    objects: ClassVar[LatestDepthQuerySet] = LatestDepthQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name_plural = "latest depth"
        ordering = ("coin_type", "market")
        constraints = (
            models.UniqueConstraint(fields=["coin_type", "market"], name="latest_depth_one_a_market"),
        )

    def __str__(self) -> str:
        return f"{self.coin_type}/{self.market}"
