"""Write brakes as JSON, and read why one is released."""

from typing import ClassVar

from rest_framework import serializers

from apps.trading.api.algorithm_serializers import StrictSerializer
from apps.trading.models import Brake
from apps.trading.services.brakes import LONGEST_REASON


class ReleaseSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=LONGEST_REASON)


class BrakeSerializer(serializers.ModelSerializer[Brake]):
    """What lets orders only sell: those that match every column of user, account, algorithm and coin that is not empty."""

    user = serializers.IntegerField(source="user_id", read_only=True, allow_null=True)
    account = serializers.IntegerField(source="account_id", read_only=True, allow_null=True)

    class Meta:
        model = Brake
        fields: ClassVar[tuple[str, ...]] = (
            "id", "kind", "reason", "user", "account", "algorithm_id", "coin_type", "inputs", "engaged_at", "engaged_by",
            "until", "released_at", "released_by", "release_reason",
        )  # fmt: skip
        read_only_fields = fields
