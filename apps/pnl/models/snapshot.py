"""What accounts were worth, hour by hour."""

from django.db import models

from apps.trading.models import Account
from ohmycoins.core.fields import AudField
from ohmycoins.core.money import plain


class EquitySnapshot(models.Model):
    """An account at market at a full hour (UTC) or at its local midnight; AUD.

    Coins that had no price then are left out of value and cost, and named.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="snapshots", db_index=False)
    at = models.DateTimeField()
    cash_aud = AudField()
    value_aud = AudField(help_text="Of the coins held.")
    cost_aud = AudField(help_text="Of the same coins.")
    paid_in_aud = AudField(help_text="Came by no trade until then, less what went.")
    unpriced = models.JSONField(default=list)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["account", "at"], name="snapshot_one_an_instant"),)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}: {plain(self.cash_aud + self.value_aud)}"
