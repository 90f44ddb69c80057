"""Days added up, so that no request replays history. Days are local to the account's time zone."""

from typing import ClassVar

from django.db import models

from apps.pnl.querysets import DailyResultQuerySet, DailyTotalQuerySet
from apps.trading.models import Account
from ohmycoins.core.fields import AudField
from ohmycoins.core.money import plain


class DailyTotal(models.Model):
    """All of an account's fills and closing sales of one day."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="daily_totals", db_index=False)
    day = models.DateField()
    realized_pnl = AudField(default=0)
    sales = models.PositiveIntegerField(default=0)
    winning_sales = models.PositiveIntegerField(default=0)
    losing_sales = models.PositiveIntegerField(default=0)
    profit = AudField(default=0)
    loss = AudField(default=0)
    largest_win = AudField(default=0)
    largest_loss = AudField(default=0)
    volume = AudField(default=0)
    fees = AudField(default=0)

    objects: ClassVar[DailyTotalQuerySet] = DailyTotalQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = (models.UniqueConstraint(fields=["account", "day"], name="daily_total_one_a_day"),)

    def __str__(self) -> str:
        return f"{self.day}: {plain(self.realized_pnl)}"


class DailyResult(models.Model):
    """What one coin earned one book in one day."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="daily_results", db_index=False)
    day = models.DateField()
    coin_type = models.CharField(max_length=20)
    algorithm_id = models.BigIntegerField(null=True, blank=True)
    realized_pnl = AudField(default=0)

    objects: ClassVar[DailyResultQuerySet] = DailyResultQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["account", "coin_type", "day", "algorithm_id"], nulls_distinct=False,
                name="daily_result_one_a_book",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.day} {self.coin_type}: {plain(self.realized_pnl)}"
