"""Store lots, what closed them, sums kept in step with them, what accounts were worth,
what tax law says, and what rules would have come to."""

from apps.pnl.models.backtest import Backtest, BacktestTrade
from apps.pnl.models.booking import BookingFailure, GivenCost
from apps.pnl.models.closing import Closing, Match
from apps.pnl.models.lot import Lot, Position
from apps.pnl.models.rollup import DailyResult, DailyTotal
from apps.pnl.models.snapshot import EquitySnapshot
from apps.pnl.models.tax import TaxRule

__all__ = [
    "Backtest",
    "BacktestTrade",
    "BookingFailure",
    "Closing",
    "DailyResult",
    "DailyTotal",
    "EquitySnapshot",
    "GivenCost",
    "Lot",
    "Match",
    "Position",
    "TaxRule",
]
