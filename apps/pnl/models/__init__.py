"""Store lots, what closed them, and sums kept in step with them."""

from apps.pnl.models.booking import BookingFailure
from apps.pnl.models.closing import Closing, Match
from apps.pnl.models.lot import Lot, Position
from apps.pnl.models.rollup import DailyResult, DailyTotal

__all__ = ["BookingFailure", "Closing", "DailyResult", "DailyTotal", "Lot", "Match", "Position"]
