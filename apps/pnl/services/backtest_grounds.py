"""Say whether a backtest speaks for its algorithm, and tell the algorithm if it does."""

from datetime import timedelta
from typing import Any

from django.conf import settings

from apps.pnl.models import Backtest
from apps.trading.services.promotions import mark_backtested

LEAST_DECISIONS = 20
"""As many as are asked for on paper."""
GROUNDS = ("return_percent", "max_drawdown_percent", "sharpe_ratio", "total_trades")


def tell(backtest: Backtest, metrics: dict[str, Any]) -> list[str]:
    """Mark the algorithm of a backtest that succeeded as backtested; give, in sentences, what is missing for it."""
    algorithm = backtest.algorithm
    if algorithm is None:
        return ["It was asked for with a rule, and not with an algorithm."]
    missing = _missing(backtest, metrics)
    if not missing:
        grounds = {
            "backtest": backtest.pk, "start": backtest.start.isoformat(), "end": backtest.end.isoformat(),
            "step": backtest.step, "decisions": metrics["decisions"]["total"], **{name: metrics[name] for name in GROUNDS},
        }  # fmt: skip
        mark_backtested(
            algorithm.pk, version=algorithm.version, code_digest=backtest.code_digest, grounds=grounds,
            actor=f"backtest:{backtest.pk}",
        )  # fmt: skip
    return missing


def _missing(backtest: Backtest, metrics: dict[str, Any]) -> list[str]:
    algorithm = backtest.algorithm
    missing = []
    if algorithm is None or algorithm.version != backtest.algorithm_version:
        missing.append("The algorithm's parameters have changed since it was asked for.")
    elif algorithm.parameters != backtest.parameters:
        missing.append("Its parameters are not the algorithm's own.")
    days, decisions = (backtest.end - backtest.start) / timedelta(days=1), metrics["decisions"]["total"]
    if days < settings.OMC_BACKTEST_DAYS:
        missing.append(f"It covers {int(days * 10) / 10} days; {settings.OMC_BACKTEST_DAYS:g} are needed.")
    if decisions < LEAST_DECISIONS:
        missing.append(f"Its rule was asked {decisions} times; {LEAST_DECISIONS} are needed.")
    return missing
