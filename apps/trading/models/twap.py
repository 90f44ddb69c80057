"""Time-weighted orders: a larger order traded in equal slices over time."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.trading.models.account import Account
from apps.trading.models.decision import Decision
from apps.trading.models.order import Order
from apps.trading.querysets import TwapQuerySet
from ohmycoins.core import clock
from ohmycoins.core.fields import AudField, QuantityField, positive


class Twap(models.Model):
    """An order in slices; each slice is an ordinary market order under all limits."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        DONE = "done"
        CANCELLED = "cancelled"
        DENIED = "denied", "denied: a slice was, and the rest is not tried"

    account = models.ForeignKey(Account, models.PROTECT, related_name="twaps")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    decision = models.OneToOneField(Decision, models.PROTECT, null=True, related_name="twap")
    coin_type = models.CharField(max_length=20)
    side = models.CharField(max_length=4, choices=Order.Side)
    quantity = QuantityField(null=True, help_text="Coins to trade in all.")
    amount_aud = AudField(null=True, help_text="For a buy: what to spend in all, fees included.")
    slices = models.PositiveSmallIntegerField()
    slice_seconds = models.PositiveIntegerField()
    placed = models.PositiveSmallIntegerField(default=0, help_text="Slices that became orders.")
    status = models.CharField(max_length=9, choices=Status, default=Status.ACTIVE)
    reason = models.CharField(max_length=300, blank=True)
    next_at = models.DateTimeField(null=True, help_text="When the next slice is due; empty once it ended.")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[TwapQuerySet] = TwapQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (models.Index(fields=["next_at"], condition=Q(status="active"), name="twap_due"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(status__in=["active", "done", "cancelled", "denied"], side__in=["buy", "sell"]),
                name="twap_known",
            ),
            models.CheckConstraint(
                condition=Q(slices__gte=1, slice_seconds__gte=1, placed__lte=F("slices"))
                & (
                    Q(amount_aud=None, quantity__isnull=False) & positive("quantity")
                    | Q(quantity=None, amount_aud__isnull=False, side="buy") & positive("amount_aud")
                ),
                name="twap_sized",
            ),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.side} {self.coin_type} {self.placed}/{self.slices}"
