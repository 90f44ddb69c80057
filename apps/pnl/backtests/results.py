"""Say what a backtest came to: the names of `/floor/pnl/summary`, and what holding would have; pure."""

import math
from datetime import date
from decimal import Decimal
from typing import Any

from apps.pnl.backtests.engine import Engine
from apps.pnl.metrics import percent
from apps.pnl.performance import DayEnd, Performance, judge
from apps.pnl.periods import local_day, midnight
from ohmycoins.core.money import ZERO, plain, round_aud


def metrics_of(engine: Engine) -> dict[str, Any]:
    """Give the figures of a backtest as JSON, its market standing where it got to; decimals as plain text."""
    plan, state = engine.plan, engine.state
    account = state.account
    results, cost = account.results, account.cost_aud
    value = engine.positions_value()
    unrealized, equity = value - cost, account.cash_aud + value
    held = state.holding.equity(engine.market.quote)
    days = [(day, worth) for day, worth, _ in state.days]
    return {
        "realized_pnl": plain(results.realized_pnl),
        "unrealized_pnl": plain(unrealized),
        "total_pnl": plain(results.realized_pnl + unrealized),
        "total_trades": results.sales,
        "winning_trades": results.winning_sales,
        "losing_trades": results.losing_sales,
        "win_rate": plain(results.win_rate),
        "profit_factor": _plain(results.profit_factor),
        "total_profit": plain(results.profit),
        "total_loss": plain(results.loss),
        "average_win": plain(results.average_win),
        "average_loss": plain(results.average_loss),
        "largest_win": plain(results.largest_win),
        "largest_loss": plain(results.largest_loss),
        "expectancy": plain(results.expectancy),
        "total_volume": plain(results.volume),
        "total_fees": plain(results.fees),
        **_judged(engine, days, equity),
        "unmatched_quantity": plain(results.unmatched_quantity),
        "unpriced": [],
        "as_of": state.counted_at.isoformat().replace("+00:00", "Z"),
        "equity": plain(equity),
        "return_percent": _plain(percent(equity - plan.capital_aud, plan.capital_aud)),
        "max_drawdown_by_step": plain(state.curve.deepest),
        "max_drawdown_percent_by_step": _statistic(100 * state.curve.deepest_share),
        "exposure_percent": _statistic(state.exposure.percent),
        "fills": results.buys + results.sells,
        "decisions": {"total": sum(state.decisions.values()), "buy": 0, "sell": 0, "hold": 0} | state.decisions,
        "denials": dict(sorted(state.denials.items())),
        "positions": [
            {"coin_type": coin, "quantity": plain(quantity)} for coin, quantity in sorted(account.held.items())
        ],
        "buy_and_hold": {
            "equity": plain(held),
            "return_percent": _plain(percent(held - plan.capital_aud, plan.capital_aud)),
            "total_fees": plain(state.holding.fees_aud),
            **_judged(engine, [(day, worth) for day, _, worth in state.days], held),
            "quantities": {coin: plain(quantity) for coin, quantity in sorted(state.holding.quantities.items())},
        },
    }  # fmt: skip


def curve_of(engine: Engine) -> list[dict[str, str]]:
    """Give the points of the curve as JSON; a drawdown is in AUD, and in per cent of the peak."""
    return [
        {
            "timestamp": point.at.isoformat().replace("+00:00", "Z"), "equity": plain(point.equity),
            "drawdown": plain(point.drawdown), "drawdown_percent": plain(percent(point.drawdown, point.peak) or ZERO),
        }
        for point in engine.state.curve.drawn()
    ]  # fmt: skip


def _judged(engine: Engine, days: list[tuple[date, Decimal]], equity: Decimal) -> dict[str, str | None]:
    """Judge the days that ended, and the last one as far as it went."""
    plan, now = engine.plan, engine.state.counted_at
    today = local_day(now, plan.timezone)
    if not days or midnight(today, plan.zone) != now:  # else it ended with the day before
        days = [*days, (today, equity)]
    paid = plan.capital_aud
    found: Performance = judge(
        None, [DayEnd(day, worth, paid) for day, worth in days], risk_free_rate=plan.risk_free_rate
    )
    return {
        "max_drawdown": plain(found.max_drawdown),
        "max_drawdown_percent": _plain(found.max_drawdown_percent),
        "sharpe_ratio": _plain(found.sharpe_ratio),
        "sortino_ratio": _plain(found.sortino_ratio),
        "calmar_ratio": _plain(found.calmar_ratio),
    }


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _statistic(value: float) -> str:
    return plain(round_aud(Decimal(repr(value)))) if math.isfinite(value) else "0"
