"""Write what the figures are made of as JSON: fills, lots, matches, and what no lot explains.

The fields are plain attributes: exports write the same ones, in the same order.
"""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from ohmycoins.core.api.fields import InstantField, PlainDecimalField


class TradeSerializer(serializers.Serializer[object]):
    id = serializers.IntegerField()
    order_id = serializers.IntegerField(allow_null=True)
    coin_type = serializers.CharField()
    side = serializers.CharField()
    kind = serializers.CharField()
    quantity = PlainDecimalField()
    price = PlainDecimalField()
    value_aud = PlainDecimalField()
    fee_aud = PlainDecimalField()
    realized_pnl = PlainDecimalField(
        allow_null=True, help_text="Of a sale; null for buys and until it is booked."
    )
    algorithm_id = serializers.IntegerField(allow_null=True, help_text="Null = manual.")
    ledger = serializers.CharField(help_text="What its order rested on; empty = none.")
    executed_at = InstantField()
    venue_fill_id = serializers.CharField()


class LotSerializer(serializers.Serializer[object]):
    id = serializers.IntegerField()
    coin_type = serializers.CharField()
    algorithm_id = serializers.IntegerField(allow_null=True, help_text="Null = manual.")
    ledger = serializers.CharField(help_text="What its order rested on; empty = none.")
    quantity = PlainDecimalField()
    remaining_quantity = PlainDecimalField()
    cost = PlainDecimalField()
    remaining_cost = PlainDecimalField()
    unit_cost = PlainDecimalField(help_text="Cost ÷ quantity, rounded half to even at 18 decimals.")
    fee_aud = PlainDecimalField()
    acquired_at = InstantField()
    fill_id = serializers.IntegerField(allow_null=True)
    movement_id = serializers.IntegerField(allow_null=True)
    cost_unknown = serializers.BooleanField()


class MatchSerializer(serializers.Serializer[object]):
    id = serializers.IntegerField()
    lot_id = serializers.IntegerField()
    coin_type = serializers.CharField()
    algorithm_id = serializers.IntegerField(allow_null=True, help_text="Who opened the lot; null = manual.")
    ledger = serializers.CharField(help_text="What the lot's order rested on; empty = none.")
    quantity = PlainDecimalField()
    cost = PlainDecimalField()
    proceeds = PlainDecimalField()
    realized_pnl = PlainDecimalField()
    acquired_at = InstantField()
    disposed_at = InstantField()
    buy_fill_id = serializers.IntegerField(allow_null=True)
    sell_fill_id = serializers.IntegerField(allow_null=True)


class UnmatchedSerializer(serializers.Serializer[object]):
    id = serializers.IntegerField()
    coin_type = serializers.CharField()
    algorithm_id = serializers.IntegerField(allow_null=True, help_text="Who sold; null = manual.")
    quantity = PlainDecimalField()
    unmatched_quantity = PlainDecimalField()
    unmatched_proceeds = PlainDecimalField()
    closed_at = InstantField()
    sell_fill_id = serializers.IntegerField(source="fill_id", allow_null=True)
    movement_id = serializers.IntegerField(allow_null=True)


class TradeStatsSerializer(serializers.Serializer[object]):
    """Fills of a period, and what became of the orders placed in it."""

    total_trades = serializers.IntegerField(source="trades")
    buy_trades = serializers.IntegerField(source="buys")
    sell_trades = serializers.IntegerField(source="sells")
    buy_volume = PlainDecimalField()
    sell_volume = PlainDecimalField()
    total_volume = PlainDecimalField(source="volume")
    total_fees = PlainDecimalField(source="fees")
    orders_total = serializers.IntegerField()
    orders_filled = serializers.IntegerField(help_text="Ended, and something of it was filled.")
    orders_failed = serializers.IntegerField(help_text="Ended, and nothing of it was filled.")
    success_rate = PlainDecimalField(
        allow_null=True, help_text="Filled ÷ (filled + failed) × 100; null without any."
    )


class CostSerializer(serializers.Serializer[object]):
    """What coins cost that came by no purchase."""

    cost_aud = PlainDecimalField(
        max_digits=28, decimal_places=8, min_value=Decimal(0), help_text="Of all the coins of the lot."
    )
    acquired_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="When they were bought; left out = when they came."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if unknown := set(self.initial_data) - set(self.fields):
            raise serializers.ValidationError(
                dict.fromkeys(sorted(unknown), "is not accepted; give cost_aud and acquired_at")
            )
        return attrs
