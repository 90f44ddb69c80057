"""What happened at the venue, and what it leaves an account holding."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q

from apps.trading.models.account import Account
from apps.trading.models.order import LEDGERS, Ledger, Order
from apps.trading.querysets import FillQuerySet
from ohmycoins.core.fields import AudField, PriceField, QuantityField, not_negative, positive
from ohmycoins.core.money import plain


class Fill(models.Model):
    """Coins that changed hands, at a price, for a fee."""

    class Side(models.TextChoices):
        BUY = "buy"
        SELL = "sell"

    class Kind(models.TextChoices):
        """What made the coins change hands; all but a trade come from imported history and move no cash."""

        TRADE = "trade"
        INTEREST = "interest"
        MINING = "mining"
        AIRDROP = "airdrop"
        STAKING = "staking"
        HARDFORK = "hardfork"
        WAGES = "wages"
        GIFT = "gift"
        DONATE = "donate"
        TRANSFER_FEE = "transfer_fee"
        FEE_PAID_IN_COIN = "fee_paid_in_coin"

    account = models.ForeignKey(Account, models.PROTECT, related_name="fills", db_index=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="fills", null=True)
    algorithm_id = models.BigIntegerField(null=True, blank=True)
    ledger = models.CharField(
        max_length=8,
        blank=True,
        default="",
        db_default="",
        choices=Ledger,
        help_text="What its order rested on.",
    )
    coin_type = models.CharField(max_length=20)
    side = models.CharField(max_length=4, choices=Side)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.TRADE, db_default="trade")
    quantity = QuantityField()
    price = PriceField(help_text="AUD per coin.")
    value_aud = AudField(help_text="Quantity × price, rounded once.")
    fee_aud = AudField(default=0)
    executed_at = models.DateTimeField()
    sequence = models.BigIntegerField(
        default=0, db_default=0, help_text="The source's own order among fills of one instant."
    )
    venue_fill_id = models.CharField(max_length=80, help_text="The venue's id, or a digest of what it said.")

    objects: ClassVar[FillQuerySet] = FillQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (
            models.Index(fields=["account", "executed_at", "id"], name="fill_account_executed"),
            models.Index(
                fields=["account", "coin_type", "executed_at", "sequence", "venue_fill_id"],
                name="fill_coin_in_order",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=["account", "venue_fill_id"], name="fill_venue_id"),
            models.CheckConstraint(condition=Q(side__in=["buy", "sell"]), name="fill_side_known"),
            models.CheckConstraint(condition=Q(ledger__in=["", *LEDGERS]), name="fill_ledger_known"),
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
