"""Tell a price that jumped out of its own market's past, by the median and what lies around it; pure.

A mean and a standard deviation are moved by the very jumps they should find; the median and the median
absolute deviation (MAD) are not, until half the past is made of jumps. Times 1.4826 the MAD estimates the
standard deviation of normal figures (Rousseeuw and Croux, "Alternatives to the median absolute
deviation", 1993). Where more than half of the moves are the same, as in a market that rarely trades, the MAD is 0,
and the ninth decile of the deviations stands in, which is 1.645 standard deviations of normal figures.
Declined there: their mean, which one earlier jump would swell until it hides the next.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from statistics import median, quantiles

READINGS = 60
"""Of its own past that a price is compared with."""
FEWEST_READINGS = 20
MOST_DEVIATIONS = 10.0
LEAST_JUMP = Decimal("0.02")
"""Of the price before; less is no outlier, however calm the market was."""
MAD_TO_SIGMA, DECILE_TO_SIGMA = 1.4826, 1 / 1.645
CALMEST = 0.001
"""No market is taken to be calmer than a standard deviation of this, so that where nothing moved LEAST_JUMP decides."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A move that its market's past does not explain."""

    before: Decimal
    deviations: float


def find_jump(past: Sequence[Decimal], last: Decimal) -> Jump | None:
    """Compare the move to `last` with those of the readings before it, oldest first; None if it may be believed."""
    if len(past) < FEWEST_READINGS:
        return None
    before = past[-1]
    if abs(last - before) <= LEAST_JUMP * before:
        return None
    moves = [_log_return(earlier, later) for earlier, later in pairwise(past[-READINGS:])]
    centre = median(moves)
    deviations = abs(_log_return(before, last) - centre) / _sigma(moves, centre)
    return Jump(before, deviations) if deviations > MOST_DEVIATIONS else None


def _log_return(before: Decimal, after: Decimal) -> float:
    return math.log(after / before)


def _sigma(moves: Sequence[float], centre: float) -> float:
    """Estimate the standard deviation from what most of the moves do."""
    apart = [abs(move - centre) for move in moves]
    ninth_decile = quantiles(apart, n=10, method="inclusive")[-1]
    return max(MAD_TO_SIGMA * median(apart) or DECILE_TO_SIGMA * ninth_decile, CALMEST)
