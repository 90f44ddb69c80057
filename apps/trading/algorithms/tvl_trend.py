"""Follow the money: buy while the value locked in a protocol or on a chain grows, sell when it shrinks."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, model_validator

from apps.trading.algorithms.base import Coin, Input, Parameters, Series, Signal, Stake, hold, refs, rounded
from apps.trading.algorithms.rows import Row
from apps.trading.algorithms.view import View
from apps.trading.records import BUY, SELL

CHAIN_TVL = "chain_tvl_usd"
MAX_AGE = timedelta(hours=50)
"""A day's figure is read at 02:00 UTC, and history knows a day when it is over: one day may be missed."""
A_DAY = timedelta(days=1)
ENOUGH = Fraction(4, 5)
"""Of the days of a mean, so many must have a figure."""
Percent = Annotated[Decimal, Field(ge=-100, le=1000, decimal_places=4)]
Day = tuple[Row, Decimal]


class TvlTrendParameters(Parameters):
    coin_type: Coin = Field(default="ETH", description="What to trade; of a chain, the chain's own coin.")
    measure: Literal["chain", "protocol"] = Field(default="chain", description="What to follow.")
    name: str = Field(
        default="Ethereum", min_length=1, max_length=80, description="As DeFiLlama has it, such as aave."
    )
    short_days: int = Field(default=7, ge=1, le=180, description="Days of the mean of now.")
    long_days: int = Field(default=30, ge=2, le=365, description="Days of the mean to compare it with.")
    entry_percent: Percent = Field(default=Decimal(3), description="Buy when so much above it, or more.")
    exit_percent: Percent = Field(default=Decimal(0), description="Sell when so much above it, or less.")
    fraction: Stake = Decimal(1)

    @model_validator(mode="after")
    def _bounds_fit(self) -> "TvlTrendParameters":
        self.require_less("short_days", "long_days")
        self.require_less("exit_percent", "entry_percent")
        return self


class TvlTrend:
    """Buys a coin when more value is locked than the mean of weeks, and sells all when that is over.

    Compares the mean value locked (USD) of the last days with that of many.
    Why: money that comes to stay is use, and what is used more may come to be worth more.
    Where it fails: value locked is counted in dollars and rises with the coin's own price, so that it follows the
    price as much as it leads; one large depositor, or a protocol counted anew, looks like a trend; it is daily.
    """

    slug = "tvl_trend"
    title = "TVL trend"
    version = "1"
    parameters = TvlTrendParameters

    def inputs(self, parameters: TvlTrendParameters) -> tuple[Input, ...]:
        within = _within(parameters)
        if parameters.measure == "protocol":
            return (Input(series=Series.FUNDAMENTALS, of=parameters.name, max_age=MAX_AGE, within=within),)
        return (
            Input(series=Series.METRICS, of=parameters.coin_type, detail=CHAIN_TVL, max_age=MAX_AGE, within=within),
        )  # fmt: skip

    def decide(self, view: View) -> Signal:
        wanted: TvlTrendParameters = view.parameters
        days = _days(view, wanted)
        if not days:
            return hold(f"nothing is known of the value locked in {wanted.name}")
        short, long = (_newest(days, count) for count in (wanted.short_days, wanted.long_days))
        for found, count in ((short, wanted.short_days), (long, wanted.long_days)):
            if len(found) < ENOUGH * count:
                return hold(f"{len(found)} of {count} days are known of {wanted.name}")
        usual = _mean(long)
        if usual == 0:
            return hold(f"nothing is locked in {wanted.name}")
        change = (_mean(short) / usual - 1) * 100
        said = f"value locked in {wanted.name}: {rounded(change, 2):+} % against {wanted.long_days} days"
        is_held = view.book.quantity(wanted.coin_type) > 0
        if change >= Fraction(wanted.entry_percent) and not is_held:
            action, fraction = BUY, wanted.fraction
        elif change <= Fraction(wanted.exit_percent) and is_held:
            action, fraction = SELL, Decimal(1)
        else:
            return hold(f"{said}, {'held' if is_held else 'not held'}")
        sides = sum((value > usual) if action == BUY else (value < usual) for _, value in short)
        return Signal(
            action=action, coin_type=wanted.coin_type, fraction=fraction, reason=said,
            confidence=rounded(Fraction(sides, len(short))), evidence=refs([short[-1][0], long[0][0]]),
        )  # fmt: skip


def _within(wanted: TvlTrendParameters) -> timedelta:
    """Give how far back the long mean may reach: its newest day may be as old as it may be."""
    return timedelta(days=wanted.long_days) + MAX_AGE


def _days(view: View, wanted: TvlTrendParameters) -> dict[date, Day]:
    """Give the figure of each UTC day that has one."""
    if wanted.measure == "protocol":
        figures = view.fundamentals(wanted.name, _within(wanted))
        return {row.occurred_at.date(): (row, row.tvl_usd) for row in figures if row.tvl_usd is not None}
    metrics = view.metrics(wanted.coin_type, CHAIN_TVL, _within(wanted))
    return {row.occurred_at.date(): (row, row.value) for row in metrics if row.network == wanted.name}


def _newest(days: Mapping[date, Day], count: int) -> list[Day]:
    """Give the figures of the `count` days that end with the newest one known, oldest first."""
    since = max(days) - (count - 1) * A_DAY
    return [days[day] for day in sorted(days) if day >= since]


def _mean(days: Sequence[Day]) -> Fraction:
    return Fraction(sum((value for _, value in days), Decimal(0))) / len(days)
