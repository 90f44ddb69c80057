"""Days added up, so that no request replays history. Days are local to the account's time zone."""

from typing import ClassVar

from django.db import models

from apps.pnl.querysets import DailyTotalQuerySet
from apps.trading.models import Account
from apps.trading.models.order import Ledger
from ohmycoins.core.fields import AudField
from ohmycoins.core.money import plain


class Sums(models.Model):
    """What fills and the sales among them add up to; AUD amounts, losses negative."""

    day = models.DateField()
    realized_pnl = AudField(default=0, db_default=0)
    in_kind_aud = AudField(
        default=0,
        db_default=0,
        help_text="Worth of coins that came without being paid for, less those that went.",
    )
    buys = models.PositiveIntegerField(default=0, db_default=0)
    sells = models.PositiveIntegerField(default=0, db_default=0)
    buy_volume = AudField(default=0, db_default=0)
    sell_volume = AudField(default=0, db_default=0)
    fees = AudField(default=0, db_default=0)
    sales = models.PositiveIntegerField(default=0, db_default=0, help_text="Sells that closed a lot.")
    winning_sales = models.PositiveIntegerField(default=0, db_default=0)
    losing_sales = models.PositiveIntegerField(default=0, db_default=0)
    profit = AudField(default=0, db_default=0)
    loss = AudField(default=0, db_default=0)
    largest_win = AudField(default=0, db_default=0)
    largest_loss = AudField(default=0, db_default=0)

    class Meta:
        abstract = True


class DailyTotal(Sums):
    """A day of an account: the sums over all coins and books, and what it was worth at the day's end."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="daily_totals", db_index=False)
    valued_at = models.DateTimeField(null=True, help_text="When it was last valued that day, if it was.")
    equity_aud = AudField(null=True)
    unrealized_pnl = AudField(null=True)
    paid_in_aud = AudField(null=True, help_text="Came by no trade until then, less what went.")

    objects: ClassVar[DailyTotalQuerySet] = DailyTotalQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = (models.UniqueConstraint(fields=["account", "day"], name="daily_total_one_a_day"),)

    def __str__(self) -> str:
        return f"{self.day}: {plain(self.realized_pnl)}"


class DailyResult(Sums):
    """A day of one coin in one book.

    Realised P&L is the book's that opened the lots; everything else is the book's that traded.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="daily_results", db_index=False)
    coin_type = models.CharField(max_length=20)
    algorithm_id = models.BigIntegerField(null=True, blank=True)
    ledger = models.CharField(max_length=8, blank=True, default="", db_default="", choices=Ledger)

    class Meta:
        indexes = (models.Index(fields=["account", "day"], name="daily_result_day"),)
        constraints = (
            models.UniqueConstraint(
                fields=["account", "coin_type", "day", "algorithm_id", "ledger"], nulls_distinct=False,
                name="daily_result_one_a_book",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.day} {self.coin_type}: {plain(self.realized_pnl)}"
