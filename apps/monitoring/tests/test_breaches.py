"""Broken invariants are kept once, and seen to be over."""

from decimal import Decimal as D
from typing import Any

import pytest

from apps.ledgers.tests.factories import make_price
from apps.monitoring.models import Breach
from apps.monitoring.services.invariants import check_all
from apps.pnl.models import DailyResult
from apps.trading.tests.factories import make_account, trade


@pytest.mark.django_db
def test_breach_is_kept_once_while_it_stands_and_then_seen_to_be_over(clock: Any) -> None:
    make_price()
    trade(make_account(), quantity="0.1")
    assert check_all() == 0
    fees = DailyResult.objects.get().fees
    DailyResult.objects.update(fees=D(9))
    found = check_all()
    assert found > 0
    first = Breach.objects.values_list("name", "what").order_by("name")
    assert {name for name, _ in first} == {"pnl.days", "pnl.positions"}
    clock.shift(300)
    assert check_all() == found
    breach = Breach.objects.get(name="pnl.days")
    assert (breach.seen_at - breach.found_at).total_seconds() == 300
    DailyResult.objects.update(fees=fees)
    clock.shift(300)
    assert check_all() == 0
    assert not Breach.objects.standing().exists()
    assert Breach.objects.count() == found
