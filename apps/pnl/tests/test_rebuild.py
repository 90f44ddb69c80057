"""Books of random histories: the same in every order of arrival, and true to every identity."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apps.ledgers.tests.factories import make_price
from apps.pnl.models import BookingFailure, Closing, DailyTotal, GivenCost, Lot, Match, Position
from apps.pnl.services.invariants import check_books
from apps.pnl.services.rebuild import rebuild_coin
from apps.pnl.services.sums import GROUPS, sum_up, sum_up_by
from apps.pnl.services.valuation import value_by, value_positions
from apps.pnl.tests.books import START, Happening, book_of, histories, record, record_all, total
from apps.trading.models import Account, Movement
from apps.trading.tests.factories import make_account

SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@time_machine.travel(START + timedelta(days=7), tick=False)
class RandomBooks(TestCase):
    @SLOW
    @given(happened=histories(), data=st.data())
    def test_any_order_of_arrival_gives_the_same_book(self, happened: list[Happening], data: Any) -> None:
        in_order, as_it_came = make_account(cash="0"), make_account(cash="0")
        record_all(in_order, sorted(happened, key=lambda one: (one.minute, one.number)))
        record_all(as_it_came, data.draw(st.permutations(happened)))
        assert book_of(as_it_came) == book_of(in_order)
        assert not BookingFailure.objects.exists()

    @SLOW
    @given(happened=histories())
    def test_rebuilding_changes_nothing(self, happened: list[Happening]) -> None:
        account = make_account(cash="0")
        record_all(account, sorted(happened, key=lambda one: (one.minute, one.number)))
        before = book_of(account)
        for coin in ("BTC", "ETH"):
            with transaction.atomic():
                rebuild_coin(Account.objects.locked().get(pk=account.pk), coin)
        assert book_of(account) == before

    @SLOW
    @given(happened=histories(), prices=st.tuples(*[st.decimals("0.01", 99_999, places=8)] * 2))
    def test_every_identity_holds(self, happened: list[Happening], prices: tuple[D, D]) -> None:
        for coin, price in zip(("BTC", "ETH"), prices, strict=True):
            make_price(coin, bid=str(price), ask=str(price))
        account = make_account(cash="1000")
        record_all(account, happened)
        account.refresh_from_db()
        # Coins: what came is held or closed, what went closed lots or is unmatched.
        for coin in ("BTC", "ETH"):
            came = sum(one.quantity for one in happened if one.coin == coin and one.side in ("buy", "in"))
            went = sum(one.quantity for one in happened if one.coin == coin and one.side in ("sell", "out"))
            of_coin = {"account": account, "coin_type": coin}
            held = sum(Lot.objects.filter(**of_coin).values_list("remaining_quantity", flat=True), D(0))
            matched = sum(Match.objects.filter(**of_coin).values_list("quantity", flat=True), D(0))
            unmatched = sum(
                Closing.objects.filter(**of_coin).values_list("unmatched_quantity", flat=True), D(0)
            )
            assert (held + matched, matched + unmatched) == (came, went)
        assert check_books([account.pk]) == []
        # Money: what was gained is what the account is worth beyond what was paid in.
        valuation = value_positions(account)
        equity = account.cash_aud + valuation.value
        realized = sum_up(account, None, None).realized_pnl
        assert realized + valuation.unrealized_pnl == (
            equity - valuation.paid_in - total(Closing, account, "unmatched_proceeds")
        )
        assert realized == total(Match, account, "realized_pnl") == total(DailyTotal, account, "realized_pnl")
        # Groups: each way to share results out adds up to all of them.
        whole = sum_up(account, None, None)
        for group in GROUPS:
            rows = value_by(account, group)
            assert sum(row.realized_pnl for row in rows) == realized
            assert sum(row.unrealized_pnl or 0 for row in rows) == valuation.unrealized_pnl
            assert sum(row.fees for row in rows) == whole.fees
            assert sum(row.trades for row in rows) == whole.sales
            later = START + timedelta(days=2)
            parts = [sum_up_by(account, *span, group) for span in ((None, later), (later, None))]
            assert sum(part.realized_pnl for each in parts for part in each.values()) == realized
            assert sum(part.fees for each in parts for part in each.values()) == whole.fees


def happening(minute: int, side: str, quantity: str, price: str, **changes: Any) -> Happening:
    values: dict[str, Any] = {
        "number": minute, "coin": "BTC", "book": None, "ledger": "", "kind": "trade", "fee": D(0),
    }  # fmt: skip
    return Happening(minute=minute, side=side, quantity=D(quantity), price=D(price), **values | changes)


@pytest.mark.django_db
def test_late_purchase_changes_what_a_later_sale_closed() -> None:
    account = make_account(cash="0")
    record(account, happening(10, "buy", "1", "200"))
    record(account, happening(20, "sell", "1", "300"))
    assert Closing.objects.get().realized_pnl == 100
    record(account, happening(5, "buy", "1", "150"))
    assert Closing.objects.get().realized_pnl == 150
    assert Lot.objects.get(remaining_quantity__gt=0).cost == 200
    day = DailyTotal.objects.get(sales=1)
    assert day.realized_pnl == day.largest_win == 150


@pytest.mark.django_db
def test_late_fill_leaves_other_coins_of_its_day_counted() -> None:
    account = make_account(cash="0")
    record(account, happening(1, "buy", "1", "100", coin="ETH"))
    record(account, happening(2, "sell", "1", "90", coin="ETH"))
    record(account, happening(10, "sell", "1", "300"))
    record(account, happening(3, "buy", "1", "250"))
    day = DailyTotal.objects.get(sales__gt=0)
    assert (day.realized_pnl, day.sales, day.largest_win, day.largest_loss) == (40, 2, 50, -10)


@pytest.mark.django_db
def test_coins_that_came_open_a_lot_at_what_they_were_worth_and_say_so() -> None:
    account = make_account(cash="0")
    record(account, happening(1, "in", "2", "100"))
    lot = Lot.objects.get()
    assert (lot.cost, lot.cost_unknown, lot.fill_id, Position.objects.get().in_kind_aud) == (
        200,
        True,
        None,
        200,
    )
    record(account, happening(2, "sell", "1", "130"))
    assert Closing.objects.get().realized_pnl == 30


@pytest.mark.django_db
def test_coins_that_left_take_their_lots_at_cost_and_earn_nothing() -> None:
    account = make_account(cash="0")
    record(account, happening(1, "buy", "2", "100", fee=D("0.2")))
    record(account, happening(2, "out", "1", "500"))
    closing = Closing.objects.get()
    assert (closing.cost, closing.proceeds, closing.realized_pnl, closing.fill_id) == (
        D("100.1"), D("100.1"), 0, None,
    )  # fmt: skip
    position = Position.objects.get()
    assert (position.quantity, position.in_kind_aud, position.sales) == (1, D("-100.1"), 0)
    assert sum_up(account, None, None).sales == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("openings", "lot", "unmatched"),
    [
        (["1.5"], ("1.5", "150"), None),
        (["1.5", "-0.5"], ("1", "100"), None),
        (["1.5", "-1.5"], None, None),
        (["1.5", "-2"], None, "0.5"),
    ],
)
def test_openings_of_a_coin_count_as_one(
    openings: list[str], lot: tuple[str, str] | None, unmatched: str | None
) -> None:
    account = make_account(cash="0")
    for number, quantity in enumerate(openings):
        Movement.objects.create(
            account=account, kind="opening", coin_type="BTC", quantity=D(quantity), unit_price=100,
            occurred_at=START, venue_ref=f"opening:{number}",
        )  # fmt: skip
    with transaction.atomic():
        rebuild_coin(account, "BTC")
    assert [(row.quantity, row.cost) for row in Lot.objects.all()] == (
        [(D(lot[0]), D(lot[1]))] if lot else []
    )
    assert [row.unmatched_quantity for row in Closing.objects.all()] == ([D(unmatched)] if unmatched else [])


@pytest.mark.django_db
def test_coins_that_no_history_explains_were_there_when_the_first_ones_left() -> None:
    """The venue holds nothing; history knows of one coin sold: it was there, and nothing is held."""
    account = make_account(cash="0")
    record(account, happening(10, "sell", "1", "300"))
    Movement.objects.create(
        account=account, kind="opening", coin_type="BTC", quantity=1, unit_price=250,
        occurred_at=START + timedelta(days=9), venue_ref="opening:BTC",
    )  # fmt: skip
    with transaction.atomic():
        rebuild_coin(account, "BTC")
    assert (Closing.objects.get().unmatched_quantity, Closing.objects.get().realized_pnl) == (0, 50)
    assert Lot.objects.get().acquired_at == START + timedelta(minutes=10)
    assert Position.objects.get().quantity == 0


@pytest.mark.django_db
def test_newest_given_cost_counts_and_may_move_the_lot_back() -> None:
    account = make_account(cash="0")
    record(account, happening(10, "buy", "1", "500"))
    record(account, happening(20, "in", "1", "900"))
    movement = Movement.objects.get(coin_type="BTC")
    for cost, acquired_at in ((1, None), (300, START - timedelta(days=400))):
        GivenCost.objects.create(
            movement=movement, quantity=1, cost_aud=cost, acquired_at=acquired_at, given_by="tests"
        )
    with transaction.atomic():
        rebuild_coin(account, "BTC")
    first = Lot.objects.order_by("acquired_at", "id")[0]
    assert (first.cost, first.cost_unknown, first.acquired_at) == (300, False, START - timedelta(days=400))
    record(account, happening(30, "sell", "1", "1000"))
    assert Closing.objects.get().realized_pnl == 700


@pytest.mark.django_db
def test_cost_that_was_given_for_other_coins_does_not_count() -> None:
    account = make_account(cash="0")
    record(account, happening(20, "in", "1", "900"))
    GivenCost.objects.create(
        movement=Movement.objects.get(coin_type="BTC"), quantity=2, cost_aud=5, given_by="tests"
    )
    with transaction.atomic():
        rebuild_coin(account, "BTC")
    assert (Lot.objects.get().cost, Lot.objects.get().cost_unknown) == (900, True)


@pytest.mark.django_db
def test_manual_sale_takes_manual_lots_first_and_credits_who_opened_the_others() -> None:
    account = make_account(cash="0")
    record(account, happening(1, "buy", "1", "100", book=7, ledger="human"))
    record(account, happening(2, "buy", "1", "200"))
    record(account, happening(3, "sell", "1.5", "300", fee=D(3)))
    assert sorted(Match.objects.values_list("algorithm_id", "ledger", "realized_pnl"), key=repr) == [
        (7, "human", D(99)),
        (None, "", D(98)),
    ]
    rows = {row.key: row for row in value_by(account, "algorithm_id")}
    assert (rows[None].realized_pnl, rows[None].trades, rows[None].fees) == (98, 1, 3)
    assert (rows[7].realized_pnl, rows[7].trades, rows[7].fees) == (99, 0, 0)
