"""Invariants of the book: each one bites, and names what it found."""

from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection

from apps.ledgers.tests.factories import make_price
from apps.pnl.models import BookingFailure, Lot
from apps.pnl.services.invariants import CHECKS, check_books
from apps.trading.models import Account
from apps.trading.tests.factories import make_account, trade
from ohmycoins.core import clock as system_clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(clock: Any) -> Account:
    make_price(bid=110, ask=100)
    account = make_account()
    trade(account, quantity="3")
    trade(account, "sell", quantity="2")
    return account


DOCTORED = {
    "lots": "UPDATE pnl_lot SET remaining_cost = remaining_cost - 1",
    "lot_of_its_source": "UPDATE pnl_lot SET cost = cost + 1, remaining_cost = remaining_cost + 1",
    "closing_of_its_source": "UPDATE pnl_closing SET closed_at = closed_at + interval '1 second'",
    "match_of_its_lot": "UPDATE pnl_match SET algorithm_id = 5",
    "closings": "UPDATE pnl_closing SET proceeds = proceeds + 1, realized_pnl = realized_pnl + 1",
    "positions": "UPDATE pnl_position SET fees = fees + 0.00000001",
    "days": "UPDATE pnl_dailytotal SET largest_win = largest_win + 1",
    "realized": "UPDATE pnl_match SET proceeds = proceeds - 0.00000001, realized_pnl = realized_pnl - 0.00000001",
    "booked": "DELETE FROM pnl_match; DELETE FROM pnl_closing",
    "held": "UPDATE trading_holding SET quantity = quantity + 1",
    "money": "UPDATE trading_account SET cash_aud = cash_aud - 0.00000001",
}


def test_honest_book_breaches_nothing(account: Account) -> None:
    assert check_books() == []


@pytest.mark.parametrize("name", [invariant.name.removeprefix("pnl.") for invariant in CHECKS])
def test_each_invariant_bites(account: Account, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(DOCTORED[name])
    found = {breach.name: breach for breach in check_books([account.pk])}
    assert found[f"pnl.{name}"].account_id == account.pk
    assert check_books([account.pk + 1]) == []


def test_coin_that_waits_to_be_booked_is_no_breach(account: Account) -> None:
    with connection.cursor() as cursor:
        cursor.execute(DOCTORED["booked"])
    Lot.objects.update(remaining_quantity=3, remaining_cost=D("300.3"))
    BookingFailure.objects.create(
        account=account, coin_type="BTC", error="a bug", since=system_clock.now(), next_at=system_clock.now()
    )
    assert "pnl.booked" not in {breach.name for breach in check_books()}
