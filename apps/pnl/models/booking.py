"""Books that could not be kept yet, and costs that only a person knows."""

from typing import ClassVar

import pgtrigger
from django.db import models

from apps.trading.models import Account, Fill, Movement
from ohmycoins.core import clock
from ohmycoins.core.fields import AudField, QuantityField, not_negative
from ohmycoins.core.money import plain


class BookingFailure(models.Model):
    """A coin whose book lacks something recorded, written in the same transaction; gone once it is rebuilt.

    Without a coin it is the account's past that could not be valued.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="booking_failures", db_index=False)
    coin_type = models.CharField(max_length=20, blank=True)
    since = models.DateTimeField(help_text="When the first thing happened that it lacks.")
    fill = models.ForeignKey(Fill, models.PROTECT, null=True, related_name="+", help_text="The first one.")
    error = models.CharField(max_length=500)
    attempts = models.PositiveIntegerField(default=1)
    next_at = models.DateTimeField(db_index=True)
    failed_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["account", "coin_type"], name="booking_failure_one_a_coin"),
        )

    def __str__(self) -> str:
        return f"{self.coin_type} of account {self.account_id}: {self.error}"


class GivenCost(models.Model):
    """What somebody says that coins cost which came by no purchase; the newest word counts.

    As long as it is about so many coins: imported history may explain some of an opening balance later.
    """

    movement = models.ForeignKey(Movement, models.PROTECT, related_name="given_costs")
    quantity = QuantityField(help_text="How many coins it was said of.")
    cost_aud = AudField(help_text="Of all of them.")
    acquired_at = models.DateTimeField(null=True, help_text="When they were bought; empty = when they came.")
    given_by = models.CharField(max_length=80)
    given_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=not_negative("cost_aud"), name="given_cost_not_negative"),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"A${plain(self.cost_aud)} for {self.movement}"
