"""Judging daily equity: against numpy, and where there is little to judge."""

from datetime import date, timedelta
from decimal import Decimal as D
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.pnl.performance import DayEnd, Performance, judge

FIRST = date(2026, 3, 1)


def run(*equities: object, paid_in: object = 1000) -> list[DayEnd]:
    return [
        DayEnd(FIRST + timedelta(days=n), D(str(equity)), D(str(paid_in)))
        for n, equity in enumerate(equities)
    ]


EQUITIES = st.lists(st.decimals(1, 10**7, places=8), min_size=3, max_size=400)


@given(EQUITIES)
def test_ratios_and_drawdown_are_numpy_s(equities: list[D]) -> None:
    days = run(*equities, paid_in=equities[0])
    got = judge(days[0], days[1:])
    worth = np.array([float(equity) for equity in equities])
    returns = worth[1:] / worth[:-1] - 1
    peaks = np.maximum.accumulate(worth)
    assert float(got.max_drawdown_percent) == pytest.approx(
        100 * (worth / peaks - 1).min(), rel=1e-9, abs=2e-8
    )
    exact_peaks = accumulate(equities, max)
    assert got.max_drawdown == min(equity - peak for equity, peak in zip(equities, exact_peaks, strict=True))
    deviation, downside = returns.std(ddof=1), np.sqrt((np.minimum(returns, 0) ** 2).mean())
    for ratio, spread in ((got.sharpe_ratio, deviation), (got.sortino_ratio, downside)):
        if spread > 1e-9:
            expected = returns.mean() / spread * np.sqrt(365)
            assert ratio is not None
            assert float(ratio) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_worked_example() -> None:
    """1000 grows to 1100, falls to 990, recovers to 1045: a fall of 110, which is 10 % of its peak."""
    days = run(1100, 990, 1045)
    got = judge(DayEnd(FIRST - timedelta(days=1), D(1000), D(1000)), days)
    assert (got.max_drawdown, got.max_drawdown_percent) == (D(-110), D("-10"))
    returns = np.array([0.1, -0.1, 1045 / 990 - 1])
    assert float(got.sharpe_ratio or 0) == pytest.approx(
        returns.mean() / returns.std(ddof=1) * 365**0.5, rel=1e-7
    )
    assert float(got.calmar_ratio or 0) == pytest.approx((1.045 ** (365 / 3) - 1) / 0.1, rel=1e-7)


def test_payments_are_neither_gain_nor_loss() -> None:
    """A deposit of 500 and a withdrawal of 1200 leave no mark; the gain of ten per cent does."""
    days = [
        DayEnd(FIRST, D(1000), D(1000)),
        DayEnd(FIRST + timedelta(1), D(1500), D(1500)),
        DayEnd(FIRST + timedelta(2), D(1650), D(1500)),
        DayEnd(FIRST + timedelta(3), D(450), D(300)),
    ]
    got = judge(None, days)
    assert (got.max_drawdown, got.max_drawdown_percent) == (0, 0)
    assert got.sortino_ratio is None, "no day lost"
    returns = np.array([0, 0, 0.1, 0])
    assert float(got.sharpe_ratio or 0) == pytest.approx(
        returns.mean() / returns.std(ddof=1) * 365**0.5, rel=1e-7
    )


@pytest.mark.parametrize("days", [[], run(1000), run(900)])
def test_fewer_than_two_days_give_no_ratios(days: list[DayEnd]) -> None:
    got = judge(None, days)
    assert (got.sharpe_ratio, got.sortino_ratio, got.calmar_ratio) == (None, None, None)


def test_nothing_is_judged_as_nothing() -> None:
    assert judge(None, []) == Performance()


def test_days_that_never_vary_have_no_ratios() -> None:
    got = judge(None, run(1000, 1000, 1000, 1000))
    assert (got.sharpe_ratio, got.sortino_ratio, got.calmar_ratio, got.max_drawdown) == (None, None, None, 0)


@pytest.mark.parametrize(
    "days", [run(500, -100, -200), run(27_000, 26_000, paid_in=0), run(-30, 20, 40, paid_in=0)]
)
def test_gains_of_nothing_or_less_have_no_percentage(days: list[DayEnd]) -> None:
    """History imported without the deposits that paid for it, or a loss of more than everything."""
    got = judge(None, days)
    assert (got.max_drawdown_percent, got.sharpe_ratio, got.sortino_ratio, got.calmar_ratio) == (None,) * 4
    assert got.max_drawdown <= 0


def test_days_that_nobody_valued_are_no_daily_return() -> None:
    """A gain of years between two valued days counts in growth and drawdown, and not as a day's return."""
    start = DayEnd(date(2023, 1, 1), D(1000), D(1000))
    days = [
        DayEnd(date(2026, 1, 1) + timedelta(days=n), D(equity), D(1000))
        for n, equity in enumerate((5000, 4900, 5000, 4900))
    ]
    got = judge(start, days)
    returns = np.array([4900 / 5000 - 1, 5000 / 4900 - 1, 4900 / 5000 - 1])
    assert float(got.sharpe_ratio or 0) == pytest.approx(
        returns.mean() / returns.std(ddof=1) * 365**0.5, rel=1e-7
    )
    length = (days[-1].day - start.day).days
    assert float(got.calmar_ratio or 0) == pytest.approx((4.9 ** (365 / length) - 1) / 0.02, rel=1e-7)


def test_risk_free_rate_lowers_the_ratios() -> None:
    days = run(1010, 1005, 1030)
    plain, less = judge(None, days), judge(None, days, risk_free_rate=0.05)
    assert plain.sharpe_ratio is not None and less.sharpe_ratio is not None  # noqa: PT018
    assert less.sharpe_ratio < plain.sharpe_ratio
    assert (less.max_drawdown, less.calmar_ratio) == (plain.max_drawdown, plain.calmar_ratio)
