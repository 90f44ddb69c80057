"""Booking fills: once each, exactly, or not at all and then again."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.ledgers.tests.factories import make_price
from apps.pnl import fifo
from apps.pnl.models import BookingFailure, Closing, DailyResult, DailyTotal, Lot, Match, Position
from apps.pnl.services.book import book_fill, book_overdue
from apps.trading.models import Account, Fill
from apps.trading.services.fills import as_record
from apps.trading.tests.factories import make_account, trade
from ohmycoins.core import clock as system_clock


def assert_books_agree(account: Account) -> None:
    """Check the identities between lots, matches, sums and cash, to the last digit."""
    account.refresh_from_db()
    lots, matches = Lot.objects.filter(account=account), Match.objects.filter(account=account)
    opened = lots.aggregate(
        cost=Sum("cost"), quantity=Sum("quantity"), left=Sum("remaining_cost"), held=Sum("remaining_quantity")
    )
    closed = matches.aggregate(cost=Sum("cost"), quantity=Sum("quantity"), gain=Sum("realized_pnl"))
    gain, zero = closed["gain"] or D(0), D(0)
    assert (opened["cost"] or zero) - (closed["cost"] or zero) == (opened["left"] or zero)
    assert (opened["quantity"] or zero) - (closed["quantity"] or zero) == (opened["held"] or zero)
    held = Position.objects.filter(account=account).aggregate(quantity=Sum("quantity"), cost=Sum("cost"))
    assert (held["quantity"] or zero, held["cost"] or zero) == (
        opened["held"] or zero,
        opened["left"] or zero,
    )
    for total in (
        Closing.objects.filter(account=account).aggregate(gain=Sum("realized_pnl"))["gain"],
        DailyTotal.objects.filter(account=account).aggregate(gain=Sum("realized_pnl"))["gain"],
        DailyResult.objects.filter(account=account).aggregate(gain=Sum("realized_pnl"))["gain"],
    ):
        assert (total or zero) == gain
    unmatched = (
        Closing.objects.filter(account=account).aggregate(sum=Sum("unmatched_proceeds"))["sum"] or zero
    )
    assert account.cash_aud + (opened["left"] or zero) - gain - unmatched == 100_000
    assert Fill.objects.filter(account=account, lot=None, closing=None).count() == 0


@pytest.mark.django_db
def test_purchase_opens_a_lot_whose_cost_has_the_fee() -> None:
    make_price(ask=100_000)
    account = make_account()
    trade(account, quantity="0.1")
    lot = Lot.objects.get()
    assert (lot.quantity, lot.remaining_quantity, lot.cost, lot.remaining_cost, lot.fee_aud) == (
        D("0.1"), D("0.1"), 10_010, 10_010, 10,
    )  # fmt: skip
    assert_books_agree(account)


@pytest.mark.django_db
def test_half_sold_leaves_half_and_takes_the_fee_off_the_proceeds(clock: Any) -> None:
    make_price(bid=109_000, ask=100_000)
    account = make_account()
    trade(account, quantity="0.1")
    trade(account, "sell", quantity="0.05")
    closing = Closing.objects.get()
    assert (closing.proceeds, closing.cost, closing.realized_pnl) == (D("5444.55"), D("5005"), D("439.55"))
    total = DailyTotal.objects.get()
    assert (total.day.isoformat(), total.sales, total.winning_sales, total.losing_sales) == (
        "2026-03-02",
        1,
        1,
        0,
    )
    assert (total.profit, total.loss, total.buy_volume + total.sell_volume, total.fees) == (
        D("439.55"),
        0,
        15_450,
        D("15.45"),
    )
    assert_books_agree(account)


@pytest.mark.django_db
def test_days_are_the_account_s_own(clock: Any) -> None:
    clock.move_to("2026-03-02T13:30:00Z")  # half past midnight in Sydney
    make_price()
    account = make_account()
    Account.objects.update(timezone="Australia/Sydney")
    trade(account, quantity="0.1")
    assert DailyTotal.objects.get().day.isoformat() == "2026-03-03"


@pytest.mark.django_db
def test_fill_is_booked_once_by_constraint() -> None:
    make_price()
    account = make_account()
    trade(account, quantity="0.1")
    record = as_record(Fill.objects.get(), account)
    with pytest.raises(IntegrityError), transaction.atomic():
        book_fill(record)
    assert_books_agree(account)


@pytest.mark.django_db
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_failed_booking_keeps_the_fill_and_is_made_up_for_once(
    side: str, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_price()
    account = make_account()
    trade(account, quantity="0.1")

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        for booking in ("_execute", "rebuild_coin"):
            patch.setattr(f"apps.pnl.services.book.{booking}", broken)
        order = trade(account, side, quantity="0.05")
        assert order.status == "filled"
        failure = BookingFailure.objects.get()
        assert (failure.fill.order_id, failure.error, failure.attempts) == (
            order.pk,
            "ZeroDivisionError: a bug",
            1,
        )
        assert book_overdue() == 0, "not due yet"
        clock.shift(6)
        assert book_overdue() == 0, "still broken"
        failure.refresh_from_db()
        assert (failure.attempts, failure.next_at) == (2, system_clock.now() + timedelta(seconds=30))
    clock.shift(31)
    assert (book_overdue(), book_overdue()) == (1, 0)
    assert not BookingFailure.objects.exists()
    assert_books_agree(account)


@pytest.mark.django_db
def test_sale_beyond_lots_books_the_matched_part_and_keeps_the_rest_in_sight() -> None:
    """Only an unbooked or imported purchase can cause this; here the lot is missing."""
    make_price(bid=100_000, ask=100_000)
    account = make_account()
    trade(account, quantity="0.1")
    Lot.objects.update(quantity=D("0.05"), remaining_quantity=D("0.05"), cost=5005, remaining_cost=5005)
    Position.objects.update(quantity=D("0.05"), cost=5005)
    trade(account, "sell", quantity="0.1")
    closing = Closing.objects.get()
    assert (closing.unmatched_quantity, closing.unmatched_proceeds, closing.realized_pnl) == (
        D("0.05"),
        4995,
        -10,
    )
    assert Match.objects.get().quantity == D("0.05")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.sampled_from(["BTC", "ETH"]),
        st.decimals("0.00000001", "0.2", places=8),
        st.decimals("0.0001", 50_000, places=8),
    ),
    min_size=1,
    max_size=12,
)


class RandomHistories(TestCase):
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(steps=STEPS)
    def test_books_agree_after_any_history(self, steps: list[tuple[str, str, D, D]]) -> None:
        account = make_account()
        start = system_clock.now() - timedelta(hours=1)
        for number, (side, coin, quantity, price) in enumerate(steps):
            make_price(coin, bid=str(price), ask=str(price), at=start + timedelta(minutes=number))
            order = trade(account, side, coin, quantity=str(quantity))
            assert order.status in ("filled", "denied")
        assert_books_agree(account)


def test_round_trip_through_a_lot_uses_the_same_arithmetic_as_the_pure_module() -> None:
    lot = fifo.OpenLot(1, None, D("0.3"), D("1"))
    assert fifo.match(D("0.1"), D("2"), [lot]).slices[0].cost == D("0.33333333")
