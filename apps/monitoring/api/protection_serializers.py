"""Read protections from JSON, and write them."""

from typing import Any, ClassVar

from rest_framework import serializers

from apps.monitoring.models import Protection
from apps.trading.api.algorithm_serializers import StrictSerializer

PARAMETERS_HELP = "See docs/protections.md for what each kind takes; those left out take their defaults."


class NewProtectionSerializer(StrictSerializer):
    kind = serializers.ChoiceField(choices=Protection.Kind.choices)
    parameters = serializers.DictField(default=dict, help_text=PARAMETERS_HELP)
    account = serializers.IntegerField(
        default=None,
        allow_null=True,
        min_value=1,
        help_text="Only this account; all of the caller's if left out.",
    )
    deployment = serializers.IntegerField(
        default=None, allow_null=True, min_value=1, help_text="Only this deployment's book."
    )
    everybody = serializers.BooleanField(
        default=False, help_text="All that trades here; needs monitoring.add_protection."
    )
    enabled = serializers.BooleanField(default=True)


class ProtectionChangeSerializer(StrictSerializer):
    parameters = serializers.DictField(required=False, help_text=f"All of them, anew. {PARAMETERS_HELP}")
    enabled = serializers.BooleanField(required=False, help_text="Off, it releases what it holds back.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("give parameters or enabled: nothing else of it can be changed")
        return attrs


class ProtectionSerializer(serializers.ModelSerializer[Protection]):
    """A protection; user, account and deployment are null for everybody's."""

    user = serializers.IntegerField(source="user_id", read_only=True, allow_null=True)
    account = serializers.IntegerField(source="account_id", read_only=True, allow_null=True)
    deployment = serializers.IntegerField(source="deployment_id", read_only=True, allow_null=True)

    class Meta:
        model = Protection
        fields: ClassVar[tuple[str, ...]] = (
            "id", "kind", "user", "account", "deployment", "parameters", "enabled", "created_at", "created_by",
        )  # fmt: skip
