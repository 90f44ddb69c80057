"""Backtests: rules tried on what the ledgers knew, by a worker, slice by slice."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.pnl.querysets import BacktestQuerySet
from apps.trading.models import Account, Algorithm
from apps.trading.models.order import Ledger, Order
from ohmycoins.core import clock
from ohmycoins.core.fields import AudField, PriceField, QuantityField, positive


class Backtest(models.Model):
    """What is to be tried, how far it got, and what it came to. The rows are the queue of its workers."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        CANCELLED = "cancelled"
        DONE = "done"
        FAILED = "failed"

    class Step(models.TextChoices):
        MINUTE = "minute"
        FIVE_MINUTES = "5min"
        HOUR = "hour"
        DAY = "day"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="backtests", db_index=False
    )
    algorithm = models.ForeignKey(Algorithm, models.PROTECT, null=True, related_name="backtests")
    algorithm_version = models.PositiveIntegerField(
        null=True, help_text="The algorithm's when it was asked for."
    )
    account = models.ForeignKey(
        Account, models.PROTECT, null=True, related_name="+", help_text="Whose limits and time zone count."
    )
    slug = models.SlugField(max_length=40, help_text="Which rule.")
    parameters = models.JSONField(default=dict, help_text="Complete, defaults filled in.")
    coins = models.JSONField(default=list)
    start = models.DateTimeField(help_text="The first decision's clock (UTC).")
    end = models.DateTimeField(help_text="After the last decision: what is left is valued here.")
    step = models.CharField(max_length=6, choices=Step)
    initial_capital = AudField()
    timezone = models.CharField(max_length=64, help_text="By which days are counted.")
    limits = models.JSONField(default=dict, help_text="The account's limits that it runs under.")
    position_limit_aud = AudField(null=True)
    daily_loss_limit_aud = AudField(null=True)
    slices = models.PositiveSmallIntegerField(default=1)
    slice_seconds = models.PositiveIntegerField(default=60)
    spread_percent = models.DecimalField(max_digits=6, decimal_places=4)
    code_digest = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the rule's module and of what rules share."
    )
    code_version = models.CharField(max_length=20, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0, help_text="0 to 100.")
    error = models.CharField(max_length=500, blank=True)
    metrics = models.JSONField(null=True)
    counts_for_promotion = models.BooleanField(
        null=True, help_text="Whether its algorithm is backtested by it; unknown until it is done."
    )
    promotion_reason = models.CharField(max_length=500, blank=True, help_text="What is missing for that.")
    equity_curve = models.JSONField(default=list)
    checkpoint = models.JSONField(null=True, editable=False, help_text="Where the next worker goes on.")
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text="How often a worker took it up since it last got on."
    )
    claim = models.PositiveIntegerField(
        default=0, editable=False, help_text="Counts claims: who holds the newest may store."
    )
    lease_until = models.DateTimeField(
        null=True, help_text="When the worker that has it is taken to be dead."
    )
    worked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[BacktestQuerySet] = BacktestQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (
            models.Index(
                F("worked_at").asc(nulls_first=True), "id",
                condition=Q(status__in=["queued", "running"]), name="backtest_waiting",
            ),
            models.Index(fields=["user", "-id"], name="backtest_user"),
        )  # fmt: skip
        constraints = (
            models.CheckConstraint(
                condition=Q(
                    status__in=["queued", "running", "cancelled", "done", "failed"],
                    step__in=["minute", "5min", "hour", "day"],
                ),
                name="backtest_known",
            ),
            models.CheckConstraint(
                condition=Q(end__gt=F("start"), slices__gte=1, slice_seconds__gte=1, progress__lte=100)
                & Q(spread_percent__gte=0, spread_percent__lt=100)
                & positive("initial_capital")
                & (Q(position_limit_aud=None) | positive("position_limit_aud"))
                & (Q(daily_loss_limit_aud=None) | positive("daily_loss_limit_aud")),
                name="backtest_sensible",
            ),
            models.CheckConstraint(
                condition=~Q(status="done") | Q(metrics__isnull=False, progress=100),
                name="backtest_done_says_what",
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.slug}: {self.status}"


class BacktestTrade(models.Model):
    """A fill of a backtest, stored with the checkpoint that it is before."""

    backtest = models.ForeignKey(Backtest, models.CASCADE, related_name="trades", db_index=False)
    number = models.PositiveIntegerField(help_text="1, 2, 3, … in the order they happened.")
    executed_at = models.DateTimeField()
    coin_type = models.CharField(max_length=20)
    side = models.CharField(max_length=4, choices=Order.Side)
    quantity = QuantityField()
    price = PriceField()
    value_aud = AudField()
    fee_aud = AudField()
    realized_pnl = AudField(null=True, help_text="Of a sale.")
    ledger = models.CharField(max_length=8, choices=Ledger, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["backtest", "number"], name="backtest_trade_numbered"),
        )

    def __str__(self) -> str:
        return f"{self.side} {self.coin_type}"
