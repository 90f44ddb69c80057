"""Read algorithms from JSON, and write them with what their rules say of themselves."""

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.trading.algorithms import base
from apps.trading.models import Algorithm
from apps.trading.services.algorithms import find_rule, inputs_of, rationale_of


class StrictSerializer(serializers.Serializer[Any]):
    """Fields that may be given, and nothing else."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := set(data) - set(self.fields)):
            accepted = ", ".join(self.fields)
            raise serializers.ValidationError(
                dict.fromkeys(sorted(map(str, unknown)), f"is not a field of this; accepted: {accepted}")
            )
        return super().to_internal_value(data)


class NewAlgorithmSerializer(StrictSerializer):
    slug = serializers.CharField(max_length=40, help_text="Which rule; see /floor/rules.")
    name = serializers.CharField(max_length=80)
    parameters = serializers.DictField(default=dict, help_text="Those left out take their defaults.")


class AlgorithmChangeSerializer(StrictSerializer):
    name = serializers.CharField(max_length=80, required=False)
    parameters = serializers.DictField(
        required=False, help_text="Those left out stay as they are; others make it a draft again."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("give name or parameters: nothing else of it can be changed")
        return attrs


class RuleSerializer(serializers.Serializer[base.Algorithm]):
    """What can be set up: a rule of the setting ALGORITHMS."""

    slug = serializers.CharField()
    title = serializers.CharField()
    version = serializers.CharField(help_text="The code's; raised with what may change a signal.")
    rationale = serializers.SerializerMethodField()
    parameter_schema = serializers.SerializerMethodField()

    def get_rationale(self, rule: base.Algorithm) -> str:
        return rationale_of(rule)

    def get_parameter_schema(self, rule: base.Algorithm) -> dict[str, Any]:
        return schema_of(rule.parameters)


class InputSerializer(serializers.Serializer[base.Input]):
    """A series that it reads, and how old that may be."""

    series = serializers.CharField(source="label", help_text="Such as candles:BTC:hour.")
    ledger = serializers.CharField()
    max_age_seconds = serializers.SerializerMethodField()
    count = serializers.IntegerField(help_text="How many rows at most, the newest.")

    def get_max_age_seconds(self, wanted: base.Input) -> int:
        return round(wanted.max_age.total_seconds())


class AlgorithmSerializer(serializers.ModelSerializer[Algorithm]):
    """An algorithm; what its rule says of itself is empty if the rule is gone from the settings."""

    title = serializers.SerializerMethodField()
    rationale = serializers.SerializerMethodField()
    code_version = serializers.SerializerMethodField()
    parameter_schema = serializers.SerializerMethodField()
    inputs = serializers.SerializerMethodField()

    class Meta:
        model = Algorithm
        fields: ClassVar[tuple[str, ...]] = (
            "id", "slug", "name", "version", "status", "parameters", "parameter_schema", "inputs", "title",
            "rationale", "code_version", "created_at",
        )  # fmt: skip

    def get_title(self, algorithm: Algorithm) -> str:
        rule = find_rule(algorithm.slug)
        return rule.title if rule else ""

    def get_rationale(self, algorithm: Algorithm) -> str:
        rule = find_rule(algorithm.slug)
        return rationale_of(rule) if rule else ""

    def get_code_version(self, algorithm: Algorithm) -> str:
        rule = find_rule(algorithm.slug)
        return rule.version if rule else ""

    def get_parameter_schema(self, algorithm: Algorithm) -> dict[str, Any]:
        rule = find_rule(algorithm.slug)
        return schema_of(rule.parameters) if rule else {}

    @extend_schema_field(InputSerializer(many=True))
    def get_inputs(self, algorithm: Algorithm) -> list[dict[str, Any]]:
        return [dict(InputSerializer(wanted).data) for wanted in inputs_of(algorithm)]


@cache
def schema_of(parameters: type[base.Parameters]) -> dict[str, Any]:
    """Give the JSON schema of a rule's parameters: types, bounds, defaults and what each means."""
    return parameters.model_json_schema()
