"""Read requests for promotion from JSON, and write them with their grounds and their answer."""

from typing import ClassVar

from rest_framework import serializers

from apps.trading.api.algorithm_serializers import StrictSerializer
from apps.trading.models import Promotion


class PromoteSerializer(StrictSerializer):
    target = serializers.ChoiceField(choices=Promotion.Target.choices)
    notes = serializers.CharField(max_length=500, default="", allow_blank=True)


class ApproveSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500, default="", allow_blank=True)


class RejectSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500)


class PromotionSerializer(serializers.ModelSerializer[Promotion]):
    """A step of an algorithm; people are given by their ids."""

    algorithm_id = serializers.IntegerField(read_only=True)
    slug = serializers.CharField(source="algorithm.slug", read_only=True)
    parameters = serializers.JSONField(source="algorithm.parameters", read_only=True)
    owner = serializers.IntegerField(source="algorithm.user_id", read_only=True)
    requested_by = serializers.IntegerField(source="requested_by_id", read_only=True)
    decided_by = serializers.IntegerField(source="decided_by_id", read_only=True, allow_null=True)

    class Meta:
        model = Promotion
        fields: ClassVar[tuple[str, ...]] = (
            "id", "algorithm_id", "slug", "parameters", "owner", "version", "code_digest", "target", "status", "grounds", "notes",
            "requested_by", "requested_at", "decided_by", "decided_at", "reason",
        )  # fmt: skip
