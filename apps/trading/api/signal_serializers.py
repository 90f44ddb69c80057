"""Write decisions as the signals they are: what an algorithm wanted, why, and what came of it."""

from typing import Any, ClassVar

from rest_framework import serializers

from apps.trading.models import Decision, Evidence
from ohmycoins.core.api.fields import PlainDecimalField


class EvidenceSerializer(serializers.ModelSerializer[Evidence]):
    """A ledger row that a signal rests on."""

    class Meta:
        model = Evidence
        fields: ClassVar[tuple[str, ...]] = ("ledger", "table", "row_id", "source")


class SignalSerializer(serializers.ModelSerializer[Decision]):
    """A decision; quantity, fraction and amount_aud are as the signal said, at most one of them."""

    deployment_id = serializers.IntegerField(read_only=True)
    algorithm_id = serializers.IntegerField(source="deployment.algorithm_id", read_only=True)
    account = serializers.IntegerField(source="deployment.account_id", read_only=True)
    quantity = PlainDecimalField(read_only=True, allow_null=True)
    fraction = PlainDecimalField(read_only=True, allow_null=True)
    amount_aud = PlainDecimalField(read_only=True, allow_null=True)
    confidence = PlainDecimalField(read_only=True, allow_null=True)
    evidence = EvidenceSerializer(many=True, read_only=True)
    order_id = serializers.SerializerMethodField(help_text="The first, where it is traded in slices.")
    twap_id = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()

    class Meta:
        model = Decision
        fields: ClassVar[tuple[str, ...]] = (
            "id", "deployment_id", "algorithm_id", "account", "slot", "status", "action", "coin_type", "quantity",
            "fraction", "amount_aud", "confidence", "ledger", "reason", "decided_at", "evidence", "order_id",
            "twap_id", "denials", "error",
        )  # fmt: skip

    def get_order_id(self, decision: Decision) -> int | None:
        return min((order.pk for order in decision.orders.all()), default=None)

    def get_twap_id(self, decision: Decision) -> int | None:
        twap = getattr(decision, "twap", None)
        return twap.pk if twap else None

    def get_error(self, decision: Decision) -> str | None:
        return decision.error or None


class SignalDetailSerializer(SignalSerializer):
    """A decision with everything that it went by."""

    order_ids = serializers.SerializerMethodField()

    class Meta(SignalSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (
            *SignalSerializer.Meta.fields, "order_ids", "parameters", "book", "reads", "quality", "code_digest",
            "code_version", "attempts", "created_at",
        )  # fmt: skip

    def get_order_ids(self, decision: Any) -> list[int]:
        return sorted(order.pk for order in decision.orders.all())
