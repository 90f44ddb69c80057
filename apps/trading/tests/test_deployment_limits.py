"""A deployment's own limits: what its book may be worth, and what it may lose in a local day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Deployment, Fill, Holding, Movement, Order
from apps.trading.records import Quote, Standing, VenueTrade
from apps.trading.safety import check_limits, size
from apps.trading.services.execute import drain_account
from apps.trading.services.fills import record_trades
from apps.trading.services.standing import BookDay, read_book_day
from apps.trading.tests.deployed import make_decision, make_deployment, order_of, traded_by
from apps.trading.tests.factories import make_account, place, ticket, trade
from apps.trading.tests.races import in_threads
from ohmycoins.core import clock as now_of

pytestmark = pytest.mark.django_db
QUOTE = Quote(bid=D(99), ask=D(100), last=D(99), observed_at=datetime(2026, 3, 2, tzinfo=UTC))
RICH = {"equity_aud": D(1_000_000), "day_start_aud": D(1_000_000), "algorithm_aud": D(0)}
WORTH, LOSS = "DEPLOYMENT_POSITION_LIMIT", "DEPLOYMENT_LOSS_LIMIT"


def codes(order: Order) -> list[str]:
    return [denial["code"] for denial in order.denials]


def day_of(deployment: Deployment) -> BookDay:
    with transaction.atomic():
        account = Account.objects.locked().get(pk=deployment.account_id)
        return read_book_day(account, deployment.pk, now_of.now())


@pytest.fixture
def account(clock: Any) -> Account:
    make_price(bid=100, ask=100)
    return make_account()


@pytest.mark.parametrize(
    ("quantity", "standing", "expected"),
    [
        (10, {"position_limit_aud": D(1_000)}, []),
        ("10.00000001", {"position_limit_aud": D(1_000)}, [WORTH]),
        (1, {"position_limit_aud": D(1_000), "algorithm_aud": D(900)}, []),
        (1, {"position_limit_aud": D(1_000), "algorithm_aud": D("900.00000001")}, [WORTH]),
        (10_000, {"position_limit_aud": None, "algorithm_aud": D(1)}, ["POSITION_LIMIT", "ALGORITHM_LIMIT"]),
        (1, {"loss_limit_aud": D(50), "book_loss_aud": D("49.99999999")}, []),
        (1, {"loss_limit_aud": D(50), "book_loss_aud": D(50)}, [LOSS]),
        (1, {"loss_limit_aud": D(50), "book_loss_aud": D(-900)}, []),
        (1, {"loss_limit_aud": None, "book_loss_aud": D(900)}, []),
        (2, {"position_limit_aud": D(100), "loss_limit_aud": D(50), "book_loss_aud": D(51)}, [WORTH, LOSS]),
        # A person's order has no deployment, whatever else is known.
        (2, {"algorithm_aud": None, "position_limit_aud": D(1), "loss_limit_aud": D(1), "book_loss_aud": D(2)}, []),
    ],
)  # fmt: skip
def test_deployment_limits_purchases_and_never_sales(
    quantity: Any, standing: Any, expected: list[str]
) -> None:
    for side, found in (("buy", expected), ("sell", [])):
        asked = ticket(side, quantity=quantity)
        denials = check_limits(asked, size(asked, QUOTE, D("0.001")), Standing(**(RICH | standing)))
        assert [denial.code for denial in denials] == found


def test_denial_says_what_is_allowed_and_what_it_came_to(account: Account) -> None:
    deployment = make_deployment(account, position_limit_aud=500, daily_loss_limit_aud=5)
    traded_by(make_decision(deployment), quantity="4")
    make_price(bid=98, ask=98, at=now_of.now() + timedelta(seconds=60))
    worth, loss = order_of(make_decision(deployment), quantity="2").denials
    assert (worth["code"], worth["limit"], worth["value"]) == (WORTH, "500", "588")
    # 400.4 paid, worth 392 now.
    assert (loss["code"], loss["limit"], loss["value"]) == (LOSS, "5", "8.4")


def test_what_is_in_flight_counts_towards_the_book(account: Account) -> None:
    make_price("ETH", bid=10, ask=10)
    deployment = make_deployment(account, position_limit_aud=500)
    assert order_of(make_decision(deployment), quantity="3").status == "pending"
    assert codes(order_of(make_decision(deployment), coin_type="ETH", quantity="20.00000001")) == [WORTH]
    assert order_of(make_decision(deployment), coin_type="ETH", quantity="20").status == "pending"
    assert (
        order_of(make_decision(make_deployment(account, position_limit_aud=500)), quantity="5").status
        == "pending"
    )


def test_sales_pass_and_make_room(account: Account) -> None:
    deployment = make_deployment(account, position_limit_aud=500, daily_loss_limit_aud=1)
    traded_by(make_decision(deployment), quantity="5")
    make_price(bid=90, ask=90, at=now_of.now() + timedelta(seconds=60))
    assert codes(order_of(make_decision(deployment), quantity="1")) == [WORTH, LOSS]
    sold = traded_by(make_decision(deployment, action="sell"), "sell", quantity="5")
    assert sold.status == "filled"
    # 500.5 paid, 449.55 had.
    assert day_of(deployment).loss_aud == D("50.95")
    assert codes(order_of(make_decision(deployment), quantity="1")) == [LOSS]


def test_limits_are_checked_again_at_the_claim(account: Account) -> None:
    deployment = make_deployment(account, position_limit_aud=500)
    order = order_of(make_decision(deployment), quantity="5")
    Deployment.objects.filter(pk=deployment.pk).update(position_limit_aud=499)
    drain_account(account.pk)
    order.refresh_from_db()
    assert (order.status, codes(order), order.reserved_aud) == ("denied", [WORTH], 0)


def test_loss_that_came_while_the_order_waited_denies_it_at_the_claim(account: Account, clock: Any) -> None:
    deployment = make_deployment(account, daily_loss_limit_aud=20)
    traded_by(make_decision(deployment), quantity="5")
    order = order_of(make_decision(deployment), quantity="1")
    clock.shift(60)
    make_price(bid=96, ask=96)
    drain_account(account.pk)
    order.refresh_from_db()
    assert (order.status, codes(order)) == ("denied", [LOSS])  # 0.5 of fees and 20 of price


def test_day_begins_with_what_the_book_is_worth_at_the_first_look(account: Account, clock: Any) -> None:
    deployment = make_deployment(account, daily_loss_limit_aud=50)
    traded_by(make_decision(deployment), quantity="5")
    clock.shift(86_400)
    make_price(bid=80, ask=80)
    assert order_of(make_decision(deployment), quantity="1").status == "pending", (
        "yesterday's loss is yesterday's"
    )
    deployment.refresh_from_db()
    assert (deployment.day, deployment.day_value_aud) == (date(2026, 3, 3), D(400))
    assert deployment.day_began_at == datetime(2026, 3, 3, 12, tzinfo=UTC)
    clock.shift(60)
    make_price(bid=70, ask=70)
    assert codes(order_of(make_decision(deployment), quantity="1")) == [LOSS]


@pytest.mark.parametrize(
    ("begins", "hours"),
    [
        (datetime(2026, 4, 4, 13, tzinfo=UTC), 25),  # Sydney sets its clocks back on 5 April 2026
        (datetime(2026, 10, 3, 14, tzinfo=UTC), 23),  # and forward on 4 October
        (datetime(2026, 6, 9, 14, tzinfo=UTC), 24),
    ],
)
def test_local_day_is_as_long_as_it_is(clock: Any, begins: datetime, hours: int) -> None:
    clock.move_to(begins)
    make_price(bid=100, ask=100)
    deployment = make_deployment(make_account(UserFactory(timezone="Australia/Sydney")))
    first = day_of(deployment).deployment
    clock.move_to(begins + timedelta(hours=hours) - timedelta(seconds=1))
    assert day_of(deployment).deployment.day_began_at == first.day_began_at
    clock.move_to(begins + timedelta(hours=hours))
    second = day_of(deployment).deployment
    assert (second.day_began_at, second.day) == (now_of.now(), first.day + timedelta(days=1))


def test_deposits_and_other_books_do_not_matter(account: Account, clock: Any) -> None:
    deployment = make_deployment(account, daily_loss_limit_aud=5)
    traded_by(make_decision(deployment), quantity="4")
    before = day_of(deployment).loss_aud
    Movement.objects.create(account=account, kind="withdrawal", amount_aud=-50_000, occurred_at=now_of.now())
    Movement.objects.create(
        account=account, kind="send", coin_type="BTC", quantity=-2, occurred_at=now_of.now()
    )
    Account.objects.filter(pk=account.pk).update(cash_aud=40_000)
    Holding.objects.create(account=account, coin_type="BTC", quantity=-2)
    traded_by(make_decision(make_deployment(account)), quantity="50")
    trade(account, quantity="30")
    assert day_of(deployment).loss_aud == before == D("0.4")


def test_fill_that_the_venue_told_late_counts_when_it_was_recorded(account: Account, clock: Any) -> None:
    """A late one, of before the day's first look, is in the value now; so what it cost must count too."""
    deployment = make_deployment(account)
    order = order_of(make_decision(deployment), quantity="2")
    for status in ("submitting", "open"):
        Order.objects.filter(pk=order.pk).update(status=status)
    Account.objects.filter(pk=account.pk).update(mode="live")
    executed_at = now_of.now() - timedelta(hours=20)
    clock.shift(86_400)
    make_price(bid=100, ask=100)
    assert day_of(deployment).loss_aud == 0
    order = Order.objects.select_related("account").get(pk=order.pk)
    with transaction.atomic():
        Account.objects.locked().get(pk=account.pk)
        trade = VenueTrade(
            key="t1", side="buy", coin_type="BTC", quantity=D(2), price=D(100), value_aud=D(200), fee_aud=D(1),
            at=executed_at, order_id=None,
        )  # fmt: skip
        record_trades(order, [trade], actor="reconciler")
    assert Fill.objects.get().executed_at == executed_at
    assert day_of(deployment).loss_aud == 1


def test_measuring_takes_the_same_statements_whatever_was_traded(account: Account) -> None:
    deployment = make_deployment(account, position_limit_aud=50_000, daily_loss_limit_aud=5_000)
    counts = []
    for _ in range(3):
        for _ in range(4):
            traded_by(make_decision(deployment), quantity="1")
        decision = make_decision(deployment)
        with CaptureQueriesContext(connection) as queries:
            order_of(decision, quantity="1")
        counts.append(len(queries))
        drain_account(account.pk)
    assert len(set(counts)) == 1
    with CaptureQueriesContext(connection) as manual:
        place(account, quantity="1")
    assert counts[0] - len(manual) == 2, "the deployment, and its book"


@pytest.mark.django_db(transaction=True)
def test_two_orders_at_once_cannot_pass_together() -> None:
    make_price(bid=100, ask=100)
    deployment = make_deployment(make_account(), position_limit_aud=500)
    decisions = [make_decision(deployment) for _ in range(8)]
    placed = in_threads(8, lambda number: order_of(decisions[number], quantity="2"))
    assert [order.status for order in placed].count("pending") == 2
    assert [codes(order) for order in placed if order.denials] == [[WORTH]] * 6
