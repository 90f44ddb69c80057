"""What holds trading back: stops, limits, and what the limits measure."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.trading.models.account import Account
from ohmycoins.core import clock
from ohmycoins.core.fields import AudField, QuantityField, positive


class Stop(models.Model):
    """The emergency stop of one scope. A row stays once it is there; what it says changes."""

    class Scope(models.TextChoices):
        GLOBAL = "global"
        USER = "user"
        ACCOUNT = "account"
        ALGORITHM = "algorithm"
        COIN = "coin"

    class State(models.TextChoices):
        ACTIVE = "active", "active: trading goes on"
        REDUCE_ONLY = "reduce_only", "reduce only: sales of what is held"
        HALTED = "halted", "halted: nothing but cancels"

    scope = models.CharField(max_length=9, choices=Scope)
    target = models.CharField(
        max_length=20, blank=True, help_text="The account's or algorithm's id, or the coin."
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="stops",
        help_text="Whose trading it holds back; everyone's if empty.",
    )  # fmt: skip
    state = models.CharField(max_length=11, choices=State)
    fence = models.BigIntegerField(default=0, help_text="Rises with every change.")
    reason = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField(default=clock.now)
    changed_by = models.CharField(max_length=60)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["scope", "target", "user"], nulls_distinct=False, name="stop_one_a_scope"
            ),
            models.CheckConstraint(
                condition=Q(scope__in=["global", "user", "account", "algorithm", "coin"]),
                name="stop_scope_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["active", "reduce_only", "halted"]), name="stop_state_known"
            ),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"

    @property
    def name(self) -> str:
        """Give the scope as the API spells it, such as `coin:BTC`."""
        return f"{self.scope}:{self.target}" if self.target else self.scope


class Limits(models.Model):
    """An account's safety limits since `set_at`; the latest row counts, the others are history."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="limits", db_index=False)
    max_position_percent = models.DecimalField(max_digits=5, decimal_places=2, default=20)
    max_daily_loss_percent = models.DecimalField(max_digits=5, decimal_places=2, default=5)
    max_algorithm_percent = models.DecimalField(max_digits=5, decimal_places=2, default=30)
    max_order_aud = AudField(null=True, blank=True)
    set_at = models.DateTimeField(default=clock.now, editable=False)
    set_by = models.CharField(max_length=60)

    class Meta:
        verbose_name_plural = "limits"
        indexes = (models.Index(fields=["account", "-id"], name="limits_account"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(max_position_percent__gt=0, max_position_percent__lte=100)
                & Q(max_daily_loss_percent__gt=0, max_daily_loss_percent__lte=100)
                & Q(max_algorithm_percent__gt=0, max_algorithm_percent__lte=100)
                & (Q(max_order_aud=None) | positive("max_order_aud")),
                name="limits_are_shares",
            ),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"limits of account {self.account_id} since {self.set_at:%Y-%m-%d %H:%M}"


class DayStart(models.Model):
    """What an account was worth when its local day began; what the day's loss is measured from."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="day_starts", db_index=False)
    day = models.DateField()
    equity_aud = AudField()
    unpriced = models.JSONField(
        default=dict, help_text="Coins held without a price, which are left out: how many."
    )
    at = models.DateTimeField(
        help_text="When it was measured: at midnight, or as soon after as anyone looked."
    )

    class Meta:
        constraints = (models.UniqueConstraint(fields=["account", "day"], name="day_start_once"),)
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.day} of account {self.account_id}"


class VolatileMarket(models.Model):
    """A coin whose market an operator marked volatile: position and loss limits are halved for it."""

    coin_type = models.CharField(max_length=20, unique=True)
    reason = models.CharField(max_length=300)
    marked_by = models.CharField(max_length=60)
    marked_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return self.coin_type


class Discrepancy(models.Model):
    """Where the venue's balance and ours differ; stored, and never made to agree by overwriting."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="discrepancies", db_index=False)
    coin_type = models.CharField(max_length=20, help_text="AUD for cash.")
    ours = QuantityField()
    theirs = QuantityField()
    value_aud = AudField(null=True, help_text="Of the difference; empty if the coin has no price.")
    found_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=60, blank=True)
    resolution = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "discrepancies"
        indexes = (models.Index(fields=["account", "-found_at"], name="discrepancy_account"),)
        constraints = (
            models.UniqueConstraint(
                fields=["account", "coin_type"], condition=Q(resolved_at=None), name="discrepancy_one_open"
            ),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.coin_type} of account {self.account_id}"
