"""Play the ledgers from an instant on: at any moment what was known then, and nothing else.

A row counts from when it became known: as it was observed, or, of backfilled and made-up history, when it
would have been. The tape only runs forward, and holds so much of each series as is declared.

A coin's quote is its newest price. Where history was backfilled as candles alone, it is the close of the
newest candle that is over, bid and ask half the spread to either side, dated when that candle became
known; prices that are no more than ten minutes older go before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN
from typing import Any

from django.db.models import Max

from apps.ledgers.models import Candle, Depth, Price
from apps.ledgers.querysets import AHEAD
from apps.ledgers.records import Level, levels_of
from apps.pnl.backtests.arrivals import CandleArrivals, Freshness, ItemArrivals, known_at, known_rows
from apps.pnl.backtests.newest import Found, Looked, Newest
from apps.pnl.backtests.plan import Plan
from apps.pnl.backtests.reading import BACKFILLED, PRICES, Scope
from apps.pnl.backtests.windows import Window
from apps.trading.algorithms.base import Input, Series
from apps.trading.algorithms.rows import WIDTHS, Ref, Row, Tick
from apps.trading.records import BUY, Quote
from apps.trading.safety import STALE_AFTER
from apps.trading.services.ledger_rows import AUD, TABLES, end_of
from apps.trading.services.ledger_rows import PRICES as PRICES_SOURCE
from ohmycoins.core.money import PRICE_STEP

FAR_APART = timedelta(hours=6)
"""From such steps on each quote is looked up for itself: most rows between them are never asked for."""
STALE = STALE_AFTER["paper"]

Tops = dict[str, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """A coin's market as it was seen: where from, and its prices."""

    ref: Ref
    occurred_at: datetime
    quote: Quote


def tops_of(plan: Plan) -> Tops:
    """Say up to which row each table counts: what is recorded while a backtest runs does not change it."""
    models: set[Any] = {Price, Candle, Depth, *(TABLES[each.series].model for each in plan.inputs)}
    return {model._meta.db_table: model.objects.aggregate(top=Max("id"))["top"] or 0 for model in models}


class Tape:
    """What was known at the instant that it was moved to (`backtests.plan.Market`)."""

    def __init__(self, plan: Plan, tops: Tops) -> None:
        self._plan, self._tops = plan, tops
        self._now = datetime.min.replace(tzinfo=plan.start.tzinfo)
        look: type[Newest | Looked] = Looked if plan.step >= FAR_APART else Newest
        prices, candles = self._scope(Price), self._scope(Candle)
        self._prices = {coin: look(PRICES, (coin,), prices) for coin in plan.coins}
        backfilled = _backfilled(plan, candles)
        self._candles = {
            coin: {detail: look(BACKFILLED, (coin, detail), candles) for detail in WIDTHS if (coin, detail) in backfilled}
            for coin in plan.coins
        }  # fmt: skip
        self._seen: dict[str, Seen | None] = {}
        self._depths: dict[str, Any] = {}
        self._first_depth: dict[str, datetime | None] = {}
        self._windows: dict[Input, Window] = {}
        self._moved: dict[Input, datetime] = {}
        self._freshness: dict[Series, Freshness] = {}

    def move(self, now: datetime) -> None:
        """Go on to `now`. Raises ValueError for an instant that has passed."""
        if now < self._now:
            raise ValueError(f"{now.isoformat()} has passed: it is {self._now.isoformat()}")
        if now > self._now:
            self._now = now
            self._seen.clear()
            self._depths.clear()

    def quote(self, coin_type: str) -> Quote | None:
        """Give the newest price, dated when it became known."""
        seen = self._see(coin_type)
        return seen.quote if seen else None

    def levels(self, coin_type: str, side: str) -> tuple[tuple[Level, ...], datetime] | None:
        """Give the newest order book, unless it is older than a price may be; None without one."""
        if coin_type not in self._depths:
            self._depths[coin_type] = self._depth(coin_type)
        depth = self._depths[coin_type]
        if depth is None:
            return None
        bids, asks, observed_at = depth
        return levels_of(asks if side == BUY else bids), observed_at

    def rows(self, wanted: Input) -> Sequence[Row]:
        """Give an input's rows, oldest first."""
        if wanted.series == Series.PRICE:
            tick = self._tick(wanted)
            return (tick,) if tick else ()
        return self._window(wanted).rows(self._now)

    def newest(self, wanted: Input) -> datetime | None:
        """Give when the newest row of an input's series occurred, a candle: ended."""
        table = TABLES[wanted.series]
        if wanted.series == Series.PRICE:
            seen = self._see(wanted.of)
            return seen.occurred_at if seen else None
        if table.shared:
            if wanted.series not in self._freshness:
                self._freshness[wanted.series] = Freshness(table, self._scope(table.model))
            return self._freshness[wanted.series].at(self._now)
        window = self._window(wanted)
        shown = window.rows(self._now)
        at = shown[-1].occurred_at if shown else window.newest_at
        return end_of(wanted, at) if at else None

    def _scope(self, model: Any) -> Scope:
        return Scope(self._plan.end, self._tops[model._meta.db_table])

    def _see(self, coin_type: str) -> Seen | None:
        if coin_type not in self._seen:
            self._seen[coin_type] = self._look(coin_type)
        return self._seen[coin_type]

    def _look(self, coin_type: str) -> Seen | None:
        if coin_type not in self._prices:
            return None
        price = self._prices[coin_type].at(self._now)
        best: tuple[datetime, Found] | None = None
        for detail, candles in self._candles[coin_type].items():
            candle = candles.at(self._now)
            if candle and (best is None or candle.occurred_at + WIDTHS[detail] > best[0]):
                best = candle.occurred_at + WIDTHS[detail], candle
        if best and (price is None or best[0] > price.occurred_at + STALE):
            return self._of_candle(*best)
        return _of_price(price) if price else None

    def _of_candle(self, ended_at: datetime, candle: Found) -> Seen:
        close = candle.numbers[-1]
        half = close * self._plan.spread_percent / 200
        quote = Quote(
            bid=(close - half).quantize(PRICE_STEP, ROUND_HALF_EVEN), ask=(close + half).quantize(PRICE_STEP, ROUND_HALF_EVEN),
            last=close, observed_at=candle.known_at,
        )  # fmt: skip
        return Seen(Ref("exchange", "candle", candle.id, candle.origin), ended_at, quote)

    def _tick(self, wanted: Input) -> Tick | None:
        seen = self._see(wanted.of)
        if seen is None or (wanted.within is not None and seen.occurred_at < self._now - wanted.within):
            return None
        quote = seen.quote
        return Tick(
            ref=seen.ref, occurred_at=seen.occurred_at, known_at=quote.observed_at, coin_type=wanted.of,
            bid=quote.bid, ask=quote.ask, last=quote.last,
        )  # fmt: skip

    def _window(self, wanted: Input) -> Window:
        window = self._windows.get(wanted)
        if window is None:
            scope = self._scope(TABLES[wanted.series].model)
            if wanted.series == Series.CANDLES:
                window = Window(wanted, CandleArrivals(wanted, scope))
            else:
                arrivals = ItemArrivals(wanted, scope)
                window = Window(wanted, arrivals)
                if not TABLES[wanted.series].shared:
                    window.newest_at = arrivals.newest_at(self._now)
            self._windows[wanted] = window
        if self._moved.get(wanted) != self._now:
            window.move(self._now)
            self._moved[wanted] = self._now
        return window

    def _depth(self, coin_type: str) -> Any:
        """Read the newest order book known now; nothing is asked before the coin's first one."""
        books = known_rows(Depth, self._scope(Depth)).filter(coin_type=coin_type, market=AUD)
        if coin_type not in self._first_depth:
            first = books.order_by("occurred_at").values_list("occurred_at", flat=True).first()
            self._first_depth[coin_type] = first
        first = self._first_depth[coin_type]
        if first is None or first > self._now + AHEAD:
            return None
        known = known_at(Depth, self._scope(Depth), self._now).filter(coin_type=coin_type, market=AUD)
        found = known.order_by("-occurred_at").values_list("bids", "asks", "known").first()
        return found if found and found[2] >= self._now - STALE else None


def _of_price(price: Found) -> Seen:
    bid, ask, last = price.numbers
    quote = Quote(bid=bid, ask=ask, last=last, observed_at=price.known_at)
    source = PRICES_SOURCE if price.origin == "observed" else price.origin
    return Seen(Ref("exchange", "price", price.id, source), price.occurred_at, quote)


def _backfilled(plan: Plan, scope: Scope) -> set[tuple[str, str]]:
    """Find the coins and intervals that candles were backfilled of."""
    found = Candle.objects.filter(
        origin="backfill",
        market=AUD,
        coin_type__in=plan.coins,
        occurred_at__lt=scope.until,
        id__lte=scope.top,
    )
    return set(found.order_by().values_list("coin_type", "interval").distinct())
