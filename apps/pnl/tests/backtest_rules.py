"""Rules for tests of backtests: one that trades, and some that try what no rule may."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from apps.ledgers.models import Price
from apps.trading.algorithms.base import Input, Parameters, Series, Signal, hold, refs
from apps.trading.algorithms.view import View
from ohmycoins.core import clock

HOUR = timedelta(hours=1)
PRICE = Input(series=Series.PRICE, of="BTC", max_age=HOUR, count=1)
NEWS = Input(series=Series.NEWS, of="BTC", max_age=timedelta(days=9), within=HOUR)


class WaveParameters(Parameters):
    fraction: Decimal = Decimal("0.5")


class Waves:
    """Buys in even hours below a price, and sells a part in odd ones."""

    slug = "waves"
    title = "Waves"
    version = "1"
    parameters: ClassVar[type[Parameters]] = WaveParameters

    def inputs(self, parameters: Any) -> tuple[Input, ...]:
        return (PRICE, NEWS)

    def decide(self, view: View) -> Signal:
        price = view.price("BTC")
        if price is None:
            return hold("no price")
        evidence = refs([*view.news("BTC", HOUR), price])
        if view.now.hour % 2 == 0:
            size: dict[str, Any] = {"fraction": view.parameters.fraction}
            return Signal(action="buy", coin_type="BTC", reason="even", evidence=evidence, **size)
        if view.book.quantity("BTC"):
            return Signal(
                action="sell", coin_type="BTC", fraction=Decimal("0.7"), reason="odd", evidence=evidence
            )
        return hold("nothing to sell")


class Peeks(Waves):
    """Asks the ledger for all that there is."""

    slug = "peeks"

    def decide(self, view: View) -> Signal:
        newest = Price.objects.order_by("-occurred_at").first()
        return hold(f"{newest} will be")


class Reaches(Waves):
    """Asks its view for more than it declared."""

    slug = "reaches"

    def decide(self, view: View) -> Signal:
        return hold(str(view.news("BTC", timedelta(days=1))))


class Foresees(Waves):
    """Asks its view for what is to come."""

    slug = "foresees"

    def decide(self, view: View) -> Signal:
        return hold(str(view.news("BTC", -HOUR)))


class Pries(Waves):
    """Reaches behind its view for what prices will be."""

    slug = "pries"

    def decide(self, view: View) -> Signal:
        later: Any = view._known
        return hold(str(later._prices["BTC"].at(view.now + 5 * HOUR)))


class Watches(Waves):
    """Looks at the clock, and says so."""

    slug = "watches"

    def decide(self, view: View) -> Signal:
        if clock.now() != view.now:
            raise AssertionError(f"it is {clock.now()}")
        return hold("right on time")


RULES = {
    rule.slug: f"{rule.__module__}.{rule.__name__}"
    for rule in (Waves, Peeks, Reaches, Foresees, Pries, Watches)
}
