"""Read and write accounts and orders as JSON."""

from typing import Any, ClassVar

from django.conf import settings
from rest_framework import serializers

from apps.accounts.models import validate_timezone
from apps.trading.models import Account, Event, Order
from apps.trading.records import BUY, LIMIT, MARKET, Ticket
from ohmycoins.core.api.fields import PlainDecimalField, PositiveDecimalField, SymbolField


class AccountSerializer(serializers.ModelSerializer[Account]):
    cash_aud = PlainDecimalField(read_only=True)

    class Meta:
        model = Account
        fields: ClassVar[tuple[str, ...]] = (
            "id", "name", "venue", "mode", "is_default", "status", "timezone", "cash_aud", "created_at",
        )  # fmt: skip


class NewAccountSerializer(serializers.Serializer[object]):
    name = serializers.CharField(max_length=60)
    venue = serializers.ChoiceField(choices=sorted(settings.VENUES), default="paper")
    timezone = serializers.CharField(
        max_length=64, validators=[validate_timezone], required=False, help_text="The user's when left out."
    )


class AccountChangeSerializer(serializers.ModelSerializer[Account]):
    timezone = serializers.CharField(max_length=64, validators=[validate_timezone], required=False)

    class Meta:
        model = Account
        fields: ClassVar[tuple[str, ...]] = ("name", "timezone")


class NewOrderSerializer(serializers.Serializer[object]):
    """An order as asked for; `ticket()` gives it to the services."""

    coin_type = SymbolField()
    side = serializers.ChoiceField(choices=Order.Side.choices)
    order_type = serializers.ChoiceField(choices=Order.Type.choices)
    quantity = PositiveDecimalField(required=False)
    amount_aud = PositiveDecimalField(
        required=False, help_text="Market buys only: what to spend, fee included."
    )
    price = PositiveDecimalField(required=False, help_text="Limit orders only: AUD per coin.")
    account = serializers.IntegerField(required=False, min_value=1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            raise serializers.ValidationError(dict.fromkeys(sorted(unknown), "is not a field of an order"))
        if ("quantity" in attrs) == ("amount_aud" in attrs):
            raise serializers.ValidationError("give either quantity or, for a market buy, amount_aud")
        if "amount_aud" in attrs and (attrs["side"], attrs["order_type"]) != (BUY, MARKET):
            raise serializers.ValidationError({"amount_aud": "is for market buys; give quantity instead"})
        if attrs["order_type"] == LIMIT and "price" not in attrs:
            raise serializers.ValidationError({"price": "a limit order needs its price"})
        if attrs["order_type"] == MARKET and "price" in attrs:
            raise serializers.ValidationError({"price": "a market order has none; use order_type limit"})
        return attrs

    def ticket(self) -> Ticket:
        """Give the validated order."""
        return Ticket(**{name: value for name, value in self.validated_data.items() if name != "account"})


class OrderSerializer(serializers.ModelSerializer[Order]):
    account = serializers.IntegerField(source="account_id", read_only=True)
    quantity = PlainDecimalField(read_only=True, allow_null=True)
    requested_quantity = PlainDecimalField(read_only=True, allow_null=True)
    amount_aud = PlainDecimalField(read_only=True, allow_null=True)
    price = PlainDecimalField(read_only=True, allow_null=True)
    filled_quantity = PlainDecimalField(read_only=True)
    average_fill_price = PlainDecimalField(read_only=True, allow_null=True)
    fee_aud = PlainDecimalField(read_only=True)
    algorithm_id = serializers.IntegerField(read_only=True, allow_null=True)
    decision_id = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The signal it follows from."
    )
    twap_id = serializers.IntegerField(read_only=True, allow_null=True, help_text="What it is a slice of.")
    error = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields: ClassVar[tuple[str, ...]] = (
            "id", "account", "coin_type", "side", "order_type", "quantity", "amount_aud", "price",
            "filled_quantity", "average_fill_price", "fee_aud", "status", "algorithm_id", "venue_order_id",
            "created_at", "submitted_at", "filled_at", "denials", "error", "origin", "requested_quantity",
            "decision_id", "twap_id",
        )  # fmt: skip

    def get_error(self, order: Order) -> str | None:
        return order.error or None


class OrderEventSerializer(serializers.ModelSerializer[Event]):
    class Meta:
        model = Event
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "type",
            "from_status",
            "to_status",
            "at",
            "actor",
            "reason",
            "inputs",
        )
