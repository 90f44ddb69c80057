"""A user's accounts at venues, and the money and coins that come and go."""

from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.accounts.models import validate_timezone
from apps.trading.querysets import AccountQuerySet
from ohmycoins.core import clock
from ohmycoins.core.fields import AudField, PriceField, QuantityField
from ohmycoins.core.money import plain


class Account(models.Model):
    """Cash and coins at one venue, on paper or live. Its row is the lock for all that changes them."""

    class Mode(models.TextChoices):
        PAPER = "paper"
        LIVE = "live"

    class Status(models.TextChoices):
        ACTIVE = "active"
        REDUCE_ONLY = "reduce_only"
        INACTIVE = "inactive"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="trading_accounts")
    name = models.CharField(max_length=60)
    venue = models.SlugField(max_length=20)
    mode = models.CharField(max_length=5, choices=Mode)
    is_default = models.BooleanField(default=False)
    status = models.CharField(max_length=12, choices=Status, default=Status.ACTIVE)
    timezone = models.CharField(max_length=64, validators=[validate_timezone])
    cash_aud = AudField(default=0)
    status_reason = models.CharField(max_length=200, blank=True)
    reduce_only_until = models.DateTimeField(
        null=True, help_text="When the day that was too bad is over; a person ends it otherwise."
    )
    activated_at = models.DateTimeField(null=True, help_text="When someone permitted let it trade live.")
    # The fences: no call is signed with a nonce that is not above every earlier one of its key.
    last_nonce = models.BigIntegerField(default=0)
    last_read_nonce = models.BigIntegerField(default=0)
    connected_at = models.DateTimeField(null=True, help_text="When the venue's balances became ours.")
    unclaimed = models.JSONField(
        default=list, help_text="Trades that the venue listed last time and that are no order's of ours."
    )
    reconciled_at = models.DateTimeField(null=True)
    next_reconcile_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects: ClassVar[AccountQuerySet] = AccountQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("id",)
        permissions = (("activate_account", "Can let an account trade live"),)
        constraints = (
            models.UniqueConstraint(fields=["user", "name"], name="account_name_unique"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(is_default=True), name="account_one_default"
            ),
            models.CheckConstraint(condition=Q(mode__in=["paper", "live"]), name="account_mode_known"),
            models.CheckConstraint(
                condition=Q(status__in=["active", "reduce_only", "inactive"]), name="account_status_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"

    def look_soon(self, at: datetime) -> None:
        """Have the account compared with its venue at `at`, if not before."""
        Account.objects.filter(pk=self.pk).filter(
            Q(next_reconcile_at=None) | Q(next_reconcile_at__gt=at)
        ).update(next_reconcile_at=at)


class Movement(models.Model):
    """Cash or coins that came or went other than by trading; signed, in the account's view."""

    class Kind(models.TextChoices):
        OPENING = "opening"
        DEPOSIT = "deposit"
        WITHDRAWAL = "withdrawal"
        SEND = "send"
        RECEIVE = "receive"

    account = models.ForeignKey(Account, models.PROTECT, related_name="movements")
    kind = models.CharField(max_length=10, choices=Kind)
    amount_aud = AudField(default=0)
    coin_type = models.CharField(max_length=20, blank=True)
    quantity = QuantityField(default=0)
    unit_price = PriceField(null=True, blank=True, help_text="What a coin was worth when it came or went.")
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=clock.now, editable=False)
    sequence = models.BigIntegerField(
        default=0, help_text="The source's own order among entries of one instant."
    )
    venue_ref = models.CharField(max_length=80, null=True, help_text="What tells it from the venue's others.")  # noqa: DJ001 - null: no venue

    class Meta:
        indexes = (models.Index(fields=["account", "occurred_at"], name="movement_account_occurred"),)
        constraints = (
            models.UniqueConstraint(fields=["account", "venue_ref"], name="movement_venue_ref"),
            models.CheckConstraint(
                condition=Q(kind__in=["opening", "deposit", "withdrawal", "send", "receive"]),
                name="movement_kind_known",
            ),
        )
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.kind} {plain(self.amount_aud)} AUD {plain(self.quantity)} {self.coin_type}"
