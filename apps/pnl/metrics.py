"""Compute figures from sums; pure. Each definition is in docs/money.md."""

from dataclasses import dataclass
from decimal import Decimal

from ohmycoins.core.money import ZERO, round_aud


@dataclass(frozen=True, slots=True)
class Results:
    """Fills of a period, and the closing sales among them, added up: AUD amounts, losses negative."""

    realized_pnl: Decimal = ZERO
    in_kind_aud: Decimal = ZERO
    sales: int = 0
    winning_sales: int = 0
    losing_sales: int = 0
    profit: Decimal = ZERO
    loss: Decimal = ZERO
    largest_win: Decimal = ZERO
    largest_loss: Decimal = ZERO
    buys: int = 0
    sells: int = 0
    buy_volume: Decimal = ZERO
    sell_volume: Decimal = ZERO
    fees: Decimal = ZERO
    unmatched_quantity: Decimal = ZERO

    @property
    def volume(self) -> Decimal:
        return self.buy_volume + self.sell_volume

    @property
    def win_rate(self) -> Decimal:
        """Give the share of closing sales that won, 0 to 100; 0 without sales."""
        return round_aud(Decimal(100 * self.winning_sales) / self.sales) if self.sales else ZERO

    @property
    def profit_factor(self) -> Decimal | None:
        """Give profit per loss; None without losses."""
        return round_aud(self.profit / -self.loss) if self.loss else None

    @property
    def average_win(self) -> Decimal:
        return round_aud(self.profit / self.winning_sales) if self.winning_sales else ZERO

    @property
    def average_loss(self) -> Decimal:
        return round_aud(self.loss / self.losing_sales) if self.losing_sales else ZERO

    @property
    def expectancy(self) -> Decimal:
        """Give what a closing sale earned on average."""
        return round_aud(self.realized_pnl / self.sales) if self.sales else ZERO


def percent(part: Decimal, whole: Decimal) -> Decimal | None:
    """Give `part` in per cent of `whole`, rounded to 8 decimals; None of nothing."""
    return round_aud(100 * part / whole) if whole else None
