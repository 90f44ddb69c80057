"""The guard: what follows from sales, once a sale, whoever commits late, and nothing when idle."""

import threading
import time
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from apps.ledgers.tests.factories import make_price
from apps.monitoring import tasks
from apps.monitoring.models import Alert, ClosingMark
from apps.monitoring.services.guard import guard
from apps.monitoring.tests.protecting import engaged, protect, reprice, sell_at
from apps.monitoring.tests.test_invariants import by_hand
from apps.pnl.models import Closing
from apps.pnl.services.rebuild import rebuild_coin
from apps.trading.models import Account, Brake, Event
from apps.trading.records import Execution
from apps.trading.services.brakes import release
from apps.trading.services.execute import drain_account
from apps.trading.services.fills import record_execution
from apps.trading.tests.deployed import make_decision, make_deployment, traded_by
from apps.trading.tests.factories import make_account, place, trade
from apps.trading.tests.races import in_threads
from ohmycoins.core.clock import now

pytestmark = pytest.mark.django_db
COOL = {"minutes": 10}


@pytest.fixture(autouse=True)
def noon(clock: Any) -> Any:
    return clock


@pytest.fixture
def account() -> Account:
    make_price("ETH", bid=99_999, ask=100_000)
    return make_account()


def guard_up_to(closing_id: int) -> None:
    """Look until the mark has followed: PostgreSQL's own workers may be under way, too."""
    deadline = time.monotonic() + 20
    while not ClosingMark.objects.filter(done_id=closing_id).exists():
        assert time.monotonic() < deadline
        guard(now())


def shown() -> list[tuple[str, int | None, str, str]]:
    return [
        (brake.kind, brake.account_id, brake.coin_type, f"{brake.until:%H:%M}" if brake.until else "")
        for brake in engaged()
    ]


def test_losing_sale_cools_its_coin_down_in_its_account_only(account: Account, noon: Any) -> None:
    protection = protect("cooldown", COOL)
    sell_at(account, 90_000)
    assert guard(now()) == 1
    assert shown() == [("cooldown", account.pk, "BTC", "12:10")]
    (brake,) = engaged()
    # 0.01 bought at 100,000 and sold at 90,000, 0.1 % fee on both sides.
    assert brake.reason == "a sale of BTC: lost A$101.9"
    assert (brake.engaged_by, brake.inputs["protection"]) == (f"protection:{protection.pk}", protection.pk)
    assert place(account, quantity="0.01").denials[0]["code"] == "BRAKED"
    assert place(account, coin_type="ETH", quantity="0.01").status == "pending"
    assert place(make_account(), quantity="0.01").status == "pending"
    noon.shift(600)
    assert place(account, quantity="0.01").status == "pending"


def test_brake_is_told_of_when_it_is_engaged_and_not_only_in_the_next_round(account: Account) -> None:
    protect("cooldown", COOL)
    sell_at(account, 90_000)
    tasks.guard()
    alert = Alert.objects.get()
    assert (alert.type, alert.user_id, alert.key) == ("brake", account.user_id, f"brake:{engaged()[0].pk}")


def test_winning_sale_brakes_nothing(account: Account) -> None:
    protect("cooldown", COOL)
    sell_at(account, 110_000)
    assert guard(now()) == 0
    assert not Brake.objects.exists()


def test_looking_again_engages_nothing_again_and_overrules_no_person(account: Account) -> None:
    protect("cooldown", COOL)
    sell_at(account, 90_000)
    assert [guard(now()) for _ in range(3)] == [1, 0, 0]
    release(engaged()[0].pk, actor="user:1", reason="I know", now=now())
    ClosingMark.objects.update(done_id=0, seen_id=0, seen_xid=0)
    assert guard(now()) == 0
    assert engaged() == []


def test_book_kept_anew_is_no_new_sale(account: Account) -> None:
    protect("cooldown", COOL)
    sell_at(account, 90_000)
    guard(now())
    before = Closing.objects.get().pk
    keep_anew(account)
    assert Closing.objects.get().pk > before
    assert guard(now()) == 0


def test_sale_looked_at_too_late_brakes_nothing(account: Account, noon: Any) -> None:
    protect("cooldown", COOL)
    sell_at(account, 90_000)
    noon.shift(600)
    assert guard(now()) == 0


def test_idle_pass_is_one_query(account: Account, django_assert_num_queries: Any) -> None:
    protect("cooldown", COOL)
    sell_at(account, 90_000)
    guard_up_to(Closing.objects.get().pk)
    with django_assert_num_queries(1):
        assert guard(now()) == 0


def test_fills_of_one_order_are_one_sale(account: Account) -> None:
    protect("losing_sales", {"sales": 2, "window_minutes": 60, "pause_minutes": 30})
    make_price()
    trade(account, quantity="0.01")
    trade(account, quantity="0.01")
    reprice("BTC", 90_000)
    order = trade(account, "sell", quantity="0.02")
    # As a venue tells of it in two parts.
    fill = order.fills.get()
    half = fill.quantity / 2
    Closing.objects.all().delete()
    for number in (1, 2):
        fill.pk, fill.quantity, fill.venue_fill_id = None, half, f"part {number}"
        fill.save(force_insert=True)
        Closing.objects.create(
            fill=fill, account=account, coin_type="BTC", quantity=half, proceeds=899, cost=1001, realized_pnl=-102,
            fee_aud=1, closed_at=now(),
        )  # fmt: skip
    assert guard(now()) == 0
    sell_at(account, 90_000)
    assert guard(now()) == 1


def sell_in_parts(account: Account, noon: Any, *prices: str) -> None:
    """Sell a coin at each price by one order, look after each fill but one, and let two minutes go by."""
    make_price(bid=100, ask=100)
    trade(account, quantity=str(len(prices)))
    guard(now())
    order = place(account, "sell", quantity=str(len(prices)), price="500")
    drain_account(account.pk)
    for number, price in enumerate(prices, 1):
        order.refresh_from_db()
        order.account = Account.objects.get(pk=account.pk)
        with transaction.atomic():
            record_execution(
                order, Execution(quantity=Decimal(1), price=Decimal(price)), fee_rate=Decimal(0), executed_at=now(),
                number=number, actor="tests",
            )  # fmt: skip
        for _ in range(3):  # until the mark has followed
            guard(now())
        noon.shift(120)


@pytest.mark.django_db(transaction=True)  # or the mark does not follow
def test_later_fill_is_judged_with_those_that_were_looked_at_before(account: Account, noon: Any) -> None:
    protect("cooldown", COOL)
    protect("losing_sales", {"sales": 1, "window_minutes": 1, "pause_minutes": 5})
    protect("low_profit", {"window_minutes": 1, "pause_minutes": 5})
    sell_in_parts(account, noon, "150", "99")
    assert engaged() == [], "A$50 and A$-1 are a sale that earned A$49, less the purchase's fee"


@pytest.mark.django_db(transaction=True)  # or the mark does not follow
def test_fill_that_makes_a_loss_of_a_sale_counts_the_whole_of_it(account: Account, noon: Any) -> None:
    protect("cooldown", COOL)
    sell_in_parts(account, noon, "101", "90")
    (brake,) = engaged()
    # Two bought at 100 with 0.1 % fee; sold at 101 and 90.
    assert brake.reason == "a sale of BTC: lost A$9.2"


def test_account_whose_chain_takes_no_more_keeps_nobody_from_being_braked(account: Account) -> None:
    protect("cooldown", COOL)
    other = make_account()
    sell_at(account, 90_000)
    sell_at(other, 90_000)
    by_hand(f"DELETE FROM trading_chain WHERE id = {account.pk}")
    assert guard(now()) == 2
    assert {brake.account_id for brake in engaged()} == {account.pk, other.pk}
    event = Event.objects.get(account=None, type="brake.engaged")
    assert event.inputs["account"] == account.pk
    for brake in engaged():
        release(brake.pk, actor="user:1", reason="known", now=now())
    assert engaged() == []


def test_losing_sales_brake_the_whole_account(account: Account, noon: Any) -> None:
    protect("losing_sales", {"sales": 2, "window_minutes": 60, "pause_minutes": 30}, account=account)
    sell_at(account, 90_000)
    guard(now())
    assert engaged() == []
    noon.shift(600)
    sell_at(account, 90_000, "ETH")
    guard(now())
    assert shown() == [("losing_sales", account.pk, "", "12:40")]
    assert trade(account, "sell", quantity="0.01").denials[0]["code"] == "INSUFFICIENT_HOLDINGS"
    assert place(account, quantity="0.01").denials[0]["code"] == "BRAKED"


def test_low_profit_locks_the_coin(account: Account) -> None:
    protect("low_profit", {"window_minutes": 60, "required_profit_percent": "20", "pause_minutes": 30})
    sell_at(account, 110_000)
    guard(now())
    assert shown() == [("low_profit", account.pk, "BTC", "12:30")]


@pytest.mark.parametrize("whose", ["other user", "other account", "off", "own user", "own account"])
def test_protection_watches_what_is_its_own(account: Account, whose: str) -> None:
    other = make_account()
    protect("cooldown", COOL, **{
        "other user": {"user": other.user}, "other account": {"account": other}, "off": {"enabled": False},
        "own user": {"user": account.user}, "own account": {"user": account.user, "account": account},
    }[whose])  # fmt: skip
    sell_at(account, 90_000)
    assert guard(now()) == (1 if whose.startswith("own") else 0)


def test_protection_of_a_deployment_watches_its_book_and_brakes_its_algorithm(account: Account) -> None:
    deployment = make_deployment(account)
    protect("cooldown", COOL, user=account.user, deployment=deployment)
    sell_at(account, 90_000)
    assert guard(now()) == 0
    make_price()
    reprice("BTC", 100_000)
    traded_by(make_decision(deployment), quantity="0.01")
    reprice("BTC", 90_000)
    traded_by(make_decision(deployment), "sell", quantity="0.01")
    assert guard(now()) == 1
    (brake,) = engaged()
    assert (brake.account_id, brake.algorithm_id, brake.coin_type) == (
        account.pk,
        deployment.algorithm_id,
        "BTC",
    )
    assert place(account, quantity="0.01").status == "pending"


def keep_anew(account: Account) -> None:
    with transaction.atomic():
        rebuild_coin(Account.objects.locked().get(pk=account.pk), "BTC")


@pytest.mark.django_db(transaction=True)
def test_sale_that_commits_after_a_later_one_was_seen_is_not_missed() -> None:
    """Numbers are given before they are committed."""
    slow, quick = make_account(), make_account()
    sell_at(slow, 90_000)
    sell_at(quick, 90_000)
    guard(now())
    guard(now())
    protect("cooldown", COOL)
    numbered, go_on = threading.Event(), threading.Event()

    def book_slowly() -> None:
        with transaction.atomic():
            keep_anew(slow)
            numbered.set()
            go_on.wait(10)
        connection.close()

    thread = threading.Thread(target=book_slowly)
    thread.start()
    assert numbered.wait(10)
    keep_anew(quick)
    newest = Closing.objects.get(account=quick).pk
    for _ in range(3):
        guard(now())
    assert [brake.account_id for brake in engaged()] == [quick.pk]
    go_on.set()
    thread.join()
    assert Closing.objects.get(account=slow).pk < newest
    guard(now())
    assert [brake.account_id for brake in engaged()] == [quick.pk, slow.pk]
    guard_up_to(newest)


@pytest.mark.django_db(transaction=True)
def test_guards_at_once_engage_once() -> None:
    protect("cooldown", COOL)
    sell_at(make_account(), 90_000)
    assert sum(in_threads(4, lambda _: guard(now()))) == 1
    assert Brake.objects.count() == 1
