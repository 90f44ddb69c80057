"""Tell algorithms what a test says was known: rows by hand, and a view on them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from itertools import count
from typing import Any

from apps.trading.algorithms.base import Input, Known, Series, Signal, read_parameters
from apps.trading.algorithms.rows import WIDTHS, Bar, Figures, Happened, Measured, Ref, Row, Said, Tick
from apps.trading.algorithms.view import Book, Position, View
from apps.trading.deciding import decide

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EMPTY = Book(cash_aud=D(10_000), equity_aud=D(10_000), budget_aud=D(3_000))
_ids = count(1)


def _ref(ledger: str, table: str, source: str = "tests") -> Ref:
    return Ref(ledger, table, next(_ids), source)


def tick(coin_type: str = "BTC", last: str = "100", ago: timedelta = timedelta(0), **quotes: str) -> Tick:
    """Give a price; bid and ask are the last unless said."""
    bid, ask = (D(quotes.get(name, last)) for name in ("bid", "ask"))
    at = NOW - ago
    ref = _ref("exchange", "price")
    return Tick(ref=ref, occurred_at=at, known_at=at, coin_type=coin_type, bid=bid, ask=ask, last=D(last))


def bars(
    closes: Sequence[Any], *, coin_type: str = "BTC", interval: str = "hour", end: datetime = NOW
) -> list[Bar]:
    """Give candles one after the other with these closes, the last over at `end`; None leaves one out."""
    width = WIDTHS[interval]
    found = []
    for place, close in enumerate(closes):
        if close is None:
            continue
        at, price = end - width * (len(closes) - place), D(str(close))
        found.append(
            Bar(
                ref=_ref("exchange", "candle"), occurred_at=at, known_at=at + width, coin_type=coin_type,
                interval=interval, open=price, high=price, low=price, close=price,
            )
        )  # fmt: skip
    return found


def said(
    score: str,
    ago: timedelta,
    *,
    engagement: int = 0,
    table: str = "news",
    known_ago: timedelta | None = None,
) -> Said:
    """Give an article (or, with `table`, a post) about the coin that the view asks for."""
    at = NOW - ago
    return Said(
        ref=_ref("human", table), occurred_at=at, known_at=NOW - (ago if known_ago is None else known_ago),
        title="A text", source="tests", sentiment_score=D(score), engagement=engagement,
    )  # fmt: skip


def happened(event_type: str, ago: timedelta, impact: int = 9, title: str = "An event") -> Happened:
    at = NOW - ago
    return Happened(
        ref=_ref("catalyst", "catalystevent"), occurred_at=at, known_at=at, event_type=event_type,
        title=title, source="tests", impact_score=impact,
    )  # fmt: skip


def figures(protocol: str, tvl: Any, ago: timedelta) -> Figures:
    at = NOW - ago
    return Figures(
        ref=_ref("glass", "fundamental"), occurred_at=at, known_at=at, protocol=protocol,
        tvl_usd=None if tvl is None else D(str(tvl)), fees_24h_usd=None, revenue_24h_usd=None,
    )  # fmt: skip


def measured(
    value: Any, ago: timedelta, *, asset: str = "ETH", network: str = "Ethereum", name: str = "chain_tvl_usd"
) -> Measured:
    at = NOW - ago
    return Measured(
        ref=_ref("glass", "onchainmetric"), occurred_at=at, known_at=at, asset=asset, network=network,
        name=name, value=D(str(value)),
    )  # fmt: skip


_TABLES = {
    Series.PRICE: "price", Series.CANDLES: "candle", Series.NEWS: "news", Series.POSTS: "socialpost",
    Series.EVENTS: "catalystevent", Series.FUNDAMENTALS: "fundamental", Series.METRICS: "onchainmetric",
}  # fmt: skip


@dataclass
class KnownRows:
    """Know these rows as of `now`; texts and events are about whatever coin is asked for."""

    told: Sequence[Row]
    now: datetime = NOW
    asked: list[Input] = field(default_factory=list)

    def rows(self, wanted: Input) -> Sequence[Row]:
        self.asked.append(wanted)
        since = self.now - wanted.within if wanted.within is not None else None
        found = [row for row in self._known(wanted) if since is None or row.occurred_at >= since]
        return found[-wanted.count :]

    def newest(self, wanted: Input) -> datetime | None:
        known = self._known(wanted)
        width = WIDTHS[wanted.detail] if wanted.series == Series.CANDLES else timedelta(0)
        return known[-1].occurred_at + width if known else None

    def _known(self, wanted: Input) -> list[Row]:
        found = [
            row for row in self.told
            if row.known_at <= self.now and row.ref.table == _TABLES[wanted.series] and _is_about(row, wanted)
        ]  # fmt: skip
        return sorted(found, key=lambda row: (row.occurred_at, row.ref.id))


def _is_about(row: Row, wanted: Input) -> bool:
    match row:
        case Tick():
            return row.coin_type == wanted.of
        case Bar():
            return (row.coin_type, row.interval) == (wanted.of, wanted.detail)
        case Figures():
            return row.protocol == wanted.of
        case Measured():
            return (row.asset, row.name) == (wanted.of, wanted.detail)
        case _:
            return True


def view_of(
    algorithm: Any, rows: Sequence[Row] | Known, *, book: Book = EMPTY, now: datetime = NOW, **parameters: Any
) -> View:
    """Show an algorithm with these parameters what was told."""
    known: Any = rows if hasattr(rows, "newest") else KnownRows(rows, now)
    read = read_parameters(algorithm, parameters)
    return View(now=now, parameters=read, book=book, inputs=algorithm.inputs(read), known=known)


def ask(
    algorithm: Any, rows: Sequence[Row], *, book: Book = EMPTY, now: datetime = NOW, **parameters: Any
) -> Signal:
    """Give what the algorithm says, judged as live decisions and backtests judge it."""
    return decide(algorithm, view_of(algorithm, rows, book=book, now=now, **parameters))


def book_of(
    *, cash: int = 10_000, budget: int = 3_000, **held: tuple[str, str] | tuple[str, str, datetime]
) -> Book:
    """Give a book: coins with their quantity, their worth and when they were bought (an hour ago unless said)."""
    positions = {
        coin: Position(D(quantity), D(value), bought[0] if bought else NOW - HOUR)
        for coin, (quantity, value, *bought) in held.items()
    }
    worth = sum((position.value_aud for position in positions.values()), D(0))
    return Book(cash_aud=D(cash), equity_aud=D(cash) + worth, budget_aud=D(budget), positions=positions)
