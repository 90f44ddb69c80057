"""Read stops from JSON, and write them with what is still in flight."""

from typing import Any, ClassVar

from rest_framework import serializers

from apps.trading.models import Order, Stop
from apps.trading.services.control import HALTED, LONGEST_REASON, REDUCE_ONLY
from apps.trading.services.scopes import SPELLINGS
from ohmycoins.core.api.fields import PlainDecimalField


class ClearSerializer(serializers.Serializer[object]):
    scope = serializers.CharField(max_length=40, help_text=SPELLINGS)
    reason = serializers.CharField(max_length=LONGEST_REASON)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            raise serializers.ValidationError(dict.fromkeys(sorted(unknown), "is not a field of this"))
        return attrs


class ActivateSerializer(ClearSerializer):
    state = serializers.ChoiceField(choices=[HALTED.value, REDUCE_ONLY.value])
    liquidate = serializers.BooleanField(
        default=False, help_text="Sell what the scope holds, at market; with reduce_only."
    )


class StopSerializer(serializers.ModelSerializer[Stop]):
    scope = serializers.CharField(source="name", read_only=True)
    user = serializers.IntegerField(source="user_id", read_only=True, allow_null=True)

    class Meta:
        model = Stop
        fields: ClassVar[tuple[str, ...]] = (
            "id", "scope", "user", "state", "reason", "changed_at", "changed_by", "fence",
        )  # fmt: skip


class InFlightSerializer(serializers.ModelSerializer[Order]):
    """An order that may still trade whatever is stopped, until its venue says what became of it."""

    account = serializers.IntegerField(source="account_id", read_only=True)
    quantity = PlainDecimalField(read_only=True, allow_null=True)
    filled_quantity = PlainDecimalField(read_only=True)

    class Meta:
        model = Order
        fields: ClassVar[tuple[str, ...]] = (
            "id", "account", "coin_type", "side", "status", "quantity", "filled_quantity",
        )  # fmt: skip


class SaleSerializer(InFlightSerializer):
    """A sale that a stop ordered; denied if a rule stood against it."""

    class Meta(InFlightSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (*InFlightSerializer.Meta.fields, "error")


class StateSerializer(serializers.Serializer[object]):
    state = serializers.ChoiceField(
        choices=Stop.State.values, help_text="Of everything that is the caller's."
    )
    stops = StopSerializer(many=True)
    in_flight = InFlightSerializer(many=True, help_text="The oldest 500.")
    in_flight_count = serializers.IntegerField()


class StoppedSerializer(serializers.Serializer[object]):
    stop = StopSerializer()
    cancelled = serializers.IntegerField(help_text="Orders cancelled, or on their way to be.")
    left = serializers.IntegerField(help_text="Orders that workers are cancelling.")
    plans = serializers.IntegerField(help_text="Orders in slices that place no more of them.")
    liquidation = SaleSerializer(many=True)
    unsold = serializers.IntegerField(help_text="Holdings not got to: ask again.")
    in_flight = InFlightSerializer(many=True, help_text="The oldest 500.")
    in_flight_count = serializers.IntegerField()
