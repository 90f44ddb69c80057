"""Write ledgers and collectors as JSON."""

from typing import Any, ClassVar

from rest_framework import serializers

from apps.ledgers.health import health
from apps.ledgers.models import (
    Candle,
    CatalystEvent,
    CollectionRun,
    Depth,
    Fundamental,
    News,
    OnChainMetric,
    Price,
    SocialPost,
    Source,
)
from apps.ledgers.services.control import off_because
from ohmycoins.core.api.fields import PlainDecimalField

TIMES = ("occurred_at", "observed_at", "origin")
TEXT = ("sentiment", "sentiment_score", "currencies", "engagement")


class PriceSerializer(serializers.ModelSerializer[Price]):
    bid = PlainDecimalField()
    ask = PlainDecimalField()
    last = PlainDecimalField()

    class Meta:
        model = Price
        fields: ClassVar[tuple[str, ...]] = (
            "id", "coin_type", "market", "bid", "ask", "last", "crossed", "occurred_at", "observed_at",
        )  # fmt: skip


class DepthSerializer(serializers.ModelSerializer[Depth]):
    """An order book; a level is [price, quantity], and each side begins with its best."""

    bids = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    asks = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))

    class Meta:
        model = Depth
        fields: ClassVar[tuple[str, ...]] = (
            "id", "coin_type", "market", "bids", "asks", "crossed", "occurred_at", "observed_at",
        )  # fmt: skip


class CandleSerializer(serializers.ModelSerializer[Candle]):
    open = PlainDecimalField()
    high = PlainDecimalField()
    low = PlainDecimalField()
    close = PlainDecimalField()
    volume = PlainDecimalField(allow_null=True)

    class Meta:
        model = Candle
        fields: ClassVar[tuple[str, ...]] = (
            "id", "coin_type", "market", "interval", "open", "high", "low", "close", "volume", "readings", *TIMES,
        )  # fmt: skip


class FundamentalSerializer(serializers.ModelSerializer[Fundamental]):
    tvl_usd = PlainDecimalField(allow_null=True)
    fees_24h_usd = PlainDecimalField(allow_null=True)
    revenue_24h_usd = PlainDecimalField(allow_null=True)

    class Meta:
        model = Fundamental
        fields: ClassVar[tuple[str, ...]] = (
            "id", "protocol", "tvl_usd", "fees_24h_usd", "revenue_24h_usd", *TIMES,
        )  # fmt: skip


class MetricSerializer(serializers.ModelSerializer[OnChainMetric]):
    metric_value = PlainDecimalField()

    class Meta:
        model = OnChainMetric
        fields: ClassVar[tuple[str, ...]] = (
            "id", "asset", "network", "metric_name", "metric_value", "source", *TIMES,
        )  # fmt: skip


class NewsSerializer(serializers.ModelSerializer[News]):
    sentiment_score = PlainDecimalField()

    class Meta:
        model = News
        fields: ClassVar[tuple[str, ...]] = ("id", "title", "source", "url", "content", *TEXT, *TIMES)


class SocialPostSerializer(serializers.ModelSerializer[SocialPost]):
    """A post; `score` and `comment_count` are null where the source hides or lacks them."""

    sentiment_score = PlainDecimalField()
    score = serializers.IntegerField(source="engagement.score", default=None)
    comment_count = serializers.IntegerField(source="engagement.comments", default=None)

    class Meta:
        model = SocialPost
        fields: ClassVar[tuple[str, ...]] = (
            "id", "platform", "community", "title", "content", "author", "url", "score", "comment_count",
            *TEXT[:3], *TIMES,
        )  # fmt: skip


class CatalystEventSerializer(serializers.ModelSerializer[CatalystEvent]):
    class Meta:
        model = CatalystEvent
        fields: ClassVar[tuple[str, ...]] = (
            "id", "event_type", "title", "description", "source", "url", "currencies", "impact_score", *TIMES,
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
    off_because = serializers.SerializerMethodField()
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

    def get_off_because(self, source: Source) -> str | None:
        return off_because(source)

    def get_health(self, source: Any) -> str:
        return health(off=off_because(source) is not None, success_rate=source.success_rate)

    def get_avg_latency_ms(self, source: Any) -> int | None:
        return None if source.avg_latency is None else round(source.avg_latency.total_seconds() * 1000)
