"""Read alert rules from JSON, and write alerts and what was told of them; no error quotes an address."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.monitoring.models import Alert, AlertRule, Channel, Delivery, Severity, Type
from apps.monitoring.services.rules import LONGEST_COOLDOWN_MINUTES
from apps.trading.api.algorithm_serializers import StrictSerializer
from ohmycoins.core.public import LONGEST_URL


class PlaceField(serializers.CharField):
    """An address or a channel's name; what was given is not said back, since it may hold a key."""

    default_error_messages = {"invalid": "must be a text"}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class AlertRuleChangeSerializer(StrictSerializer):
    type = serializers.ChoiceField(choices=Type.choices, required=False, allow_blank=True)
    min_severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    cooldown_minutes = serializers.IntegerField(
        required=False, min_value=0, max_value=LONGEST_COOLDOWN_MINUTES
    )
    channels = serializers.ListField(
        child=PlaceField(max_length=LONGEST_URL + 100),
        required=False,
        allow_empty=False,
        help_text="Addresses, or names of channels; they replace those there were.",
    )
    enabled = serializers.BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(f"give some of {', '.join(self.fields)}")
        return attrs


class NewAlertRuleSerializer(StrictSerializer):
    type = serializers.ChoiceField(
        choices=Type.choices, default="", allow_blank=True, help_text="Every type if left out or empty."
    )
    min_severity = serializers.ChoiceField(choices=Severity.choices, default=Severity.MEDIUM)
    cooldown_minutes = serializers.IntegerField(
        default=60, min_value=0, max_value=LONGEST_COOLDOWN_MINUTES,
        help_text="How long the same alert, opened again, is not told again.",
    )  # fmt: skip
    channels = serializers.ListField(
        child=PlaceField(max_length=LONGEST_URL + 100), allow_empty=False,
        help_text="E-mail addresses, Slack or Discord webhooks, tgram://TOKEN/CHAT, https URLs, or names of channels.",
    )  # fmt: skip
    enabled = serializers.BooleanField(default=True)


class AlertRuleSerializer(serializers.ModelSerializer[AlertRule]):
    """A rule with its channels' names."""

    channels = serializers.SerializerMethodField()

    class Meta:
        model = AlertRule
        fields: ClassVar[tuple[str, ...]] = (
            "id", "type", "min_severity", "cooldown_minutes", "channels", "enabled", "created_at",
        )  # fmt: skip

    def get_channels(self, rule: AlertRule) -> list[str]:
        return sorted(channel.name for channel in rule.channels.all())


class AlertDeliverySerializer(serializers.ModelSerializer[Delivery]):
    """What was told, where, and what came of it."""

    channel = serializers.CharField(source="channel.name", read_only=True)
    last_error = serializers.SerializerMethodField()

    class Meta:
        model = Delivery
        fields: ClassVar[tuple[str, ...]] = (
            "id", "event", "channel", "status", "attempts", "next_at", "last_error", "created_at", "ended_at",
        )  # fmt: skip

    def get_last_error(self, delivery: Delivery) -> str | None:
        return delivery.last_error or None


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """An alert; of what was told of it, what the reader may see."""

    account = serializers.IntegerField(source="account_id", read_only=True, allow_null=True)
    deliveries = AlertDeliverySerializer(many=True, read_only=True)

    class Meta:
        model = Alert
        fields: ClassVar[tuple[str, ...]] = (
            "id", "type", "key", "severity", "message", "evidence", "account", "opened_at", "seen_at", "resolved_at",
            "deliveries",
        )  # fmt: skip


class AlertChannelSerializer(serializers.ModelSerializer[Channel]):
    """A channel by its name, which shows no key, and the last that was sent there."""

    last_delivery = serializers.SerializerMethodField()

    class Meta:
        model = Channel
        fields: ClassVar[tuple[str, ...]] = ("id", "name", "kind", "created_at", "last_delivery")

    @extend_schema_field(AlertDeliverySerializer(allow_null=True))
    def get_last_delivery(self, channel: Channel) -> dict[str, Any] | None:
        newest = self.context["newest"].get(channel.pk)
        return dict(AlertDeliverySerializer(newest).data) if newest else None
