"""Answer with how much was traded in a period, and what became of the orders placed in it."""

from dataclasses import dataclass
from decimal import Decimal

from apps.pnl.metrics import percent
from apps.pnl.periods import instants
from apps.pnl.services.sums import Bound, Scope, sum_up
from apps.trading.models import Account, Fill, Order
from apps.trading.records import BUY, SELL


@dataclass(frozen=True, slots=True)
class Activity:
    """Fills of a period, and orders placed in it; AUD."""

    buys: int
    sells: int
    buy_volume: Decimal
    sell_volume: Decimal
    fees: Decimal
    orders_total: int
    orders_filled: int
    orders_failed: int

    @property
    def trades(self) -> int:
        return self.buys + self.sells

    @property
    def volume(self) -> Decimal:
        return self.buy_volume + self.sell_volume

    @property
    def success_rate(self) -> Decimal | None:
        """Give the share in per cent of the orders that ended of which something was filled; None without any."""
        return percent(Decimal(self.orders_filled), Decimal(self.orders_filled + self.orders_failed))


def sum_activity(
    account: Account, start: Bound, end: Bound, scope: Scope, *, side: str | None = None
) -> Activity:
    """Add up fills and orders from `start` to `end` (see `periods.cut`), of one side if named.

    Fees of one side are added from its fills: daily sums have those of both.
    """
    sums = sum_up(account, start, end, scope)
    begins, ends = instants(start, end, account.timezone)
    chosen = scope.filters | ({} if side is None else {"side": side})
    orders = Order.objects.filter(account=account, **chosen).placed(begins, ends).outcomes()
    fees = sums.fees
    if side is not None:
        fees = Fill.objects.filter(account=account, **chosen).executed(begins, ends).fees()
    buys, sells = side != SELL, side != BUY
    return Activity(
        buys=sums.buys * buys, sells=sums.sells * sells, buy_volume=sums.buy_volume * buys,
        sell_volume=sums.sell_volume * sells, fees=fees, orders_total=orders["total"],
        orders_filled=orders["filled"], orders_failed=orders["failed"],
    )  # fmt: skip
