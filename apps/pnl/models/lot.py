"""Lots: what is held and what it cost.

A lot knows its fill, a fill its order, an order the decision it follows from, and a decision the ledger rows it
rested on (`trading.models.Evidence`). So first in, first out also says which row opened what a sale closed:
`services.attribution` shares results out along that chain.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.pnl.querysets import LotQuerySet
from apps.trading.models import Account, Fill, Movement
from apps.trading.models.order import Ledger
from ohmycoins.core.fields import AudField, QuantityField, not_negative, positive
from ohmycoins.core.money import PRICE_STEP, plain


def one_source() -> Q:
    """Give the CHECK that a row comes from a fill, or from a movement of coins."""
    return Q(fill=None) ^ Q(movement=None)


class Lot(models.Model):
    """The coins of one purchase, its cost with the fee; or coins that came without one, at what they were worth."""

    fill = models.OneToOneField(Fill, models.PROTECT, null=True, related_name="lot")
    movement = models.OneToOneField(Movement, models.PROTECT, null=True, related_name="lot")
    account = models.ForeignKey(Account, models.PROTECT, related_name="lots", db_index=False)
    algorithm_id = models.BigIntegerField(
        null=True, blank=True, help_text="Whose book it is in; null = manual."
    )
    ledger = models.CharField(max_length=8, blank=True, default="", db_default="", choices=Ledger)
    coin_type = models.CharField(max_length=20)
    quantity = QuantityField()
    remaining_quantity = QuantityField()
    cost = AudField()
    remaining_cost = AudField()
    fee_aud = AudField()
    acquired_at = models.DateTimeField()
    cost_unknown = models.BooleanField(
        default=False, help_text="The cost is what the coins were worth when they came: nobody gave it."
    )

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
            models.CheckConstraint(condition=one_source(), name="lot_one_source"),
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

    @property
    def unit_cost(self) -> Decimal:
        """Give what one coin cost, AUD, rounded half to even at 18 decimals: to show, never to add up."""
        cost: Decimal = self.cost / self.quantity
        return cost.quantize(PRICE_STEP, ROUND_HALF_EVEN)


class Position(models.Model):
    """A coin in a book: what its open lots add up to, and its results so far; kept by the booking of each fill.

    The rows of a coin differ by book and by the ledger that was traded on. Realised P&L is the row's that
    opened the lots; sales and fees are the row's that traded.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="positions", db_index=False)
    algorithm_id = models.BigIntegerField(null=True, blank=True)
    ledger = models.CharField(max_length=8, blank=True, default="", db_default="", choices=Ledger)
    coin_type = models.CharField(max_length=20)
    quantity = QuantityField(default=0, db_default=0)
    cost = AudField(default=0, db_default=0)
    realized_pnl = AudField(default=0, db_default=0)
    in_kind_aud = AudField(default=0, db_default=0)
    fees = AudField(default=0, db_default=0)
    sales = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["account", "coin_type", "algorithm_id", "ledger"],
                nulls_distinct=False,
                name="position_one_a_book",
            ),
            models.CheckConstraint(
                condition=not_negative("quantity") & not_negative("cost"), name="position_not_negative"
            ),
        )

    def __str__(self) -> str:
        return f"{plain(self.quantity)} {self.coin_type}"
