"""Write P&L figures as JSON."""

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
    cash_aud = PlainDecimalField()
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
    unmatched_quantity = PlainDecimalField(source="results.unmatched_quantity")
    unpriced = serializers.ListField(child=serializers.CharField(), source="valuation.unpriced")
    as_of = serializers.DateTimeField()


class RealizedSerializer(serializers.Serializer[object]):
    realized_pnl = PlainDecimalField()


class UnrealizedSerializer(serializers.Serializer[object]):
    unrealized_pnl = PlainDecimalField()
    unpriced = serializers.ListField(child=serializers.CharField())
