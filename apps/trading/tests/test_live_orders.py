"""Orders at a live venue: sent once, recorded by what the venue shows."""

from decimal import Decimal as D
from typing import Any

import pytest

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Discrepancy, Fill, Holding, Movement, Order
from apps.trading.services import live
from apps.trading.services.cancel import cancel_order
from apps.trading.services.limits import read_usage
from apps.trading.services.submit import claim, reap, record, send, submit
from apps.trading.tests.factories import place
from apps.trading.tests.live import KEY, path_of, state_of, truth
from ohmycoins.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def work(account: Account, clock: Any, seconds: float = 0) -> None:
    clock.shift(seconds)
    live.work(account.pk)


def settle(account: Account, clock: Any) -> None:
    """Let as much time pass as it takes to find out anything."""
    for _ in range(8):
        work(account, clock, 31)


def cash_of(account: Account) -> D:
    return Account.objects.get(pk=account.pk).cash_aud


def test_connecting_takes_the_venue_s_balances_over_as_opening_movements(account: Account) -> None:
    assert account.connected_at is not None
    assert account.cash_aud == 100_000
    assert Holding.objects.get(account=account).quantity == 1
    assert {(row.kind, row.coin_type, row.amount_aud, row.quantity) for row in Movement.objects.all()} == {
        ("opening", "", D(100_000), D(0)), ("opening", "BTC", D(0), D(1)),
    }  # fmt: skip


def test_balances_taken_over_after_the_day_began_are_no_gain_and_their_fall_is_a_loss(
    account: Account, clock: Any
) -> None:
    assert read_usage(account.pk).day_start_aud == 200_000
    clock.shift(60)
    make_price(bid=90_000, ask=90_000)
    usage = read_usage(account.pk)
    assert (usage.day_start_aud, usage.day_loss_aud) == (200_000, 10_000)


def test_market_buy_is_sent_once_and_its_fill_is_the_venue_s(
    account: Account, server: Sandbox, clock: Any
) -> None:
    order = place(account, quantity="0.1")
    work(account, clock)
    work(account, clock, 31)
    assert path_of(order) == ["pending", "submitting", "open", "filled"]
    order.refresh_from_db()
    (there,) = truth(server).orders
    assert (there.id, there.amount, there.rate) == (order.venue_order_id, D("0.1"), D("105210"))
    fill = Fill.objects.get()
    assert (fill.price, fill.value_aud, fill.fee_aud) == (100_200, 10_020, D("10.02"))
    assert cash_of(account) == truth(server).balances["AUD"] == D("89969.98")
    settle(account, clock)
    assert not Discrepancy.objects.exists()
    assert Fill.objects.count() == 1


@pytest.mark.parametrize(
    "fault",
    [
        "accept_drop",
        "accept_5xx",
        "html_200_after",
        "cut_json",
        "cut_body",
        "proxy_replay",
        "429_after",
        "late_commit",
    ],
)
@pytest.mark.parametrize("ids", ["none", "order"])
@pytest.mark.parametrize("price", [None, "90000"])
def test_order_whose_answer_was_lost_is_found_and_linked(
    account: Account, server: Sandbox, clock: Any, fault: str, ids: str, price: str | None
) -> None:
    server.venue.set_options(completed_ids=ids)
    server.venue.script(KEY, [fault], ends="/my/buy")
    order = place(account, quantity="0.1", **({"price": price} if price else {}))
    work(account, clock)
    assert state_of(order) == "unknown"
    assert order.reserved_aud > 0
    settle(account, clock)
    assert state_of(order) == ("open" if price else "filled")
    assert len(truth(server).orders) == 1
    assert not Order.objects.exclude(pk=order.pk).exists()


@pytest.mark.parametrize("fault", ["drop_before", "429_before", "html_200_before"])
def test_order_that_never_arrived_is_not_placed_and_frees_its_reserve(
    account: Account, server: Sandbox, clock: Any, fault: str
) -> None:
    server.venue.script(KEY, [fault], ends="/my/buy")
    order = place(account, quantity="0.1")
    other = place(account, quantity="0.2")
    work(account, clock)
    assert (state_of(order), state_of(other)) == ("unknown", "pending")
    settle(account, clock)
    assert (state_of(order), order.reserved_aud) == ("not_placed", 0)
    assert state_of(other) == "filled", "the queue goes on"
    assert [there.amount for there in truth(server).orders] == [D("0.2")]


def test_late_submit_is_fenced_off(account: Account, server: Sandbox, clock: Any) -> None:
    order = place(account, quantity="0.1")
    submission = claim(account.pk)
    assert submission is not None
    clock.shift(16)
    assert reap(account.pk) == 1
    live.work(account.pk)
    submit(submission)
    assert truth(server).orders == (), "its lease was over: it was not even sent"
    settle(account, clock)
    assert state_of(order) == "not_placed"


def test_answer_that_comes_after_the_lease_links_the_order(
    account: Account, server: Sandbox, clock: Any
) -> None:
    order = place(account, quantity="0.1", price="90000")
    submission = claim(account.pk)
    assert submission is not None
    outcome = send(submission)
    clock.shift(16)
    reap(account.pk)
    assert state_of(order) == "unknown"
    record(submission, outcome)
    assert (state_of(order), order.venue_order_id) == ("open", truth(server).orders[0].id)


def test_refusal_in_known_words_rejects_the_order(account: Account, server: Sandbox, clock: Any) -> None:
    order = place(account, quantity="0.000001")  # ten cents: below the venue's minimum
    work(account, clock)
    assert state_of(order) == "rejected"
    assert "minimum" in order.error.lower()
    assert order.reserved_aud == 0


def test_partial_fills_are_rows_and_a_cancel_keeps_them(
    account: Account, server: Sandbox, clock: Any
) -> None:
    server.venue.set_options(depth=D("0.05"))
    order = place(account, quantity="0.1")
    work(account, clock)
    server.venue.set_options(depth=0)
    work(account, clock, 31)
    assert state_of(order) == "partially_filled"
    filled = order.filled_quantity
    assert 0 < filled < D("0.1")
    cancel_order(order.pk, actor="user:1")
    assert state_of(order) == "cancelling"
    settle(account, clock)
    assert (state_of(order), order.filled_quantity, order.reserved_aud) == ("cancelled", filled, 0)
    assert cash_of(account) == truth(server).balances["AUD"]


def test_fill_during_the_cancel_wins(account: Account, server: Sandbox, clock: Any) -> None:
    order = place(account, quantity="0.1", price="90000")
    work(account, clock)
    server.venue.script(KEY, ["fill_during_cancel"], ends="/my/buy/cancel")
    cancel_order(order.pk, actor="user:1")
    settle(account, clock)
    assert state_of(order) == "filled"
    assert cash_of(account) == truth(server).balances["AUD"]


def test_cancel_of_an_order_under_way_waits_until_it_is_found(
    account: Account, server: Sandbox, clock: Any
) -> None:
    server.venue.script(KEY, ["accept_drop"], ends="/my/buy")
    order = place(account, quantity="0.1", price="90000")
    work(account, clock)
    assert cancel_order(order.pk, actor="user:1").status == "unknown"
    settle(account, clock)
    assert state_of(order) == "cancelled"
    assert truth(server).orders[0].state == "cancelled"


def test_order_made_in_the_app_is_imported_with_its_fills(
    account: Account, server: Sandbox, clock: Any
) -> None:
    server.venue.place(KEY, side="sell", coin="BTC", amount=D("0.2"), rate=D("200000"))
    server.venue.place(KEY, side="buy", coin="BTC", amount=D("0.1"), rate=D("101000"))
    for _ in range(4):
        work(account, clock, 301)
    rows = {(row.origin, row.side, row.status, row.quantity) for row in Order.objects.all()}
    assert rows == {("external", "sell", "open", D("0.2")), ("external", "buy", "filled", D("0.1"))}
    assert cash_of(account) == truth(server).balances["AUD"]
    assert not Discrepancy.objects.exists()


def test_transfers_become_movements_once(account: Account, server: Sandbox, clock: Any) -> None:
    clock.shift(60)
    server.venue.transfer(KEY, "deposit", D(500))
    server.venue.transfer(KEY, "withdraw", D(200))
    server.venue.transfer(KEY, "send", D("0.25"), coin="BTC")
    server.venue.transfer(KEY, "receive", D("0.05"), coin="BTC")
    for _ in range(3):
        work(account, clock, 301)
    rows = {(row.kind, row.amount_aud, row.quantity) for row in Movement.objects.exclude(kind="opening")}
    assert rows == {
        ("deposit", D(500), D(0)), ("withdrawal", D(-200), D(0)), ("send", D(0), D("-0.25")),
        ("receive", D(0), D("0.05")),
    }  # fmt: skip
    assert cash_of(account) == 100_300
    assert Holding.objects.get(account=account).quantity == D("0.8")
    assert not Discrepancy.objects.exists()


def test_twins_are_told_apart_by_their_last_digits(account: Account, server: Sandbox, clock: Any) -> None:
    orders = [place(account, quantity="0.1", price="90000") for _ in range(3)]
    assert [order.quantity for order in orders] == [D("0.1"), D("0.09999999"), D("0.09999998")]
    assert {order.requested_quantity for order in orders} == {D("0.1")}


def test_unreachable_venue_puts_the_order_back_with_growing_pauses_and_gives_up(
    account: Account, settings: Any, clock: Any
) -> None:
    settings.COINSPOT_URL = "http://127.0.0.1:1"
    order = place(account, "sell", quantity="0.1")
    pauses = []
    for _ in range(5):
        live.work(account.pk)
        order.refresh_from_db()
        if order.status == "pending":
            pauses.append((order.next_at - order.events.last().at).total_seconds())
            clock.shift(20)
    assert state_of(order) == "denied"
    assert order.denials[0]["code"] == "VENUE_UNREACHABLE"
    assert order.reserved_quantity == 0
    assert [round(pause / 2**n) for n, pause in enumerate(pauses)] == [1, 1, 1, 1]
