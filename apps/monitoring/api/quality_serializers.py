"""Write the ledgers' quality, and what there is of each series, as JSON."""

from typing import Any, ClassVar

from rest_framework import serializers

from apps.monitoring.coverage import Series
from apps.monitoring.models import QualityCheck
from apps.monitoring.quality import State


class ScoresSerializer(serializers.Serializer[Any]):
    overall = serializers.FloatField()
    completeness = serializers.FloatField()
    timeliness = serializers.FloatField()
    accuracy = serializers.FloatField()
    newest_at = serializers.DateTimeField(allow_null=True)


class SourceQualitySerializer(ScoresSerializer):
    """A source by itself; `counts`: whether its ledger is judged by it."""

    state = serializers.ChoiceField(choices=[state.value for state in State])
    frozen_since = serializers.DateTimeField(allow_null=True)
    off_because = serializers.CharField(allow_blank=True)
    counts = serializers.BooleanField()


class LedgerQualitySerializer(ScoresSerializer):
    sources = serializers.DictField(child=SourceQualitySerializer(), help_text="By name.")


class RowSerializer(serializers.Serializer[Any]):
    table = serializers.CharField()
    id = serializers.IntegerField()


class RemarkSerializer(serializers.Serializer[Any]):
    ledger = serializers.CharField(allow_blank=True, help_text="Empty: all four.")
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    message = serializers.CharField()
    rows = RowSerializer(many=True, help_text="Ten at most, the newest first.")


class QualitySerializer(serializers.ModelSerializer[QualityCheck]):
    ledgers = serializers.DictField(child=LedgerQualitySerializer(), help_text="By name.")
    issues = RemarkSerializer(many=True)
    warnings = RemarkSerializer(many=True)
    info = RemarkSerializer(many=True)

    class Meta:
        model = QualityCheck
        fields: ClassVar[tuple[str, ...]] = (
            "overall", "completeness", "timeliness", "accuracy", "ledgers", "issues", "warnings", "info", "checked_at",
        )  # fmt: skip


class GapSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()


class SeriesSerializer(serializers.Serializer[Series]):
    ledger = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    series = serializers.CharField(help_text="`runs`, or a market such as BTC/AUD.")
    expected = serializers.IntegerField(allow_null=True, help_text="By the schedule; null if it has none.")
    found = serializers.IntegerField()
    coverage = serializers.FloatField(allow_null=True, help_text="0 to 1.")
    gaps = GapSerializer(many=True)


class CoverageSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    results = SeriesSerializer(many=True)
