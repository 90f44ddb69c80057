"""Buy the same amount at every run."""

from datetime import timedelta
from decimal import Decimal

from pydantic import Field

from apps.trading.algorithms.base import Coin, Input, Parameters, Series, Signal, hold, refs
from apps.trading.algorithms.view import View
from apps.trading.records import BUY


class DollarCostAveragingParameters(Parameters):
    coin_type: Coin = Field(default="BTC", description="What to buy.")
    amount_aud: Decimal = Field(
        default=Decimal(50),
        ge=1,
        le=100_000,
        decimal_places=2,
        description="What to spend a run, fee included.",
    )
    max_price_age_minutes: int = Field(
        default=5, ge=1, le=1440, description="How old the price may be to buy by it."
    )


class DollarCostAveraging:
    """Buys the same amount of one coin at every run, whatever it costs.

    Why: nobody has to guess when; more coins are bought when they are cheap than when they are dear.
    Where it fails: it never sells, so a coin that falls for good takes everything with it, and each small
    order pays the spread.
    """

    slug = "dollar_cost_averaging"
    title = "Dollar-cost averaging"
    version = "1"
    parameters = DollarCostAveragingParameters

    def inputs(self, parameters: DollarCostAveragingParameters) -> tuple[Input, ...]:
        age = timedelta(minutes=parameters.max_price_age_minutes)
        return (Input(series=Series.PRICE, of=parameters.coin_type, max_age=age, count=1),)

    def decide(self, view: View) -> Signal:
        wanted: DollarCostAveragingParameters = view.parameters
        price = view.price(wanted.coin_type)
        if price is None:
            return hold(f"{wanted.coin_type} has no price")
        return Signal(
            action=BUY, coin_type=wanted.coin_type, amount_aud=wanted.amount_aud, confidence=Decimal(1),
            reason=f"A${wanted.amount_aud} at every run", evidence=refs([price]),
        )  # fmt: skip
