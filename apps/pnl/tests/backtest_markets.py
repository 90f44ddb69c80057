"""A market in memory, and rules that do as they are told, for backtests without a database."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

from apps.ledgers.records import Level
from apps.pnl.backtests.engine import Engine
from apps.pnl.backtests.plan import Plan
from apps.pnl.backtests.state import State
from apps.trading.algorithms.base import Input, Parameters, Series, Signal, hold
from apps.trading.algorithms.rows import Ref, Row, Tick
from apps.trading.algorithms.view import View
from apps.trading.records import BUY, Bounds, Quote
from apps.trading.venues.paper import PaperVenue

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FREE = Bounds(max_position_percent=D(100), max_daily_loss_percent=D(100), max_algorithm_percent=D(100))


@dataclass
class Market:
    """Prices by coin: one for each hour, as bid and ask, or as one number for both; None repeats the last."""

    prices: dict[str, Sequence[Any]]
    books: dict[str, dict[int, tuple[Any, Any]]] = field(default_factory=dict)
    """Order books by coin and hour: bids and asks, each (price, quantity) pairs."""
    every: timedelta = HOUR
    now: datetime = START

    def move(self, now: datetime) -> None:
        assert now >= self.now
        self.now = now

    def quote(self, coin_type: str) -> Quote | None:
        known = [
            (place, price)
            for place, price in enumerate(self.prices.get(coin_type, ()))
            if price is not None and START + place * self.every <= self.now
        ]
        if not known:
            return None
        place, price = known[-1]
        bid, ask = price if isinstance(price, tuple) else (price, price)
        return Quote(D(bid), D(ask), D(bid), START + place * self.every)

    def levels(self, coin_type: str, side: str) -> tuple[tuple[Level, ...], datetime] | None:
        place = (self.now - START) // self.every
        book = self.books.get(coin_type, {}).get(place)
        if book is None:
            return None
        levels = book[1] if side == BUY else book[0]
        return tuple(Level(D(price), D(quantity)) for price, quantity in levels), START + place * self.every

    def rows(self, wanted: Input) -> Sequence[Row]:
        quote = self.quote(wanted.of)
        if quote is None:
            return ()
        ref = Ref("exchange", "price", (self.now - START) // self.every, "coinspot_prices")
        return (
            Tick(
                ref=ref, occurred_at=quote.observed_at, known_at=quote.observed_at, coin_type=wanted.of, bid=quote.bid,
                ask=quote.ask, last=quote.last,
            ),
        )  # fmt: skip

    def newest(self, wanted: Input) -> datetime | None:
        quote = self.quote(wanted.of)
        return quote.observed_at if quote else None


class NoParameters(Parameters):
    pass


class Scripted:
    """Says at each hour what the script says, and else holds."""

    slug = "scripted"
    title = "Scripted"
    version = "1"
    parameters = NoParameters

    def __init__(self, script: dict[int, Signal] | Callable[[View], Signal], *coins: str) -> None:
        self.script, self.coins = script, coins or ("BTC",)

    def inputs(self, parameters: Any) -> tuple[Input, ...]:
        return tuple(
            Input(series=Series.PRICE, of=coin, max_age=timedelta(hours=2), count=1) for coin in self.coins
        )

    def decide(self, view: View) -> Signal:
        if callable(self.script):
            return self.script(view)
        return self.script.get((view.now - START) // HOUR, hold("nothing to do"))


def buy(coin: str = "BTC", **size: Any) -> Signal:
    return Signal(
        action="buy", coin_type=coin, reason="told to", **{name: D(some) for name, some in size.items()}
    )


def sell(coin: str = "BTC", **size: Any) -> Signal:
    sizes = {name: D(some) for name, some in size.items()} or {"fraction": D(1)}
    return Signal(action="sell", coin_type=coin, reason="told to", **sizes)


def plan_for(rule: Any, hours: int, **fields: Any) -> Plan:
    values: dict[str, Any] = {
        "coins": rule.coins, "start": START, "end": START + hours * HOUR, "step": HOUR, "capital_aud": D(10_000),
        "timezone": "UTC", "bounds": FREE, "inputs": rule.inputs(None),
    } | fields  # fmt: skip
    return Plan(rule=rule, parameters=NoParameters(), **values)


def tried(rule: Any, market: Market, hours: int, **fields: Any) -> Engine:
    """Run a rule to the end."""
    engine = Engine(plan_for(rule, hours, **fields), market, PaperVenue())
    assert engine.run()
    return engine


def cut_at(
    rule: Any, market: Callable[[], Market], hours: int, cuts: Sequence[int], **fields: Any
) -> tuple[Engine, list[Any]]:
    """Run it, each time so many steps and then from what was stored of it; give its trades too."""
    state, trades = None, []
    for steps in [*cuts, 10**9]:
        engine = Engine(plan_for(rule, hours, **fields), market(), PaperVenue(), state=state)
        left = iter(range(steps))
        is_done = engine.run(lambda left=left: next(left, None) is not None)  # type: ignore[misc]
        trades += engine.state.account.new_trades
        if is_done:
            break
        state = State.from_json(json.loads(json.dumps(engine.state.as_json())))
    return engine, trades
