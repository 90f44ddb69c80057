"""Write ledgers and collectors as JSON."""

from typing import Any, ClassVar

from rest_framework import serializers

from apps.ledgers.health import health
from apps.ledgers.models import CollectionRun, Price, Source
from ohmycoins.core.api.fields import PlainDecimalField


class PriceSerializer(serializers.ModelSerializer[Price]):
    bid = PlainDecimalField()
    ask = PlainDecimalField()
    last = PlainDecimalField()

    class Meta:
        model = Price
        fields: ClassVar[tuple[str, ...]] = (
            "id", "coin_type", "market", "bid", "ask", "last", "crossed", "occurred_at", "observed_at",
        )  # fmt: skip


class RunSerializer(serializers.ModelSerializer[CollectionRun]):
    class Meta:
        model = CollectionRun
        fields: ClassVar[tuple[str, ...]] = (
            "id", "status", "started_at", "finished_at", "fetched", "stored", "duplicates", "rejected",
            "unpriced", "error",
        )  # fmt: skip


class CollectorSerializer(serializers.Serializer[Source]):
    """A source from `SourceQuerySet.with_health()`; its schedule comes from the view."""

    name = serializers.CharField()
    ledger = serializers.CharField()
    enabled = serializers.BooleanField()
    schedule = serializers.SerializerMethodField()
    health = serializers.SerializerMethodField()
    success_rate = serializers.FloatField(allow_null=True)
    avg_latency_ms = serializers.SerializerMethodField()
    records_stored = serializers.IntegerField()
    last_run = serializers.DateTimeField(allow_null=True)
    last_success = serializers.DateTimeField(allow_null=True)
    last_failure = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(allow_null=True)
    watermark = serializers.DateTimeField(allow_null=True)

    def get_schedule(self, source: Source) -> str | None:
        schedules: dict[str, str] = self.context["schedules"]
        return schedules.get(source.name)

    def get_health(self, source: Any) -> str:
        return health(enabled=source.enabled, success_rate=source.success_rate)

    def get_avg_latency_ms(self, source: Any) -> int | None:
        return None if source.avg_latency is None else round(source.avg_latency.total_seconds() * 1000)
