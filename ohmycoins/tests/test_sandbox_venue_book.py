"""The simulated venue's order book: what fills, at which price, when it shows, and that nothing is lost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from ohmycoins.clients import coinspot_replies as replies
from ohmycoins.clients.coinspot import Refused
from ohmycoins.sandbox.server import Sandbox
from ohmycoins.sandbox.venue.account import Refusal, Truth
from ohmycoins.sandbox.venue.prices import MovableMarket
from ohmycoins.sandbox.venue.venue import DEMO_BALANCES, Venue
from ohmycoins.tests.sandbox_venue import Trader, serving

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEMO = "demo-key"


@pytest.fixture
def sandbox(clock: time_machine.Traveller, settings: Any) -> Iterator[Sandbox]:
    with serving(settings) as server:
        yield server


@pytest.fixture
def trader(sandbox: Sandbox) -> Trader:
    return Trader(sandbox)


def fills(trader: Trader) -> list[tuple[D, D]]:
    return [(fill.amount, fill.rate) for fill in trader.truth.fills]


@pytest.mark.parametrize(
    ("side", "rate", "filled_at"),
    [
        ("buy", "101000", 100_200),
        ("buy", "100200", 100_200),
        ("sell", "99000", 100_000),
        ("sell", "100000", 100_000),
    ],
)
def test_order_that_crosses_the_market_fills_at_its_price(
    trader: Trader, side: str, rate: str, filled_at: int
) -> None:
    placed = trader.place(side, "BTC", "0.1", rate)
    assert fills(trader) == [(D("0.1"), filled_at)]
    assert trader.truth.order(placed.id).state == "filled"
    assert trader.ask("my/orders/market/open")[f"{side}orders"] == []


@pytest.mark.parametrize(
    ("side", "rate", "bid", "ask"),
    [("buy", "99000", 98_000, 98_500), ("sell", "102000", 103_000, 103_500)],
)
def test_order_that_rests_fills_at_its_own_rate_when_the_market_reaches_it(
    trader: Trader, side: str, rate: str, bid: int, ask: int
) -> None:
    placed = trader.place(side, "BTC", "0.1", rate)
    trader.venue.settle()
    assert fills(trader) == []
    trader.venue.set_prices({"BTC": {"bid": bid, "ask": ask}})
    trader.ask("status")
    assert fills(trader) == [(D("0.1"), D(rate))]
    assert trader.truth.order(placed.id).remaining == 0


def test_shallow_book_fills_in_slices_one_with_each_call(
    trader: Trader, clock: time_machine.Traveller
) -> None:
    trader.venue.set_options("demo-key", depth=D("0.4"))
    placed = trader.place("buy", "BTC", "0.1", "101000")
    clock.shift(1)
    (order,) = replies.read_open_orders(trader.ask("my/orders/market/open"))
    assert (order.id, order.amount) == (placed.id, D("0.02"))
    clock.shift(1)
    rows = replies.read_completed_orders(trader.ask("my/orders/completed"))
    assert [(row.amount, (row.at - NOON).seconds) for row in rows] == [
        (D("0.02"), 2), (D("0.04"), 1), (D("0.04"), 0),
    ]  # fmt: skip
    assert trader.truth.order(placed.id).state == "filled"
    assert [fill.id for fill in trader.truth.fills] == [f"{placed.id}-{n}" for n in (1, 2, 3)]


def test_book_without_depth_fills_nothing(trader: Trader) -> None:
    trader.venue.set_options(depth=0)
    placed = trader.place("buy", "BTC", "0.1", "101000")
    assert trader.truth.order(placed.id).state == "open"
    trader.venue.set_options(depth=1)
    assert trader.truth.order(placed.id).state == "filled"


def test_cancel_of_a_part_leaves_what_filled(trader: Trader) -> None:
    trader.venue.set_options(depth=D("0.25"))
    placed = trader.place("sell", "ETH", "2", "4000")
    trader.cancel("sell", placed.id)
    order = trader.truth.order(placed.id)
    assert (order.state, order.remaining, trader.truth.balances["ETH"]) == ("cancelled", 1, 1)
    assert trader.truth.reserved == {}


def test_lists_lag_behind_what_happened(trader: Trader, clock: time_machine.Traveller) -> None:
    trader.venue.set_options(listing_lag_seconds=5)
    trader.place("buy", "BTC", "0.1", "90000")
    trader.place("buy", "BTC", "0.1", "101000")

    def listed() -> tuple[int, int]:
        return tuple(
            len(trader.ask(path)["buyorders"]) for path in ("my/orders/market/open", "my/orders/completed")
        )  # type: ignore[return-value]

    assert listed() == (0, 0)
    assert replies.read_balances(trader.ask("my/balances"))["BTC"] == D("0.35")
    clock.shift(4.9)
    assert listed() == (0, 0)
    clock.shift(0.1)
    assert listed() == (1, 1)
    assert {order.visible_at for order in trader.truth.orders} == {NOON + timedelta(seconds=5)}


def test_order_by_hand_is_listed_like_any_other(trader: Trader) -> None:
    order = trader.venue.place(DEMO, side="buy", coin="BTC", amount=D("0.1"), rate=D(90_000))
    assert (order.origin, order.nonce, trader.truth.nonces) == ("manual", None, ())
    assert [row["id"] for row in trader.ask("my/orders/market/open")["buyorders"]] == [order.id]
    trader.venue.cancel(DEMO, order.id)
    assert trader.ask("my/orders/market/open")["buyorders"] == []
    with pytest.raises(Refusal, match="Order not found"):
        trader.venue.cancel(DEMO, order.id)


def test_what_is_reserved_cannot_be_sent_away(trader: Trader) -> None:
    trader.place("sell", "ETH", "2", "6000")
    for kind, coin in (("send", "ETH"), ("send", "AUD"), ("deposit", "ETH"), ("steal", "AUD")):
        with pytest.raises(Refusal):
            trader.venue.transfer(DEMO, kind, D(1), coin)
    assert trader.truth.balances == DEMO_BALANCES


def test_moved_market_shows_in_the_public_prices(sandbox: Sandbox) -> None:
    tick = sandbox.market.prices(NOON)["btc"]
    assert tick is not None
    assert (tick.bid, tick.ask) == ("100000", "100200")
    sandbox.venue.set_prices({"BTC": None})
    assert sandbox.market.prices(NOON)["btc"] != tick
    for wrong in ({"BTC": {"bid": 2, "ask": 1}}, {"BTC": {"bid": 1}}, {"B C": None}, {"BTC": 5}):
        with pytest.raises(ValueError, match=r"coin|price|market"):
            sandbox.venue.set_prices({"ETH": {"bid": 1, "ask": 1}} | wrong)
    assert "eth" in sandbox.market.given
    assert sandbox.market.given["eth"].bid == "5000"


AMOUNTS = st.integers(1, 30_000_000).map(lambda units: D(units).scaleb(-8))
RATES = st.integers(5_000_000_000, 15_000_000_000).map(lambda units: D(units).scaleb(-5))
STEPS = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(["buy", "sell"]), AMOUNTS, RATES),
    st.tuples(st.just("price"), RATES),
    st.tuples(st.just("depth"), st.integers(0, 100)),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("transfer"), st.sampled_from(["deposit", "withdraw"]), AMOUNTS),
    st.tuples(st.just("transfer"), st.sampled_from(["send", "receive"]), AMOUNTS),
)


def take(venue: Venue, step: tuple[Any, ...]) -> None:
    """Do one thing that an owner, or the market, may do."""
    match step:
        case "place", side, amount, rate:
            venue.place(DEMO, side=side, coin="BTC", amount=amount, rate=rate)
        case "price", rate:
            venue.set_prices({"BTC": {"bid": rate, "ask": rate * D("1.001")}})
        case "depth", percent:
            venue.set_options(depth=D(percent) / 100)
        case "cancel", number:
            orders = venue.truth(DEMO).orders
            venue.cancel(DEMO, orders[number % len(orders)].id if orders else "")
        case "transfer", kind, amount:
            venue.transfer(DEMO, kind, amount, "AUD" if kind in ("deposit", "withdraw") else "BTC")


def expected_balances(truth: Truth) -> dict[str, D]:
    """Sum up an account from its transfers and fills."""
    balances = dict(DEMO_BALANCES)
    for transfer in truth.transfers:
        balances[transfer.coin] += (
            transfer.amount if transfer.kind in ("deposit", "receive") else -transfer.amount
        )
    for fill in truth.fills:
        sign = 1 if fill.side == "buy" else -1
        balances[fill.coin] += sign * fill.amount
        balances["AUD"] -= sign * fill.total + fill.fee
    return balances


@given(st.lists(STEPS, max_size=40))
def test_nothing_is_made_or_lost_and_no_balance_falls_below_its_reserve(steps: list[tuple[Any, ...]]) -> None:
    venue = Venue(MovableMarket(42))
    for step in steps:
        try:
            take(venue, step)
        except Refusal:
            continue
        truth = venue.truth(DEMO)
        assert truth.balances == expected_balances(truth)
        assert all(truth.balances[coin] >= held for coin, held in truth.reserved.items())
        for order in truth.orders:
            filled = [fill for fill in truth.fills if fill.order_id == order.id]
            assert sum(fill.amount for fill in filled) == order.amount - order.remaining
            assert all(
                fill.rate <= order.rate if order.side == "buy" else fill.rate >= order.rate for fill in filled
            )
            assert (order.state == "filled") == (order.remaining == 0)


def test_funds_are_taken_once_by_two_orders(trader: Trader) -> None:
    trader.place("sell", "BTC", "0.25", "110000")
    with pytest.raises(Refused, match="insufficient funds"):
        trader.place("sell", "BTC", "0.00001", "110000")
