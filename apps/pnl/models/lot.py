"""Lots: what is held and what it cost."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.pnl.querysets import LotQuerySet
from apps.trading.models import Account, Fill
from ohmycoins.core.fields import AudField, QuantityField, not_negative, positive
from ohmycoins.core.money import plain


class Lot(models.Model):
    """The coins of one purchase; its cost includes the fee."""

    fill = models.OneToOneField(Fill, models.PROTECT, related_name="lot")
    account = models.ForeignKey(Account, models.PROTECT, related_name="lots", db_index=False)
    algorithm_id = models.BigIntegerField(
        null=True, blank=True, help_text="Whose book it is in; null = manual."
    )
    coin_type = models.CharField(max_length=20)
    quantity = QuantityField()
    remaining_quantity = QuantityField()
    cost = AudField()
    remaining_cost = AudField()
    fee_aud = AudField()
    acquired_at = models.DateTimeField()

    objects: ClassVar[LotQuerySet] = LotQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (
            models.Index(
                fields=["account", "coin_type", "acquired_at", "id"],
                condition=Q(remaining_quantity__gt=0), name="lot_open",
            ),
            models.Index(fields=["account", "acquired_at", "id"], name="lot_account_acquired"),
        )  # fmt: skip
        constraints = (
            models.CheckConstraint(
                condition=positive("quantity") & not_negative("remaining_quantity") & not_negative("cost")
                & not_negative("remaining_cost") & Q(remaining_quantity__lte=F("quantity"))
                & Q(remaining_cost__lte=F("cost")),
                name="lot_within_its_purchase",
            ),
            models.CheckConstraint(
                condition=Q(remaining_quantity__gt=0) | Q(remaining_cost=0), name="lot_closed_costs_nothing"
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{plain(self.remaining_quantity)} of {plain(self.quantity)} {self.coin_type}"


class Position(models.Model):
    """What the open lots of one coin in one book add up to; kept by the booking of each fill."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="positions", db_index=False)
    algorithm_id = models.BigIntegerField(null=True, blank=True)
    coin_type = models.CharField(max_length=20)
    quantity = QuantityField()
    cost = AudField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["account", "coin_type", "algorithm_id"],
                nulls_distinct=False,
                name="position_one_a_book",
            ),
            models.CheckConstraint(
                condition=not_negative("quantity") & not_negative("cost"), name="position_not_negative"
            ),
        )

    def __str__(self) -> str:
        return f"{plain(self.quantity)} {self.coin_type}"
