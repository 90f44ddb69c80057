"""Backtests are run by workers in slices, once each step, whatever becomes of the workers."""

from datetime import timedelta
from typing import Any

import pytest

from apps.accounts.models import User
from apps.ledgers.tests.factories import make_price
from apps.pnl.services.backtest_runs import run_backtests
from apps.pnl.services.backtests import Wish, make_backtest
from ohmycoins.core import clock as time

pytestmark = pytest.mark.django_db


def test_first(user: User, clock: Any) -> None:
    now = time.now()
    for hour in range(25):
        make_price(bid=99_900 + hour, ask=100_000 + hour, at=now - timedelta(hours=24 - hour))
    wish = Wish(
        slug="dollar_cost_averaging",
        parameters={"amount_aud": "100"},
        start=now - timedelta(hours=24),
        end=now,
        step="hour",
    )
    backtest = make_backtest(user=user, wish=wish)
    assert run_backtests()
    backtest.refresh_from_db()
    import json

    print(json.dumps(backtest.metrics, indent=1), backtest.equity_curve[:3], backtest.error)
    print(list(backtest.trades.values_list())[:3])
    assert backtest.status == "done"
    assert 0
