"""Say what simply holding would have come to: the same capital, spread over the coins and kept; pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any

from apps.trading.records import Quote
from ohmycoins.core.money import CENT, ZERO, floor_quantity, round_aud


@dataclass(slots=True)
class Holding:
    """An equal share of the capital in each coin, bought at the coin's first quote, the fee paid."""

    cash_aud: Decimal
    share_aud: Decimal
    waiting: list[str]
    """Coins that had no quote yet."""
    quantities: dict[str, Decimal] = field(default_factory=dict)
    fees_aud: Decimal = ZERO

    @classmethod
    def of(cls, coins: Sequence[str], capital: Decimal) -> "Holding":
        share = (capital / len(coins)).quantize(CENT, ROUND_DOWN) if coins else ZERO
        return cls(cash_aud=capital, share_aud=share, waiting=list(coins))

    def buy(self, quote_of: Callable[[str], Quote | None], fee_rate: Decimal) -> None:
        """Buy the coins that have a quote now and were not bought yet."""
        for coin in list(self.waiting):
            quote = quote_of(coin)
            if quote is None:
                continue
            quantity = floor_quantity(self.share_aud / (quote.ask * (1 + fee_rate)))
            value = round_aud(quantity * quote.ask)
            fee = round_aud(value * fee_rate)
            self.cash_aud -= value + fee
            self.fees_aud += fee
            self.quantities[coin] = quantity
            self.waiting.remove(coin)

    def equity(self, quote_of: Callable[[str], Quote | None]) -> Decimal:
        """Value it at market."""
        value = ZERO
        for coin, quantity in self.quantities.items():
            if quote := quote_of(coin):
                value += round_aud(quantity * quote.mark)
        return self.cash_aud + value

    def as_json(self) -> dict[str, Any]:
        return {
            "cash": str(self.cash_aud), "share": str(self.share_aud), "waiting": self.waiting,
            "quantities": {coin: str(quantity) for coin, quantity in self.quantities.items()},
            "fees": str(self.fees_aud),
        }  # fmt: skip

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Holding":
        return cls(
            cash_aud=Decimal(kept["cash"]), share_aud=Decimal(kept["share"]), waiting=list(kept["waiting"]),
            quantities={coin: Decimal(quantity) for coin, quantity in kept["quantities"].items()},
            fees_aud=Decimal(kept["fees"]),
        )  # fmt: skip
