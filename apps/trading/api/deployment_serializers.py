"""Read deployments from JSON, and write them with how they do."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.trading.api.algorithm_serializers import StrictSerializer
from apps.trading.deciding import LONGEST_PAUSE_SECONDS, MOST_SLICES
from apps.trading.models import Deployment
from apps.trading.services.deployments import HEALTHS, health_of
from ohmycoins.core import clock
from ohmycoins.core.api.fields import PlainDecimalField, PositiveDecimalField


class NewDeploymentSerializer(StrictSerializer):
    algorithm_id = serializers.IntegerField(min_value=1)
    account = serializers.IntegerField(
        required=False, min_value=1, help_text="The default account if left out."
    )
    frequency = serializers.CharField(
        max_length=100, help_text="interval:N:seconds|minutes|hours|days, or cron: and five fields in UTC."
    )
    parameters = serializers.DictField(
        default=dict, help_text="Its own, on top of the algorithm's; paper only."
    )
    position_limit_aud = PositiveDecimalField(
        default=None, allow_null=True, help_text="The most that its coins may be worth together."
    )
    daily_loss_limit_aud = PositiveDecimalField(
        default=None,
        allow_null=True,
        help_text="What it may lose in a local day before it buys nothing more.",
    )
    slices = serializers.IntegerField(
        default=1, min_value=1, max_value=MOST_SLICES, help_text="In how many equal orders it trades."
    )
    slice_seconds = serializers.IntegerField(
        default=60, min_value=1, max_value=LONGEST_PAUSE_SECONDS, help_text="How far apart these are."
    )


class CommandSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=300, default="asked for")


class LastDecisionSerializer(serializers.Serializer[Any]):
    """The newest run that is over; `/floor/signals/{id}` has all of it."""

    id = serializers.IntegerField()
    slot = serializers.DateTimeField()
    status = serializers.CharField()
    action = serializers.CharField()
    coin_type = serializers.CharField()
    reason = serializers.CharField()
    denials = serializers.ListField()
    error = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    """A deployment of `Deployment.objects.with_latest()`."""

    algorithm_id = serializers.IntegerField(read_only=True)
    account = serializers.IntegerField(source="account_id", read_only=True)
    position_limit_aud = PlainDecimalField(read_only=True, allow_null=True)
    daily_loss_limit_aud = PlainDecimalField(read_only=True, allow_null=True)
    last_error = serializers.SerializerMethodField()
    health = serializers.SerializerMethodField()
    last_decision = serializers.SerializerMethodField()

    class Meta:
        model = Deployment
        fields: ClassVar[tuple[str, ...]] = (
            "id", "algorithm_id", "account", "frequency", "parameters", "position_limit_aud",
            "daily_loss_limit_aud", "slices", "slice_seconds", "status", "status_reason", "health", "next_run_at",
            "last_run_at", "runs", "failures", "failures_in_row", "last_error", "last_decision", "created_at",
        )  # fmt: skip

    def get_last_error(self, deployment: Deployment) -> str | None:
        return deployment.last_error or None

    @extend_schema_field(serializers.ChoiceField(choices=HEALTHS))
    def get_health(self, deployment: Any) -> str:
        return health_of(deployment, clock.now())

    @extend_schema_field(LastDecisionSerializer(allow_null=True))
    def get_last_decision(self, deployment: Any) -> dict[str, Any] | None:
        said: dict[str, Any] | None = deployment.last_decision
        if said is None:
            return None
        return said | {name: _in_utc(said[name]) for name in ("slot", "decided_at")}


def _in_utc(text: str | None) -> str | None:
    """Write an instant as the rest of the API does; the database's JSON has it in UTC with an offset."""
    return text.replace("+00:00", "Z") if text else None
