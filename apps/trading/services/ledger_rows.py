"""Turn rows of the ledgers into what algorithms see: one table per series."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from apps.ledgers.models import Candle, CatalystEvent, Fundamental, News, OnChainMetric, Price, SocialPost
from apps.ledgers.models.entry import Entry
from apps.trading.algorithms.base import LEDGER_OF, Input, Series
from apps.trading.algorithms.rows import WIDTHS, Bar, Figures, Happened, Measured, Ref, Row, Said, Tick

Values = Mapping[str, Any]
AUD = "AUD"
PRICES = "coinspot_prices"


@dataclass(frozen=True, slots=True)
class Table:
    """Where a series is kept: its model, what to select, which rows are an input's, and how to read one."""

    series: Series
    model: type[Entry]
    columns: tuple[str, ...]
    about: Callable[[Input], dict[str, Any]]
    """The lookups that select an input's rows."""
    read: Callable[[Values, Ref, datetime], Row]
    source: Callable[[Values], str]
    is_item: bool = True
    """Whether its rows are versions of items, of which only the newest counts."""
    shared: bool = False
    """Whether it is as fresh as its whole ledger, whatever it is about."""

    def row(self, values: Values, known_at: datetime) -> Row:
        """Read a row, selected with `columns`, that became known at `known_at`."""
        ref = Ref(
            LEDGER_OF[self.series], self.model._meta.model_name or "", values["id"], self.source(values)
        )
        return self.read(values, ref, known_at)

    def rows_of(self, wanted: Input) -> "QuerySet[Any]":
        """Select an input's rows, whenever they became known."""
        return self.model._default_manager.filter(**self.about(wanted))


def end_of(wanted: Input, occurred_at: datetime) -> datetime:
    """Give up to when a row speaks: a candle to its end."""
    return occurred_at + WIDTHS[wanted.detail] if wanted.series == Series.CANDLES else occurred_at


def _market_source(values: Values) -> str:
    return PRICES if values["origin"] == Entry.Origin.OBSERVED else str(values["origin"])


def _tick(values: Values, ref: Ref, known_at: datetime) -> Tick:
    return Tick(
        ref=ref, occurred_at=values["occurred_at"], known_at=known_at, coin_type=values["coin_type"],
        bid=values["bid"], ask=values["ask"], last=values["last"],
    )  # fmt: skip


def _bar(values: Values, ref: Ref, known_at: datetime) -> Bar:
    return Bar(
        ref=ref, occurred_at=values["occurred_at"], known_at=known_at, coin_type=values["coin_type"],
        interval=values["interval"], open=values["open"], high=values["high"], low=values["low"],
        close=values["close"],
    )  # fmt: skip


def _said(values: Values, ref: Ref, known_at: datetime) -> Said:
    return Said(
        ref=ref, occurred_at=values["occurred_at"], known_at=known_at, title=values["title"], source=ref.source,
        sentiment_score=values["sentiment_score"], engagement=sum(values["engagement"].values()),
    )  # fmt: skip


def _happened(values: Values, ref: Ref, known_at: datetime) -> Happened:
    return Happened(
        ref=ref, occurred_at=values["occurred_at"], known_at=known_at, event_type=values["event_type"],
        title=values["title"], source=values["source"], impact_score=values["impact_score"],
    )  # fmt: skip


def _figures(values: Values, ref: Ref, known_at: datetime) -> Figures:
    return Figures(
        ref=ref, occurred_at=values["occurred_at"], known_at=known_at, protocol=values["protocol"],
        tvl_usd=values["tvl_usd"], fees_24h_usd=values["fees_24h_usd"], revenue_24h_usd=values["revenue_24h_usd"],
    )  # fmt: skip


def _measured(values: Values, ref: Ref, known_at: datetime) -> Measured:
    return Measured(
        ref=ref, occurred_at=values["occurred_at"], known_at=known_at, asset=values["asset"],
        network=values["network"], name=values["metric_name"], value=values["metric_value"],
    )  # fmt: skip


def _of_coin(wanted: Input) -> dict[str, Any]:
    return {"coin_type": wanted.of, "market": AUD}


def _naming(wanted: Input) -> dict[str, Any]:
    return {"currencies__contains": [wanted.of]}


_TEXT = ("title", "sentiment_score", "engagement")
TABLES = {
    table.series: table
    for table in (
        Table(
            Series.PRICE, Price, ("origin", "coin_type", "bid", "ask", "last"), _of_coin, _tick, _market_source,
            is_item=False,
        ),
        Table(
            Series.CANDLES, Candle, ("origin", "coin_type", "interval", "open", "high", "low", "close"),
            lambda wanted: _of_coin(wanted) | {"interval": wanted.detail}, _bar, _market_source, is_item=False,
        ),
        Table(
            Series.NEWS, News, (*_TEXT, "source"), _naming, _said, lambda values: values["source"], shared=True
        ),
        Table(
            Series.POSTS, SocialPost, (*_TEXT, "platform", "community"), _naming, _said,
            lambda values: f"{values['platform']}:{values['community']}", shared=True,
        ),
        Table(
            Series.EVENTS, CatalystEvent, ("event_type", "title", "source", "impact_score"), _naming, _happened,
            lambda values: values["source"], shared=True,
        ),
        Table(
            Series.FUNDAMENTALS, Fundamental,
            ("collector_id", "protocol", "tvl_usd", "fees_24h_usd", "revenue_24h_usd"),
            lambda wanted: {"protocol": wanted.of}, _figures, lambda values: values["collector_id"],
        ),
        Table(
            Series.METRICS, OnChainMetric, ("source", "asset", "network", "metric_name", "metric_value"),
            lambda wanted: {"asset": wanted.of, "metric_name": wanted.detail}, _measured,
            lambda values: values["source"],
        ),
    )
}  # fmt: skip
COMMON = ("id", "occurred_at", "observed_at")
