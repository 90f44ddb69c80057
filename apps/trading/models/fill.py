"""What happened at the venue, and what it leaves an account holding."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q

from apps.trading.models.account import Account
from apps.trading.models.order import Order
from ohmycoins.core.fields import AudField, PriceField, QuantityField, not_negative, positive
from ohmycoins.core.money import plain


class Fill(models.Model):
    """Coins that changed hands, at a price, for a fee."""

    class Side(models.TextChoices):
        BUY = "buy"
        SELL = "sell"

    account = models.ForeignKey(Account, models.PROTECT, related_name="fills", db_index=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="fills", null=True)
    algorithm_id = models.BigIntegerField(null=True, blank=True)
    coin_type = models.CharField(max_length=20)
    side = models.CharField(max_length=4, choices=Side)
    quantity = QuantityField()
    price = PriceField(help_text="AUD per coin.")
    value_aud = AudField(help_text="Quantity × price, rounded once.")
    fee_aud = AudField(default=0)
    executed_at = models.DateTimeField()
    venue_fill_id = models.CharField(max_length=80, help_text="The venue's id, or a digest of what it said.")

    class Meta:
        indexes = (
            models.Index(fields=["account", "executed_at", "id"], name="fill_account_executed"),
            models.Index(fields=["account", "coin_type", "executed_at", "id"], name="fill_account_coin"),
        )
        constraints = (
            models.UniqueConstraint(fields=["account", "venue_fill_id"], name="fill_venue_id"),
            models.CheckConstraint(condition=Q(side__in=["buy", "sell"]), name="fill_side_known"),
            models.CheckConstraint(
                condition=positive("quantity") & not_negative("price") & not_negative("value_aud"),
                name="fill_positive",
            ),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.side} {plain(self.quantity)} {self.coin_type} @ {plain(self.price)}"


class Holding(models.Model):
    """Coins that a book of an account holds by its fills; what safety counts with."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="holdings", db_index=False)
    algorithm_id = models.BigIntegerField(null=True, blank=True)
    coin_type = models.CharField(max_length=20)
    quantity = QuantityField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["account", "coin_type", "algorithm_id"],
                nulls_distinct=False,
                name="holding_one_a_book",
            ),
        )

    def __str__(self) -> str:
        return f"{plain(self.quantity)} {self.coin_type}"
