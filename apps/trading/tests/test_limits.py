"""What an account may do, measured from its rows: position, daily loss, algorithms, reviews, the database."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, DayStart, Event, Holding, Movement, Order, VolatileMarket
from apps.trading.services.days import begin_days
from apps.trading.services.execute import drain_account
from apps.trading.services.place import place_order
from apps.trading.services.standing import read_standing
from apps.trading.services.status import restore_account
from apps.trading.tests.factories import make_account, place, set_limits, ticket, trade
from apps.trading.tests.races import in_threads
from ohmycoins.core.errors import Conflict

pytestmark = pytest.mark.django_db


def codes(order: Order) -> list[str]:
    return [denial["code"] for denial in order.denials]


def test_default_limits_are_a_fifth_a_twentieth_and_three_tenths(clock: Any) -> None:
    make_price(bid=99, ask=100)
    account = make_account(limited=True)
    assert codes(place(account, quantity="200.00000001")) == ["POSITION_LIMIT"]
    assert place(account, quantity="200").status == "pending"
    assert codes(place(account, quantity="1")) == ["POSITION_LIMIT"], "what is in flight counts"
    make_price("ETH", bid=99, ask=100)
    assert place(account, coin_type="ETH", quantity="200").status == "pending"


def test_position_counts_what_is_held_at_its_mark(clock: Any) -> None:
    make_price(bid=99, ask=100)
    account = make_account(limited=True)
    trade(account, quantity="200")
    clock.shift(60)
    make_price(bid=149, ask=150)
    denied = place(account, quantity="1")
    assert codes(denied) == ["POSITION_LIMIT"]
    # 80,000 − 20 fee in cash and 200 × 150 held; a fifth of 109,980 is 21,996.
    assert (denied.denials[0]["limit"], denied.denials[0]["value"]) == ("21956", "29950")


def test_algorithms_share_of_the_account_is_limited_over_all_its_coins(clock: Any) -> None:
    for coin in ("BTC", "ETH", "SOL"):
        make_price(coin, bid=99, ask=100)
    account = make_account(limited=True)

    def order(coin: str, quantity: str, algorithm: int) -> Order:
        return place_order(
            user=account.user,
            account=account,
            ticket=ticket("buy", coin, quantity=quantity),
            algorithm_id=algorithm,
        )

    assert order("BTC", "150", 1).status == "pending"
    drain_account(account.pk)
    assert order("ETH", "140", 1).status == "pending"
    assert codes(order("SOL", "20", 1)) == ["ALGORITHM_LIMIT"]
    assert order("SOL", "20", 2).status == "pending"


def test_algorithm_sells_from_its_own_book_only(clock: Any) -> None:
    make_price(bid=99, ask=100)
    account = make_account()
    trade(account, quantity="5")
    asked = ticket("sell", quantity="1")
    assert codes(place_order(user=account.user, account=account, ticket=asked, algorithm_id=7)) == [
        "INSUFFICIENT_HOLDINGS"
    ]


def test_loss_of_a_day_stops_buying_until_midnight_of_the_account(clock: Any) -> None:
    make_price(bid=100, ask=100)
    user = UserFactory(timezone="Australia/Sydney")
    account = make_account(user)
    set_limits(account, position=100, loss=5)
    trade(account, quantity="500")
    clock.shift(60)
    make_price(bid=91, ask=91)  # −4,500 and the fee of 50
    assert place(account, quantity="1").status == "pending"
    clock.shift(60)
    make_price(bid=90, ask=90)
    denied = place(account, quantity="1")
    assert codes(denied) == ["DAILY_LOSS_LIMIT"]
    account.refresh_from_db()
    # Noon UTC is 23:00 in Sydney (daylight saving): its midnight is at 13:00 UTC.
    assert (account.status, account.reduce_only_until) == (
        "reduce_only",
        datetime(2026, 3, 2, 13, tzinfo=UTC),
    )
    assert codes(place(account, quantity="1")) == ["ACCOUNT_REDUCE_ONLY", "DAILY_LOSS_LIMIT"]
    assert place(account, "sell", quantity="1").status == "pending", "selling goes on"
    clock.shift(3600)
    make_price(bid=90, ask=90)
    assert place(account, quantity="1").status == "pending", "a new day"
    assert DayStart.objects.filter(account=account).count() == 2
    assert list(Event.objects.filter(type="account.moved").values_list("to_status", flat=True)) == [
        "reduce_only", "active",
    ]  # fmt: skip


def test_every_account_s_day_begins_at_its_own_midnight(clock: Any) -> None:
    sydney, london = (
        make_account(UserFactory(timezone=zone)) for zone in ("Australia/Sydney", "Europe/London")
    )
    assert begin_days() == 2
    assert begin_days() == 0
    clock.shift(3600)  # 13:00 UTC: tomorrow in Sydney
    assert begin_days() == 1
    assert [start.day.day for start in DayStart.objects.filter(account=sydney).order_by("day")] == [2, 3]
    assert [start.day.day for start in DayStart.objects.filter(account=london)] == [2]


def test_person_lets_an_account_buy_again(clock: Any) -> None:
    account = make_account()
    with pytest.raises(Conflict):
        restore_account(account.pk, actor="user:1", reason="too early")
    account.status = "reduce_only"
    account.save(update_fields=["status"])
    assert restore_account(account.pk, actor="user:1", reason="looked at it").status == "active"
    assert Event.objects.get(type="account.moved").actor == "user:1"


def test_buying_and_paying_in_or_out_are_no_loss(clock: Any) -> None:
    make_price(bid=100, ask=100)
    account = make_account()
    place(account, quantity="1")
    clock.shift(60)
    for amount, coin, quantity in ((D(-40_000), "", D(0)), (D(0), "BTC", D(-100))):
        Movement.objects.create(account=account, kind="send", amount_aud=amount, coin_type=coin, quantity=quantity,
                                occurred_at="2026-03-02T12:00:30Z")  # fmt: skip
    account.cash_aud -= 40_000
    account.save(update_fields=["cash_aud"])
    Holding.objects.create(account=account, coin_type="BTC", quantity=-100)
    with transaction.atomic():
        standing = read_standing(account, ticket(quantity=1), now=datetime(2026, 3, 2, 12, 2, tzinfo=UTC))
    assert standing.day_loss_aud == 0


def test_coin_without_a_price_is_left_out_of_both_sides_and_named(clock: Any) -> None:
    make_price(bid=100, ask=100)
    account = make_account()
    Holding.objects.create(account=account, coin_type="NEW", quantity=1000)
    place(account, quantity="1")
    start = DayStart.objects.get()
    assert (start.equity_aud, start.unpriced) == (100_000, {"NEW": "1000"})
    make_price("NEW", bid=50, ask=50)
    standing = read_standing(account, ticket(quantity=1), now=start.at + timedelta(minutes=1))
    assert (standing.equity_aud, standing.day_loss_aud) == (150_000, 0), "what it is worth now is no gain"
    clock.shift(60)
    trade(account, coin_type="NEW", quantity="200")
    account.refresh_from_db()
    standing = read_standing(account, ticket(quantity=1), now=start.at + timedelta(minutes=2))
    assert standing.day_loss_aud == D("10.1"), "buying it is no loss, but for the fees"


def test_market_marked_volatile_halves_its_limits(clock: Any) -> None:
    make_price(bid=99, ask=100)
    account = make_account(limited=True)
    VolatileMarket.objects.create(coin_type="BTC", reason="it moves", marked_by="user:1")
    assert codes(place(account, quantity="101")) == ["POSITION_LIMIT"]
    assert place(account, quantity="100").status == "pending"


def test_order_in_review_blocks_purchases_of_its_coin_on_its_account(clock: Any) -> None:
    make_price()
    make_price("ETH", bid=99, ask=100)
    account = make_account()
    order = trade(account, quantity="0.1", price="90000")
    Order.objects.filter(pk=order.pk).update(status="needs_review")
    assert codes(place(account, quantity="0.01")) == ["REVIEW_PENDING"]
    assert place(account, coin_type="ETH", quantity="1").status == "pending"
    assert place(make_account(account.user, cash="100000"), quantity="0.01").status == "pending"


def test_limits_are_checked_again_at_the_claim(clock: Any) -> None:
    make_price(bid=99, ask=100)
    account = make_account()
    order = place(account, quantity="300")
    set_limits(account, position=20)
    drain_account(account.pk)
    order.refresh_from_db()
    assert (order.status, codes(order), order.reserved_aud) == ("denied", ["POSITION_LIMIT"], 0)


def test_order_that_expired_in_the_queue_is_not_executed(clock: Any) -> None:
    make_price()
    account = make_account()
    order = place_order(
        user=account.user, account=account, ticket=ticket(quantity="0.1"), algorithm_id=3,
        expires_at=datetime(2026, 3, 2, 12, 1, tzinfo=UTC),
    )  # fmt: skip
    clock.shift(60)
    drain_account(account.pk)
    order.refresh_from_db()
    assert (order.status, order.reserved_aud) == ("expired", 0)


INSERT = """
    INSERT INTO trading_order (account_id, user_id, origin, coin_type, side, order_type, quantity, limit_price, status,
        filled_quantity, fee_aud, reserved_aud, reserved_quantity, denials, error, request_digest, attempts, body,
        candidates, created_at)
    VALUES (%s, %s, %s, 'BTC', %s, 'limit', %s, 100, 'pending', 0, 0, %s, %s, '[]', '', '', 0, '', '[]', now())
"""


def insert(
    account: Any, side: str, quantity: str, *, cash: str = "0", coins: str = "0", origin: str = "ours"
) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INSERT, [account.pk, account.user_id, origin, side, quantity, cash, coins])


def test_database_refuses_reservations_beyond_what_there_is(clock: Any) -> None:
    account = make_account(cash="1000")
    Holding.objects.create(account=account, coin_type="BTC", quantity=2)
    insert(account, "buy", "6", cash="600")
    with pytest.raises(IntegrityError, match="more cash than it has"):
        insert(account, "buy", "4", cash="400.00000001")
    insert(account, "buy", "4", cash="400")
    insert(account, "sell", "2", coins="2")
    with pytest.raises(IntegrityError, match="more BTC than it holds"):
        insert(account, "sell", "0.00000001", coins="0.00000001")
    with pytest.raises(IntegrityError, match="reserves_what_it_may_take"):
        insert(account, "buy", "1", cash="99")
    with pytest.raises(IntegrityError, match="reserves_what_it_may_take"):
        insert(account, "sell", "1", coins="0.5")
    with pytest.raises(IntegrityError, match="more cash than it has"), transaction.atomic():
        Order.objects.filter(side="buy", quantity=6).update(reserved_aud=601)


def test_database_takes_what_the_venue_reports_as_facts(clock: Any) -> None:
    account = make_account(cash="10")
    insert(account, "buy", "6", cash="600", origin="external")
    account.cash_aud = D(-5)
    account.save(update_fields=["cash_aud"])
    Order.objects.update(reserved_aud=300, status="cancelled")


@pytest.mark.django_db(transaction=True)
def test_of_two_hundred_orders_at_once_as_many_pass_as_the_limit_allows() -> None:
    make_price(bid=100, ask=100)
    account = make_account(cash="10000")
    set_limits(account, position=25)  # 2,500: five orders of 500

    def place_many(number: int) -> list[str]:
        return [place(account, quantity="5").status for _ in range(25)]

    statuses = [status for part in in_threads(8, place_many) for status in part]
    assert len(statuses) == 200
    assert statuses.count("pending") == 5
    assert sum(order.reserved_aud for order in Order.objects.in_flight()) <= account.cash_aud


@pytest.mark.django_db(transaction=True)
def test_two_sql_inserts_at_once_cannot_reserve_the_same_cash() -> None:
    account = make_account(cash="100")

    def try_to(_: int) -> bool:
        try:
            insert(account, "buy", "0.6", cash="60")
        except IntegrityError:
            return False
        return True

    assert sorted(in_threads(2, try_to)) == [False, True]


@pytest.mark.django_db(transaction=True)
def test_account_that_somebody_holds_begins_its_day_later() -> None:
    account = make_account()

    def work(number: int) -> int:
        if number == 0:
            with transaction.atomic():
                Account.objects.locked().get(pk=account.pk)
                held.set()
                assert tried.wait(10)
            return 0
        assert held.wait(10)
        begun = begin_days()
        tried.set()
        return begun

    held, tried = threading.Event(), threading.Event()
    assert in_threads(2, work) == [0, 0]
    assert begin_days() == 1
