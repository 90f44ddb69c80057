"""What a stop does to orders in flight, and how it sells."""

from decimal import Decimal as D
from typing import Any

import pytest
from kombu.exceptions import OperationalError as BrokerError

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Event, Holding, Order
from apps.trading.services import live, stopping
from apps.trading.services.activation import NotPermitted
from apps.trading.services.cancel import cancel_order
from apps.trading.services.control import clear, trip
from apps.trading.services.execute import drain_account
from apps.trading.services.place import place_order
from apps.trading.services.stopping import Swept, in_flight, preview, stop_trading, sweep_stop, sweep_stops
from apps.trading.services.submit import claim
from apps.trading.tasks import sweep_stop as sweep_task
from apps.trading.tests.factories import make_account, place, ticket, trade
from apps.trading.tests.live import KEY, live_account, state_of, truth
from ohmycoins.core import outbox
from ohmycoins.core.errors import Invalid
from ohmycoins.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "it looks wrong"


@pytest.fixture
def account() -> Account:
    make_price()
    make_price("ETH", bid=5000, ask=5001)
    return make_account()


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let Redis be down; give the tasks that could not be sent."""
    lost: list[str] = []

    def publish(task: str, *args: object, **options: object) -> None:
        lost.append(task)
        raise BrokerError("connection refused")

    monkeypatch.setattr(outbox, "publish", publish)
    return lost


def stop(scope: str = "global", state: str = "halted", **more: Any) -> stopping.Stopped:
    return stop_trading(scope=scope, state=state, reason=WHY, actor=None, **more)


def resting(account: Account, side: str = "buy", coin: str = "BTC") -> Order:
    return trade(account, side, coin, quantity="0.01", price={"buy": "50", "sell": "999999"}[side])


def test_halt_cancels_what_waits_and_what_rests_and_frees_what_it_reserved(account: Account) -> None:
    rests, waits = resting(account), place(account, quantity="0.1")
    done = stop()
    assert (done.swept, state_of(rests), state_of(waits)) == (Swept(2, 0), "cancelled", "cancelled")
    assert (rests.reserved_aud, waits.reserved_aud) == (0, 0)
    event = waits.events.latest("id")
    assert (event.actor, event.reason) == ("emergency stop", f"global is halted: {WHY}")
    assert not in_flight(stop=done.stop).exists()


def test_reduce_only_cancels_purchases_alone(account: Account) -> None:
    trade(account, quantity="0.1")
    buy, sale = resting(account), resting(account, "sell")
    assert stop(state="reduce_only").swept == Swept(1, 0)
    assert (state_of(buy), state_of(sale)) == ("cancelled", "open")
    assert list(in_flight(stop=None)) == [sale]


@pytest.mark.parametrize("scope", ["user", "account", "coin", "algorithm"])
def test_sweep_keeps_to_its_scope(account: Account, scope: str) -> None:
    other, ether = resting(make_account()), resting(account, coin="ETH")
    book = place_order(
        user=account.user, account=account, algorithm_id=7, ticket=ticket(quantity="0.01", price="50")
    )
    target = {"account": account.pk, "user": account.user_id, "coin": "ETH", "algorithm": 7}[scope]
    stop(f"{scope}:{target}")
    cancelled = {order.pk for order in (other, ether, book) if state_of(order) == "cancelled"}
    assert cancelled == {"coin": {ether.pk}, "algorithm": {book.pk}}.get(scope, {ether.pk, book.pk})


def test_user_s_own_coin_stop_leaves_others_orders(account: Account) -> None:
    own, other = resting(account), resting(make_account())
    stop_trading(scope="coin:BTC", state="halted", reason=WHY, actor=account.user)
    assert (state_of(own), state_of(other)) == ("cancelled", "open")


def test_sweep_that_died_is_taken_up_from_the_rows(account: Account) -> None:
    orders = [resting(account), place(account, quantity="0.01")]
    trip(scope="global", state="halted", reason=WHY, actor=None)  # and the process dies
    assert sweep_stops() == 2
    assert {state_of(order) for order in orders} == {"cancelled"}
    assert sweep_stops() == 0


def test_task_goes_on_where_the_time_ran_out(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(outbox, "publish", lambda task, *args, **_: sent.append((task, *args)))
    order = resting(account)
    done = stop(seconds=0)
    assert (done.swept, state_of(order)) == (Swept(0, 1), "open")
    assert ("trading.sweep_stop", done.stop.pk) in sent
    sweep_task(done.stop.pk)
    sweep_task(done.stop.pk)
    assert state_of(order) == "cancelled"
    assert order.events.filter(to_status="cancelled").count() == 1


def test_stop_that_is_set_again_sweeps_again_and_records_nothing_new(account: Account) -> None:
    order = resting(account)
    first = stop(seconds=0)
    again = stop()
    assert (first.swept, again.swept, state_of(order)) == (Swept(0, 1), Swept(1, 0), "cancelled")
    assert again.stop.fence == first.stop.fence
    assert Event.objects.filter(type__startswith="stop.").count() == 1


def test_cleared_stop_sweeps_nothing_and_trading_goes_on(account: Account) -> None:
    swept = resting(account)
    row = stop().stop
    clear(scope="global", reason="all is well", actor=None)
    order = resting(account)
    assert (sweep_stop(row.pk), sweep_stops()) == (Swept(0, 0), 0)
    assert (state_of(order), state_of(swept)) == ("open", "cancelled")


def test_order_that_cannot_be_cancelled_holds_up_no_other(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = resting(account), resting(account)

    def cancel(order_id: int, **more: Any) -> Order:
        if order_id == first.pk:
            raise RuntimeError("a bug")
        return cancel_order(order_id, **more)

    monkeypatch.setattr(stopping, "cancel_order", cancel)
    assert stop().swept == Swept(1, 1)
    assert (state_of(first), state_of(second)) == ("open", "cancelled")


def test_redis_down_changes_nothing(account: Account, no_broker: list[str]) -> None:
    order = resting(account)
    assert stop().swept == Swept(1, 0)
    assert state_of(order) == "cancelled"
    clear(scope="global", reason="all is well", actor=None)
    assert place(account, quantity="0.1").status == "pending"


def test_live_order_is_taken_off_its_venue(server: Sandbox, clock: Any) -> None:
    account = live_account()
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    done = stop(f"account:{account.pk}")
    assert (done.swept, state_of(order)) == (Swept(1, 0), "cancelling")
    assert list(in_flight(stop=done.stop)) == [order], "until the venue shows what became of it"
    for _ in range(4):
        clock.shift(31)
        live.work(account.pk)
    assert (state_of(order), truth(server).orders[0].state) == ("cancelled", "cancelled")
    assert not in_flight(stop=done.stop).exists()


def test_live_order_is_taken_off_its_venue_with_redis_down(
    server: Sandbox, clock: Any, no_broker: list[str]
) -> None:
    account = live_account()
    place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    stop()
    assert truth(server).orders[0].state == "cancelled"


def test_order_under_way_is_cancelled_as_soon_as_it_is_found(server: Sandbox, clock: Any) -> None:
    account = live_account()
    server.venue.script(KEY, ["accept_drop"], ends="/my/buy")
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    done = stop()
    assert state_of(order) == "unknown"
    assert order.cancel_requested_at is not None
    assert list(in_flight(stop=done.stop)) == [order]
    assert sweep_stops() == 0, "it was asked for once"
    for _ in range(8):
        clock.shift(31)
        live.work(account.pk)
    assert (state_of(order), truth(server).orders[0].state) == ("cancelled", "cancelled")


def test_nothing_is_claimed_after_a_stop(server: Sandbox, clock: Any) -> None:
    account = live_account()
    order = place(account, quantity="0.1")
    trip(scope="user:" + str(account.user_id), state="halted", reason=WHY, actor=None)
    assert claim(account.pk) is None
    assert truth(server).orders == ()
    assert state_of(order) == "denied"


def test_order_made_at_the_venue_itself_is_shown_and_left_alone(server: Sandbox, clock: Any) -> None:
    account = live_account()
    server.venue.place(KEY, side="sell", coin="BTC", amount=D("0.2"), rate=D("200000"))
    for _ in range(3):
        clock.shift(301)
        live.work(account.pk)
    (external,) = Order.objects.filter(origin="external")
    assert stop().swept == Swept(0, 0)
    assert list(in_flight()) == [external]
    assert truth(server).orders[0].state == "open"


def test_liquidation_sells_every_book_once(account: Account) -> None:
    trade(account, quantity="0.1")
    trade(account, coin_type="ETH", quantity="2")
    place_order(user=account.user, account=account, algorithm_id=7, ticket=ticket(quantity="0.03"))
    drain_account(account.pk)
    resting(account, "sell")  # 0.01 BTC are on offer already, and taken back
    buy = resting(account)
    done = stop(f"account:{account.pk}", "reduce_only", liquidate=True)
    assert state_of(buy) == "cancelled"
    assert [(sale.coin_type, sale.algorithm_id, sale.quantity, sale.status) for sale in done.sales] == [
        ("BTC", None, D("0.1"), "pending"), ("BTC", 7, D("0.03"), "pending"), ("ETH", None, D(2), "pending"),
    ]  # fmt: skip
    assert stop(f"account:{account.pk}", "reduce_only", liquidate=True).sales == ()
    drain_account(account.pk)
    held = Holding.objects.filter(account=account, quantity__gt=0)
    assert not held.exists()
    event = Event.objects.filter(type="stop.liquidated").first()
    assert event is not None
    assert (event.account_id, event.inputs["orders"]) == (account.pk, [sale.pk for sale in done.sales])


def test_liquidation_of_a_coin_sells_that_coin(account: Account) -> None:
    trade(account, quantity="0.1")
    trade(account, coin_type="ETH", quantity="2")
    assert [sale.coin_type for sale in stop("coin:ETH", "reduce_only", liquidate=True).sales] == ["ETH"]


def test_book_that_a_manual_sale_drew_on_sells_what_is_left(account: Account) -> None:
    place_order(user=account.user, account=account, algorithm_id=7, ticket=ticket(quantity="0.1"))
    drain_account(account.pk)
    trade(account, "sell", quantity="0.04")
    (sale,) = stop("global", "reduce_only", liquidate=True).sales
    assert (sale.algorithm_id, sale.quantity, sale.status) == (7, D("0.06"), "pending")


def test_halt_that_is_to_sell_is_refused_and_stops_nothing(account: Account) -> None:
    trade(account, quantity="0.1")
    with pytest.raises(Invalid, match="reduce_only"):
        stop(liquidate=True)
    assert not Event.objects.filter(type__startswith="stop.").exists()
    assert not Order.objects.filter(side="sell").exists()


def test_preview_counts_and_changes_nothing(account: Account) -> None:
    trade(account, quantity="0.1")
    resting(account)
    place(account, "sell", quantity="0.01")
    ahead = preview(scope="global", state="halted", actor=None)
    assert (ahead.to_cancel, ahead.in_flight, ahead.holdings) == (2, 1, 1)
    assert preview(scope="global", state="reduce_only", actor=None).to_cancel == 1
    assert not Event.objects.filter(type__startswith="stop.").exists()


def test_liquidation_takes_back_sales_that_rest(account: Account) -> None:
    trade(account, quantity="0.1")
    resting = trade(account, "sell", quantity="0.1", price="900000")
    assert resting.status == "open"
    done = stop_trading(scope="global", state="reduce_only", reason=WHY, actor=None, liquidate=True)
    assert ([sale.quantity for sale in done.sales], done.unsold) == ([D("0.1")], 0)
    assert state_of(resting) == "cancelled"


def test_liquidation_counts_what_still_rests_at_a_venue_as_unsold(server: Sandbox) -> None:
    account = live_account()
    place(account, "sell", quantity="1", price="900000")
    live.work(account.pk)
    done = stop_trading(
        scope=f"account:{account.pk}", state="reduce_only", reason=WHY, actor=None, liquidate=True
    )
    assert (done.sales, done.unsold) == ((), 1)


def test_operator_s_stop_on_what_its_owner_stopped_is_the_operator_s(account: Account) -> None:
    operator = UserFactory(is_superuser=True, is_staff=True)
    trip(scope=f"account:{account.pk}", state="halted", reason="mine", actor=account.user)
    trip(scope=f"account:{account.pk}", state="halted", reason="theirs", actor=operator)
    with pytest.raises(NotPermitted):
        clear(scope=f"account:{account.pk}", reason="x", actor=account.user)
