"""The Glass ledger: what protocols and chains hold and earn."""

from django.db import models
from django.db.models import Q

from apps.ledgers.models.entry import Item
from ohmycoins.core.fields import PriceField, UsdField


def _zero_or_more(name: str) -> Q:
    """Give the CHECK that `name` is not negative and not NaN; null passes any CHECK."""
    return Q(**{f"{name}__gte": 0}) & Q(**{f"{name}__lt": 10**30})


class Fundamental(Item):
    """A protocol's figures on a UTC day; null where the source gives none."""

    protocol = models.CharField(max_length=80)
    tvl_usd = UsdField(null=True)
    fees_24h_usd = UsdField(null=True)
    revenue_24h_usd = UsdField(null=True, help_text="May be negative: incentives paid out of fees.")

    class Meta(Item.Meta):
        indexes = (
            *Item.indexes("fundamental"),
            models.Index(fields=["protocol", "-occurred_at", "-id"], name="fundamental_protocol"),
        )
        constraints = (
            models.CheckConstraint(condition=_zero_or_more("tvl_usd"), name="fundamental_tvl_not_negative"),
            models.CheckConstraint(
                condition=Q(tvl_usd__isnull=False)
                | Q(fees_24h_usd__isnull=False)
                | Q(revenue_24h_usd__isnull=False),
                name="fundamental_says_something",
            ),
        )

    def __str__(self) -> str:
        return f"{self.protocol} {self.occurred_at:%Y-%m-%d}"


class OnChainMetric(Item):
    """One figure about an asset, such as the value locked on its chain on a UTC day."""

    asset = models.CharField(
        max_length=80, help_text="The coin's symbol; the network's name where it has none."
    )
    network = models.CharField(max_length=80, blank=True)
    metric_name = models.CharField(max_length=50)
    metric_value = PriceField()
    source = models.CharField(max_length=50)

    class Meta(Item.Meta):
        verbose_name = "on-chain metric"
        indexes = (
            *Item.indexes("metric"),
            models.Index(fields=["asset", "metric_name", "-occurred_at", "-id"], name="metric_asset"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(metric_value__lt=10**20), name="metric_is_a_number"),
        )

    def __str__(self) -> str:
        return f"{self.asset} {self.metric_name} {self.occurred_at:%Y-%m-%d}"
