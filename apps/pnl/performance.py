"""Judge a run of daily equity; pure. Each definition is in docs/money.md.

What is paid in or out counts at the start of its day, so that it is no gain and no loss. Ratios are
statistics, not money: they are computed in floating point and rounded to 8 decimals; amounts of AUD stay
exact.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ohmycoins.core.money import ZERO, round_aud

DAYS_A_YEAR = 365  # crypto trades every day


@dataclass(frozen=True, slots=True)
class DayEnd:
    """What an account was worth when a day ended, and what had been paid in until then; AUD."""

    day: date
    equity: Decimal
    paid_in: Decimal


@dataclass(frozen=True, slots=True)
class Performance:
    """How a run of days did; a ratio is None where it has no meaning."""

    max_drawdown: Decimal = ZERO
    """The deepest fall from a peak of equity, payments aside, in AUD; 0 or less."""
    max_drawdown_percent: Decimal | None = ZERO
    """The same of what one dollar grew to, in per cent; None where there was nothing to grow from."""
    sharpe_ratio: Decimal | None = None
    sortino_ratio: Decimal | None = None
    calmar_ratio: Decimal | None = None


def judge(before: DayEnd | None, days: Sequence[DayEnd], *, risk_free_rate: float = 0.0) -> Performance:
    """Judge the days, oldest first, from what the account was worth before them (None: nothing).

    `risk_free_rate` is a year's, as a fraction. Fewer than two daily returns give no ratios.
    """
    spans = _returns(before, days)
    if spans is None:
        return Performance(max_drawdown=_drawdown(before, days), max_drawdown_percent=None)
    fall = _drawdown_share(one for one, _ in spans)
    daily = [one for one, length in spans if length == 1]
    return Performance(
        max_drawdown=_drawdown(before, days),
        max_drawdown_percent=_rounded(100 * fall),
        sharpe_ratio=_ratio(_sharpe(daily, risk_free_rate / DAYS_A_YEAR)),
        sortino_ratio=_ratio(_sortino(daily, risk_free_rate / DAYS_A_YEAR)),
        calmar_ratio=_ratio(_calmar(spans, fall)),
    )


def _returns(before: DayEnd | None, days: Iterable[DayEnd]) -> list[tuple[float, int]] | None:
    """Give what was returned on what was there, and in how many days: more than one where some are not known.

    None if something came of nothing, or of less: history without the deposits that paid for it, or a loss
    of everything, has no returns in per cent.
    """
    returns = []
    equity, paid_in = (float(before.equity), float(before.paid_in)) if before else (0.0, 0.0)
    last = before.day if before else None
    for day in days:
        end, paid = float(day.equity), float(day.paid_in)
        base = equity + paid - paid_in
        if base > 0:
            returns.append((end / base - 1, (day.day - last).days if last else 1))
        elif base or end:
            return None
        equity, paid_in, last = end, paid, day.day
    return returns


def _drawdown(before: DayEnd | None, days: Iterable[DayEnd]) -> Decimal:
    peak = before.equity - before.paid_in if before else ZERO
    deepest = ZERO
    for day in days:
        gained = day.equity - day.paid_in
        peak = max(peak, gained)
        deepest = min(deepest, gained - peak)
    return deepest


def _drawdown_share(returns: Iterable[float]) -> float:
    worth = peak = 1.0
    deepest = 0.0
    for one in returns:
        worth *= 1 + one
        peak = max(peak, worth)
        deepest = min(deepest, worth / peak - 1)
    return deepest


def _sharpe(returns: Sequence[float], risk_free: float) -> float | None:
    """Give mean excess over its deviation (n − 1), a year's; None if it never varies.

    W. F. Sharpe, The Sharpe Ratio, Journal of Portfolio Management, Fall 1994.
    """
    if len(returns) < 2:
        return None
    mean = math.fsum(returns) / len(returns)
    variance = math.fsum((one - mean) ** 2 for one in returns) / (len(returns) - 1)
    return _over(mean - risk_free, math.sqrt(variance))


def _sortino(returns: Sequence[float], risk_free: float) -> float | None:
    """Give mean excess over downside deviation (root mean square of the shortfalls of all days), a year's.

    F. A. Sortino and R. van der Meer, Downside Risk, Journal of Portfolio Management, Summer 1991.
    """
    if len(returns) < 2:
        return None
    mean = math.fsum(returns) / len(returns)
    downside = math.fsum(min(one - risk_free, 0.0) ** 2 for one in returns) / len(returns)
    return _over(mean - risk_free, math.sqrt(downside))


def _over(excess: float, deviation: float) -> float | None:
    # What differs by rounding alone does not vary.
    return excess / deviation * math.sqrt(DAYS_A_YEAR) if deviation > 1e-12 else None


def _calmar(spans: Sequence[tuple[float, int]], fall: float) -> float | None:
    """Give the yearly growth over the deepest fall; None without one.

    T. W. Young, Calmar Ratio: A Smoother Tool, Futures, October 1991.
    """
    if len(spans) < 2 or not fall:
        return None
    growth = math.prod(1 + one for one, _ in spans)
    if growth <= 0:
        return -1 / -fall
    try:
        return (growth ** (DAYS_A_YEAR / sum(length for _, length in spans)) - 1) / -fall
    except OverflowError:  # a few wild days, stretched over a year
        return None


def _ratio(value: float | None) -> Decimal | None:
    return None if value is None or not math.isfinite(value) or abs(value) >= 1e20 else _rounded(value)


def _rounded(value: float) -> Decimal:
    return round_aud(Decimal(repr(value)))
