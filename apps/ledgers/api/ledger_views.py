"""Serve `/ledgers`: every list newest first, and as of any moment."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView

from apps.ledgers.api.serializers import (
    CandleSerializer,
    CatalystEventSerializer,
    DepthSerializer,
    FundamentalSerializer,
    MetricSerializer,
    NewsSerializer,
    PriceSerializer,
    SocialPostSerializer,
)
from apps.ledgers.models import (
    Candle,
    CatalystEvent,
    Depth,
    Fundamental,
    LatestPrice,
    News,
    OnChainMetric,
    Price,
    SocialPost,
)
from apps.ledgers.models.entry import Item
from apps.ledgers.services.known import knowable
from ohmycoins.core.api.params import (
    as_of_param,
    choice_param,
    instant_param,
    int_param,
    symbol_param,
    text_param,
)
from ohmycoins.core.errors import Invalid


def _text(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=description)


def _instant(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.DATETIME, description=description)


AS_OF = _instant("as_of", "Exactly what was known then.")
COIN_TYPE = _text("coin_type", "A coin's symbol, such as BTC.")
MARKET = _text("market", "The market's coin; all markets when left out.")
SENTIMENT = _text("sentiment", "bullish, neutral or bearish.")
ENTRIES = (
    AS_OF,
    _instant("since", "Occurred then or later."),
    _instant("until", "Occurred before then."),
)
ITEMS = (*ENTRIES, _text("versions", "`all` lists every version of an item, not only its newest."))


class EntriesView(ListAPIView[Any]):
    """List a ledger's entries, newest first."""

    ordering = "-occurred_at"
    model: ClassVar[Any]
    ledger: ClassVar[str]
    exact: ClassVar[tuple[str, ...]] = ()
    """Parameters that must equal the column of the same name."""

    def get_queryset(self) -> Any:
        request = self.request
        since, until = instant_param(request, "since"), instant_param(request, "until")
        if since and until and since > until:
            raise Invalid("since lies after until")
        if as_of := as_of_param(request):
            as_of = knowable(as_of, ledger=self.ledger, model=self.model)
        given = {name: text for name in self.exact if (text := text_param(request, name)) is not None}
        entries: Any = self.model.objects.between(since, until).filter(**given)
        if issubclass(self.model, Item) and choice_param(request, "versions", ("all",)) is None:
            entries = entries.current(as_of)
        elif as_of:
            entries = entries.as_of(as_of)
        return self.narrowed(entries)

    def narrowed(self, entries: Any) -> Any:
        """Apply the filters of this list alone."""
        return entries


class MarketsView(EntriesView):
    """A list about coins on markets."""

    ledger = "exchange"

    def narrowed(self, entries: Any) -> Any:
        if coin_type := symbol_param(self.request, "coin_type"):
            entries = entries.filter(coin_type=coin_type)
        if market := symbol_param(self.request, "market"):
            entries = entries.filter(market=market)
        return entries


@extend_schema(parameters=[COIN_TYPE, MARKET, *ENTRIES])
class ExchangePricesView(MarketsView):
    """List prices, newest first."""

    model = Price
    serializer_class = PriceSerializer


@extend_schema(parameters=[COIN_TYPE, MARKET, *ENTRIES])
class ExchangeDepthView(MarketsView):
    """List order books as they were seen to change, newest first, each with its 20 best levels a side."""

    model = Depth
    serializer_class = DepthSerializer


@extend_schema(
    parameters=[COIN_TYPE, MARKET, _text("interval", "5min, hour (the default) or day."), *ENTRIES]
)
class ExchangeCandlesView(MarketsView):
    """List candles, newest first; an interval in which nothing was recorded has none."""

    model = Candle
    serializer_class = CandleSerializer

    def narrowed(self, entries: Any) -> Any:
        interval = choice_param(self.request, "interval", Candle.Interval.values) or Candle.Interval.HOUR
        return super().narrowed(entries).filter(interval=interval)


@extend_schema(parameters=[COIN_TYPE, MARKET, AS_OF])
class ExchangeLatestView(MarketsView):
    """List the newest price of each market, by coin."""

    model = Price
    serializer_class = PriceSerializer
    ordering = "coin_type"

    def get_queryset(self) -> QuerySet[Price]:
        latest = self.narrowed(LatestPrice.objects.all())
        if as_of := as_of_param(self.request):
            knowable(as_of, ledger=self.ledger, model=Price)
            return Price.objects.filter(pk__in=latest.price_ids_as_of(as_of))  # type: ignore[attr-defined]
        return Price.objects.filter(pk__in=latest.values("price_id"))


@extend_schema(parameters=[_text("protocol", "DeFiLlama's name of it, such as aave."), *ITEMS])
class GlassFundamentalsView(EntriesView):
    """List what protocols hold and earn, day by day."""

    model = Fundamental
    ledger = "glass"
    serializer_class = FundamentalSerializer
    exact = ("protocol",)


@extend_schema(
    parameters=[
        _text("asset", "Such as ETH."), _text("network", "Such as Ethereum."),
        _text("metric_name", "Such as chain_tvl_usd."), *ITEMS,
    ]
)  # fmt: skip
class GlassMetricsView(EntriesView):
    """List on-chain metrics, day by day."""

    model = OnChainMetric
    ledger = "glass"
    serializer_class = MetricSerializer
    exact = ("asset", "network", "metric_name", "source")


class TextsView(EntriesView):
    """A list of texts or events that name coins."""

    def narrowed(self, entries: Any) -> Any:
        if coin_type := symbol_param(self.request, "coin_type"):
            entries = entries.filter(currencies__contains=[coin_type])
        if sentiment := choice_param(self.request, "sentiment", News.Sentiment.values):
            entries = entries.filter(sentiment=sentiment)
        return entries


@extend_schema(parameters=[COIN_TYPE, SENTIMENT, _text("source", "Who published it."), *ITEMS])
class HumanNewsView(TextsView):
    """List news, each in its newest version."""

    model = News
    ledger = "human"
    serializer_class = NewsSerializer
    exact = ("source",)


@extend_schema(parameters=[COIN_TYPE, SENTIMENT, _text("community", "Such as Bitcoin."), *ITEMS])
class HumanSocialView(TextsView):
    """List social posts, each in its newest version."""

    model = SocialPost
    ledger = "human"
    serializer_class = SocialPostSerializer
    exact = ("community", "platform")


@extend_schema(
    parameters=[
        COIN_TYPE, _text("event_type", "Such as listing or sec_filing_8k."), _text("source", "SEC or CoinSpot."),
        OpenApiParameter("min_impact", int, description="1 to 10."), *ITEMS,
    ]
)  # fmt: skip
class CatalystEventsView(EntriesView):
    """List events, each in its newest version."""

    model = CatalystEvent
    ledger = "catalyst"
    serializer_class = CatalystEventSerializer
    exact = ("event_type", "source")

    def narrowed(self, entries: Any) -> Any:
        if coin_type := symbol_param(self.request, "coin_type"):
            entries = entries.filter(currencies__contains=[coin_type])
        if (impact := int_param(self.request, "min_impact", 1, 10)) is not None:
            entries = entries.filter(impact_score__gte=impact)
        return entries
