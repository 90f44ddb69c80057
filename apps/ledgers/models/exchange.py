"""The Exchange ledger: prices, and the latest of each market."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.ledgers.models.entry import Entry
from apps.ledgers.querysets import EntryQuerySet, LatestPriceQuerySet
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
