"""Keep a portfolio: hold each coin at its share of the budget."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import Field, field_validator

from apps.trading.algorithms.base import Coin, Input, Parameters, Series, Share, Signal, hold, refs, rounded
from apps.trading.algorithms.view import View
from apps.trading.records import BUY, SELL
from ohmycoins.core.money import ZERO, plain

Weight = Annotated[Decimal, Field(ge=0, le=1, decimal_places=6)]


class RebalanceParameters(Parameters):
    weights: dict[Coin, Weight] = Field(
        default={"BTC": Decimal("0.5"), "ETH": Decimal("0.3")}, min_length=1, max_length=50,
        description="What share of the book's budget each coin should be worth; together at most 1, the rest is cash.",
    )  # fmt: skip
    tolerance: Share = Field(
        default=Decimal("0.05"), description="How far from its weight a coin may be; a share of the budget."
    )
    max_price_age_minutes: int = Field(
        default=5, ge=1, le=1440, description="How old prices may be to buy by them."
    )

    @field_validator("weights")
    @classmethod
    def _fit_in(cls, weights: dict[str, Decimal]) -> dict[str, Decimal]:
        if (total := sum(weights.values(), ZERO)) > 1:
            raise ValueError(f"they come to {plain(total)} together; expected at most 1")
        return weights


class Rebalance:
    """Holds coins at set shares of the budget: sells of what has outgrown its share, buys of what fell behind.

    One trade a run: of the coin that is furthest from its share, sales before purchases, and only beyond the
    tolerance. A coin that the book holds and the weights do not name is sold.
    Why: risk stays as it was meant to be, and selling what rose to buy what fell earns where prices come back.
    Where it fails: in a long trend it keeps selling the winner and buying the loser; every trade pays the spread;
    and since the budget follows the account's equity, money paid in or out is traded, too.
    """

    slug = "rebalance"
    title = "Rebalance to weights"
    version = "1"
    parameters = RebalanceParameters

    def inputs(self, parameters: RebalanceParameters) -> tuple[Input, ...]:
        age = timedelta(minutes=parameters.max_price_age_minutes)
        return tuple(
            Input(series=Series.PRICE, of=coin, max_age=age, count=1) for coin in sorted(parameters.weights)
        )

    def decide(self, view: View) -> Signal:
        wanted: RebalanceParameters = view.parameters
        book = view.book
        prices = {coin: view.price(coin) for coin in sorted(wanted.weights)}
        if book.budget_aud <= 0:
            return hold("there is no budget")
        above = {
            coin: book.value_of(coin) - book.budget_aud * wanted.weights.get(coin, ZERO)
            for coin in sorted({*wanted.weights, *book.positions})
        }
        band = book.budget_aud * wanted.tolerance
        sales = [coin for coin in above if above[coin] > band and book.quantity(coin) > 0]
        purchases = [coin for coin in above if -above[coin] > band]
        unpriced = [coin for coin, price in prices.items() if price is None]
        if unpriced and not sales:
            return hold(f"no price is known of {', '.join(unpriced)}")
        if not sales and not purchases:
            return hold("every coin is within the tolerance of its weight")
        action = SELL if sales else BUY
        coin = max(sales or purchases, key=lambda coin: abs(above[coin]))  # of equals, the first by name
        whole = book.value_of(coin) if action == SELL else book.budget_aud
        fraction = rounded(Fraction(abs(above[coin])) / Fraction(whole), 8)
        if fraction == 0:
            return hold(f"{coin} is off by next to nothing")
        return Signal(
            action=action, coin_type=coin, fraction=fraction, confidence=Decimal(1),
            reason=_reason(coin, book.value_of(coin), book.budget_aud, wanted.weights.get(coin, ZERO)),
            evidence=refs([price] if (price := prices.get(coin)) else []),
        )  # fmt: skip


def _reason(coin: str, value_aud: Decimal, budget_aud: Decimal, weight: Decimal) -> str:
    percent = rounded(Fraction(value_aud) / Fraction(budget_aud) * 100, 2)
    return f"{coin} is {plain(percent)} % of the budget and should be {plain(weight * 100)} %"
