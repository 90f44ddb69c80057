"""Write P&L figures as JSON."""

from typing import Any

from rest_framework import serializers

from ohmycoins.core.api.fields import InstantField, PlainDecimalField


class PositionSerializer(serializers.Serializer[object]):
    coin_type = serializers.CharField()
    quantity = PlainDecimalField()
    average_price = PlainDecimalField()
    total_cost = PlainDecimalField()
    current_price = PlainDecimalField(allow_null=True)
    price_at = InstantField(allow_null=True)
    current_value = PlainDecimalField(allow_null=True)
    unrealized_pnl = PlainDecimalField(allow_null=True)
    unrealized_pnl_percent = PlainDecimalField(allow_null=True)


class PortfolioSerializer(serializers.Serializer[object]):
    cash_aud = PlainDecimalField(source="valuation.cash")
    positions_value = PlainDecimalField(source="valuation.value")
    equity = PlainDecimalField()
    total_cost = PlainDecimalField(source="valuation.cost")
    unrealized_pnl = PlainDecimalField(source="valuation.unrealized_pnl")
    realized_pnl = PlainDecimalField()
    return_percent = PlainDecimalField(allow_null=True)
    unpriced = serializers.ListField(child=serializers.CharField(), source="valuation.unpriced")


class SummarySerializer(serializers.Serializer[object]):
    """A period's results, with what is unrealised now."""

    realized_pnl = PlainDecimalField(source="results.realized_pnl")
    unrealized_pnl = PlainDecimalField(source="valuation.unrealized_pnl")
    total_pnl = PlainDecimalField()
    total_trades = serializers.IntegerField(source="results.sales")
    winning_trades = serializers.IntegerField(source="results.winning_sales")
    losing_trades = serializers.IntegerField(source="results.losing_sales")
    win_rate = PlainDecimalField(source="results.win_rate")
    profit_factor = PlainDecimalField(source="results.profit_factor", allow_null=True)
    total_profit = PlainDecimalField(source="results.profit")
    total_loss = PlainDecimalField(source="results.loss")
    average_win = PlainDecimalField(source="results.average_win")
    average_loss = PlainDecimalField(source="results.average_loss")
    largest_win = PlainDecimalField(source="results.largest_win")
    largest_loss = PlainDecimalField(source="results.largest_loss")
    expectancy = PlainDecimalField(source="results.expectancy")
    total_volume = PlainDecimalField(source="results.volume")
    total_fees = PlainDecimalField(source="results.fees")
    max_drawdown = PlainDecimalField(source="performance.max_drawdown")
    max_drawdown_percent = PlainDecimalField(source="performance.max_drawdown_percent", allow_null=True)
    sharpe_ratio = PlainDecimalField(source="performance.sharpe_ratio", allow_null=True)
    sortino_ratio = PlainDecimalField(source="performance.sortino_ratio", allow_null=True)
    calmar_ratio = PlainDecimalField(source="performance.calmar_ratio", allow_null=True)
    unmatched_quantity = PlainDecimalField(source="results.unmatched_quantity")
    unpriced = serializers.ListField(child=serializers.CharField(), source="valuation.unpriced")
    as_of = serializers.DateTimeField()


class _GroupSerializer(serializers.Serializer[object]):
    realized_pnl = PlainDecimalField()
    unrealized_pnl = PlainDecimalField(allow_null=True)
    total_pnl = PlainDecimalField()
    fees = PlainDecimalField()
    trades = serializers.IntegerField(help_text="Closing sales.")
    unpriced = serializers.ListField(child=serializers.CharField())

    def get_fields(self) -> dict[str, Any]:
        """Put what the row is of first."""
        *figures, key = super().get_fields().items()
        return dict([key, *figures])


class ByCoinSerializer(_GroupSerializer):
    coin_type = serializers.CharField(source="key")


class ByAlgorithmSerializer(_GroupSerializer):
    algorithm_id = serializers.IntegerField(source="key", allow_null=True, help_text="null = manual")


class BySignalSerializer(_GroupSerializer):
    ledger = serializers.CharField(
        source="ledger_name", help_text="exchange, glass, human, catalyst or unattributed"
    )


class BySourceSerializer(_GroupSerializer):
    keys: tuple[str, ...] = ("ledger", "source")
    ledger = serializers.CharField(help_text="exchange, glass, human, catalyst, unattributed or other")
    source = serializers.CharField(  # type: ignore[assignment] # DRF takes fields off the class
        allow_null=True, required=False, help_text="null of what is unattributed"
    )

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        return {
            name: fields[name] for name in (*self.keys, *(name for name in fields if name not in self.keys))
        }


class BySignalRowSerializer(BySourceSerializer):
    """A row of `/floor/pnl/by-signal`: by ledger it has no source, and by source no table and row."""

    keys = ("ledger", "source", "table", "row_id")
    table = serializers.CharField(
        allow_null=True, required=False, help_text="The model's name, such as newsitem."
    )
    row_id = serializers.IntegerField(allow_null=True, required=False)


BY_SIGNAL: dict[str, type[_GroupSerializer]] = {
    "ledger": BySignalSerializer,
    "source": BySourceSerializer,
    "row": BySignalRowSerializer,
}
"""How rows are written, by what results are shared out among."""


class BucketSerializer(serializers.Serializer[object]):
    timestamp = InstantField()
    realized_pnl = PlainDecimalField()
    unrealized_pnl = PlainDecimalField(allow_null=True)
    equity = PlainDecimalField(allow_null=True)
    cumulative_pnl = PlainDecimalField()
    interval = serializers.CharField()


class RealizedSerializer(serializers.Serializer[object]):
    realized_pnl = PlainDecimalField()


class UnrealizedSerializer(serializers.Serializer[object]):
    unrealized_pnl = PlainDecimalField()
    unpriced = serializers.ListField(child=serializers.CharField())
