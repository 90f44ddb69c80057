"""Read and write orders in slices as JSON."""

from typing import Any, ClassVar

from rest_framework import serializers

from apps.trading.deciding import LONGEST_PAUSE_SECONDS, MOST_SLICES
from apps.trading.models import Order, Twap
from apps.trading.records import BUY, MARKET, Ticket
from ohmycoins.core.api.fields import PlainDecimalField, PositiveDecimalField, SymbolField


class NewTwapSerializer(serializers.Serializer[object]):
    """A market order to trade in slices; `ticket()` and `pause_seconds` give it to the services."""

    coin_type = SymbolField()
    side = serializers.ChoiceField(choices=Order.Side.choices)
    quantity = PositiveDecimalField(required=False, help_text="Coins to trade in all.")
    amount_aud = PositiveDecimalField(
        required=False, help_text="Buys only: what to spend in all, fees included."
    )
    slices = serializers.IntegerField(min_value=2, max_value=MOST_SLICES)
    minutes = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_PAUSE_SECONDS * MOST_SLICES // 60,
        help_text="Over how long: a slice every minutes × 60 ÷ slices seconds, the first at once.",
    )  # fmt: skip
    slice_seconds = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_PAUSE_SECONDS, help_text="Or how far apart slices are."
    )
    account = serializers.IntegerField(required=False, min_value=1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            raise serializers.ValidationError(
                dict.fromkeys(sorted(unknown), "is not a field of an order in slices")
            )
        if ("quantity" in attrs) == ("amount_aud" in attrs):
            raise serializers.ValidationError("give either quantity or, for a buy, amount_aud")
        if "amount_aud" in attrs and attrs["side"] != BUY:
            raise serializers.ValidationError({"amount_aud": "is for buys; give quantity instead"})
        if ("minutes" in attrs) == ("slice_seconds" in attrs):
            raise serializers.ValidationError("give either minutes or slice_seconds")
        if attrs.get("minutes", 0) * 60 > attrs["slices"] * LONGEST_PAUSE_SECONDS:
            raise serializers.ValidationError({"minutes": "slices would be more than a day apart"})
        return attrs

    def ticket(self) -> Ticket:
        """Give the validated order as a whole."""
        given = self.validated_data
        return Ticket(
            given["coin_type"], given["side"], MARKET, quantity=given.get("quantity"),
            amount_aud=given.get("amount_aud"),
        )  # fmt: skip

    @property
    def pause_seconds(self) -> int:
        """Give how far apart slices are."""
        given = self.validated_data
        return int(given.get("slice_seconds") or max(given["minutes"] * 60 // given["slices"], 1))


class TwapSerializer(serializers.ModelSerializer[Twap]):
    account = serializers.IntegerField(source="account_id", read_only=True)
    decision_id = serializers.IntegerField(read_only=True, allow_null=True)
    quantity = PlainDecimalField(read_only=True, allow_null=True)
    amount_aud = PlainDecimalField(read_only=True, allow_null=True)
    filled_quantity = PlainDecimalField(read_only=True, help_text="By all slices so far.")
    order_ids = serializers.ListField(
        child=serializers.IntegerField(), read_only=True, help_text="Its slices, in order; a denied one is the last."
    )  # fmt: skip

    class Meta:
        model = Twap
        fields: ClassVar[tuple[str, ...]] = (
            "id", "account", "coin_type", "side", "quantity", "amount_aud", "slices", "slice_seconds", "placed",
            "filled_quantity", "status", "reason", "next_at", "created_at", "ended_at", "decision_id", "order_ids",
        )  # fmt: skip
