"""Sales and other departures of coins, and the lots they closed."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.pnl.models.lot import Lot, one_source
from apps.pnl.querysets import ClosingQuerySet
from apps.trading.models import Account, Fill, Movement
from apps.trading.models.order import Ledger
from ohmycoins.core.fields import AudField, QuantityField, not_negative, positive
from ohmycoins.core.money import plain


class Closing(models.Model):
    """One sale: what it brought after its fee, what those coins had cost, and what no lot explains.

    Coins that left by no sale close lots too, at their cost, so that nothing is earned.
    """

    fill = models.OneToOneField(Fill, models.PROTECT, null=True, related_name="closing")
    movement = models.OneToOneField(Movement, models.PROTECT, null=True, related_name="closing")
    account = models.ForeignKey(Account, models.PROTECT, related_name="closings", db_index=False)
    algorithm_id = models.BigIntegerField(null=True, blank=True, help_text="Who sold; null = manual.")
    ledger = models.CharField(max_length=8, blank=True, default="", db_default="", choices=Ledger)
    coin_type = models.CharField(max_length=20)
    quantity = QuantityField()
    unmatched_quantity = QuantityField(default=0)
    unmatched_proceeds = AudField(default=0)
    proceeds = AudField(help_text="Of the matched part, fee taken off.")
    cost = AudField()
    realized_pnl = AudField()
    fee_aud = AudField()
    closed_at = models.DateTimeField()

    objects: ClassVar[ClosingQuerySet] = ClosingQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (
            models.Index(fields=["account", "closed_at", "id"], name="closing_account_closed"),
            models.Index(
                fields=["account", "closed_at"],
                condition=Q(unmatched_quantity__gt=0),
                name="closing_unmatched",
            ),
        )
        constraints = (
            models.CheckConstraint(condition=one_source(), name="closing_one_source"),
            models.CheckConstraint(
                condition=positive("quantity") & not_negative("unmatched_quantity")
                & Q(unmatched_quantity__lte=F("quantity")) & Q(realized_pnl=F("proceeds") - F("cost")),
                name="closing_adds_up",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{plain(self.quantity)} {self.coin_type}: {plain(self.realized_pnl)}"


class Match(models.Model):
    """The part of a lot that one sale closed, rounded once."""

    closing = models.ForeignKey(Closing, models.CASCADE, related_name="matches")
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="matches")
    account = models.ForeignKey(Account, models.PROTECT, related_name="matches", db_index=False)
    algorithm_id = models.BigIntegerField(null=True, blank=True, help_text="The book that opened the lot.")
    ledger = models.CharField(
        max_length=8,
        blank=True,
        default="",
        db_default="",
        choices=Ledger,
        help_text="What the lot rested on.",
    )
    coin_type = models.CharField(max_length=20)
    quantity = QuantityField()
    cost = AudField()
    proceeds = AudField()
    realized_pnl = AudField()
    acquired_at = models.DateTimeField()
    disposed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "matches"
        indexes = (
            models.Index(fields=["account", "disposed_at", "id"], name="match_account_disposed"),
            models.Index(fields=["account", "coin_type", "disposed_at"], name="match_account_coin"),
        )
        constraints = (
            models.UniqueConstraint(fields=["closing", "lot"], name="match_once"),
            models.CheckConstraint(
                condition=positive("quantity") & Q(realized_pnl=F("proceeds") - F("cost")),
                name="match_adds_up",
            ),
        )

    def __str__(self) -> str:
        return f"{plain(self.quantity)} {self.coin_type}: {plain(self.realized_pnl)}"
