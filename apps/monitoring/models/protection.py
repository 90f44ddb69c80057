"""Protections: when an account or a deployment is let sell only, by rules with parameters."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.monitoring.querysets import ProtectionQuerySet
from apps.trading.models import Account, Deployment
from ohmycoins.core import clock
from ohmycoins.core.fields import AudField, PriceField
from ohmycoins.core.money import plain


class Protection(models.Model):
    """A rule that brakes; of everybody, of one user, of one account, or of one deployment."""

    class Kind(models.TextChoices):
        DRAWDOWN = "drawdown", "drawdown: lost too much since its peak"
        COOLDOWN = "cooldown", "cooldown: a pause after a losing sale"
        LOSING_SALES = "losing_sales", "losing sales: too many of them in a window"
        LOW_PROFIT = "low_profit", "low profit: a coin that earned too little in a window"
        FAILING_COLLECTORS = "failing_collectors", "failing collectors: what an algorithm depends on fails"
        OUTLIERS = "outliers", "outliers: a coin's price jumped out of its past"

    kind = models.CharField(max_length=18, choices=Kind)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="protections",
        help_text="Whose trading it watches; everybody's if empty.",
    )  # fmt: skip
    account = models.ForeignKey(Account, models.PROTECT, null=True, blank=True, related_name="protections")
    deployment = models.ForeignKey(
        Deployment, models.PROTECT, null=True, blank=True, related_name="protections"
    )
    parameters = models.JSONField(
        default=dict, help_text="Complete and checked (`apps.monitoring.protections`)."
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.CharField(max_length=60, blank=True)

    objects: ClassVar[ProtectionQuerySet] = ProtectionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(kind__in=["drawdown", "cooldown", "losing_sales", "low_profit", "failing_collectors", "outliers"]),
                name="protection_kind_known",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind}"

    @property
    def is_everybodys(self) -> bool:
        return self.user_id is None and self.account_id is None and self.deployment_id is None


class Peak(models.Model):
    """How a watched account, or a deployment's book, did since `began_at`; drawdown is measured from the highest day.

    An account's level is what A$1 became, payments aside; a book's is the AUD that it earned (`apps.monitoring.protections`).
    """

    protection = models.ForeignKey(Protection, models.CASCADE, related_name="peaks")
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    algorithm_id = models.BigIntegerField(null=True, help_text="The book's; null = the whole account.")
    began_at = models.DateTimeField(help_text="A release begins it anew.")
    at = models.DateTimeField(help_text="When it was last seen to have changed.")
    level = PriceField()
    highs = models.JSONField(default=dict, help_text="The highest level of each day (UTC) of the window.")
    equity_aud = AudField(null=True, help_text="When last seen; of accounts.")
    paid_in_aud = AudField(null=True, help_text="Came by no trade until then, less what went; of accounts.")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["protection", "account", "algorithm_id"], nulls_distinct=False, name="peak_once"
            ),
        )

    def __str__(self) -> str:
        return f"{plain(self.level)} at {self.at:%Y-%m-%d %H:%M}"


class ClosingMark(models.Model):
    """Up to which closing the guard has looked: one row.

    Numbers are given before they are committed, so what is seen is not all there is up to it: `done_id` follows
    to `seen_id` when every transaction before `seen_xid` has ended.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    done_id = models.BigIntegerField(default=0)
    seen_id = models.BigIntegerField(default=0)
    seen_xid = models.BigIntegerField(default=0)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="closing_mark_once"),)

    def __str__(self) -> str:
        return f"closing {self.done_id}"
