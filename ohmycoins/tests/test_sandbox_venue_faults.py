"""Each fault of a single call: what the client is told, and what the venue really did."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
import requests
import time_machine

from ohmycoins.clients import coinspot
from ohmycoins.clients import coinspot_replies as replies
from ohmycoins.clients.coinspot import NotSent, OutcomeUnknown
from ohmycoins.sandbox.faults import UnknownFault
from ohmycoins.sandbox.server import Sandbox
from ohmycoins.sandbox.venue.kinds import KINDS, ONE_OF
from ohmycoins.tests.sandbox_venue import READ_ONLY, Trader, serving

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEMO = "demo-key"
QUICK = [kind for kind in KINDS if kind != "drip"]


@pytest.fixture
def sandbox(clock: time_machine.Traveller, settings: Any) -> Iterator[Sandbox]:
    with serving(settings) as server:
        yield server


@pytest.fixture
def trader(sandbox: Sandbox) -> Trader:
    return Trader(sandbox)


def place_badly(trader: Trader, fault: str, *, nonce: int | None = None) -> OutcomeUnknown:
    """Place an order that suffers `fault`, and give what the client raises."""
    trader.venue.script(DEMO, [fault])
    with pytest.raises(OutcomeUnknown) as caught:
        trader.send(trader.limit("buy", "BTC", "0.1", "90000", nonce))
    return caught.value


@pytest.mark.parametrize(
    ("fault", "status", "is_done"),
    [
        ("drop_before", None, False),
        ("accept_drop", None, True),
        ("accept_5xx", 502, True),
        ("429_before", 429, False),
        ("429_after", 429, True),
        ("html_200_before", 200, False),
        ("html_200_after", 200, True),
        ("cut_json", 200, True),
        ("cut_body", None, True),
        ("drip", None, True),
        ("proxy_replay", 400, True),
        ("manual_twin_dropped", None, True),
    ],
)
def test_order_whose_outcome_is_unknown(
    trader: Trader, fault: str, status: int | None, is_done: bool
) -> None:
    assert place_badly(trader, fault).status == status
    ours = [order for order in trader.truth.orders if order.origin == "api"]
    assert [(order.amount, order.nonce) for order in ours] == [(D("0.1"), 1)] * is_done
    assert trader.truth.nonces == (1,) * is_done
    assert [(call.number, call.fault) for call in trader.truth.calls] == [(1, fault)]


def test_replayed_call_is_answered_with_a_nonce_error(trader: Trader) -> None:
    assert "invalid nonce" in str(place_badly(trader, "proxy_replay"))
    assert len(trader.truth.orders) == 1


def test_late_arrival_is_done_later_as_if_it_came_then(trader: Trader, clock: time_machine.Traveller) -> None:
    trader.venue.set_options(delay_seconds=2)
    place_badly(trader, "late_arrival")
    clock.shift(1.9)
    assert (trader.truth.orders, trader.truth.nonces) == ((), ())
    clock.shift(5)
    (order,) = trader.truth.orders
    assert (order.created_at, order.nonce) == (NOON + timedelta(seconds=2), 1)


def test_late_arrival_is_fenced_off_by_a_higher_nonce(trader: Trader, clock: time_machine.Traveller) -> None:
    place_badly(trader, "late_arrival")
    trader.send(coinspot.status(trader.nonce()))
    clock.shift(10)
    assert (trader.truth.orders, trader.truth.nonces) == ((), (2,))


def test_late_commit_comes_into_being_behind_the_fence(trader: Trader, clock: time_machine.Traveller) -> None:
    assert place_badly(trader, "late_commit").status == 504
    trader.send(coinspot.status(trader.nonce()))
    assert (trader.truth.orders, trader.truth.nonces) == ((), (1, 2))
    clock.shift(1)
    (order,) = trader.truth.orders
    assert (order.created_at, order.nonce) == (NOON + timedelta(seconds=1), 1)


def test_late_commit_that_cannot_be_leaves_no_trace(trader: Trader, clock: time_machine.Traveller) -> None:
    trader.venue.script(DEMO, ["late_commit", "late_commit"])
    for nonce in (1, 1):
        with pytest.raises(OutcomeUnknown):
            trader.send(trader.limit("buy", "BTC", "10", "90000", nonce))
    clock.shift(5)
    assert (trader.truth.orders, trader.truth.nonces) == ((), (1,))


def test_late_effects_come_in_the_order_of_their_time(trader: Trader, clock: time_machine.Traveller) -> None:
    trader.venue.set_options(delay_seconds=3)
    place_badly(trader, "late_arrival", nonce=1)
    trader.venue.set_options(delay_seconds=1)
    place_badly(trader, "late_arrival", nonce=2)
    clock.shift(10)
    assert trader.truth.nonces == (2,)


def test_drip_is_slower_than_any_deadline(trader: Trader) -> None:
    trader.venue.script(DEMO, ["drip"])
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown, match=r"still sending|in time"):
        trader.send(coinspot.status(1), seconds=1.5)
    assert 1.4 < time.monotonic() - began < 3


def test_partial_fill_fills_in_slices(trader: Trader) -> None:
    trader.venue.script(DEMO, ["partial_fill"])
    placed = trader.place("buy", "BTC", "0.1", "101000")
    first = trader.venue.truth(DEMO).fills[0].amount
    assert D("0.01") <= first <= D("0.09")
    for _ in range(10):
        trader.venue.settle()
    assert trader.truth.order(placed.id).state == "filled"
    assert sum(fill.amount for fill in trader.truth.fills) == D("0.1")


def test_twin_by_hand_is_the_same_but_for_its_origin(trader: Trader) -> None:
    trader.venue.script(DEMO, ["manual_twin_answered"])
    placed = trader.place("buy", "BTC", "0.1", "90000")
    ours, twin = trader.truth.orders
    assert (ours.id, ours.origin, twin.origin, twin.nonce) == (placed.id, "api", "manual", None)
    assert (ours.side, ours.coin, ours.amount, ours.rate) == (twin.side, twin.coin, twin.amount, twin.rate)
    trader.venue.script(DEMO, ["manual_twin_answered"])
    trader.place("sell", "ETH", "2", "6000")
    assert len(trader.truth.orders) == 3, "there are no coins for a twin"


def test_order_that_fills_during_its_cancel_is_gone(trader: Trader) -> None:
    placed = trader.place("buy", "BTC", "0.1", "90000")
    trader.venue.script(DEMO, ["fill_during_cancel"])
    with pytest.raises(OutcomeUnknown, match="Order not found"):
        trader.cancel("buy", placed.id)
    assert trader.truth.order(placed.id).state == "filled"
    assert [(fill.amount, fill.rate) for fill in trader.truth.fills] == [(D("0.1"), 90_000)]


@pytest.mark.parametrize(("fault", "state"), [("drop_before", "open"), ("accept_drop", "cancelled")])
def test_cancel_whose_outcome_is_unknown(trader: Trader, fault: str, state: str) -> None:
    placed = trader.place("buy", "BTC", "0.1", "90000")
    trader.venue.script(DEMO, [fault])
    with pytest.raises(OutcomeUnknown):
        trader.cancel("buy", placed.id)
    assert trader.truth.order(placed.id).state == state


def test_lists_are_shuffled_or_hold_a_row_twice(trader: Trader) -> None:
    for number in range(8):
        trader.place("buy", "BTC", "0.01", f"{90_000 + number}")

    def ids() -> list[str]:
        return [order.id for order in replies.read_open_orders(trader.ask("my/orders/market/open"))]

    regular = ids()
    trader.venue.script("demo-ro-key", ["out_of_order", "duplicate_rows"])
    shuffled, doubled = ids(), ids()
    assert shuffled != regular
    assert sorted(shuffled) == sorted(regular)
    assert (len(doubled), {*doubled}) == (9, {*regular})


def test_script_strikes_only_the_paths_it_names(trader: Trader) -> None:
    trader.venue.script(DEMO, ["accept_drop", None, "429"], ends="/my/buy")
    trader.venue.script(DEMO, ["accept_5xx"], ends=("/status",))
    trader.place("sell", "ETH", "1", "6000")
    with pytest.raises(OutcomeUnknown):
        trader.place("buy", "BTC", "0.1", "90000")
    with pytest.raises(OutcomeUnknown, match="502"):
        trader.send(coinspot.status(trader.nonce()))
    trader.place("buy", "BTC", "0.1", "90000")
    with pytest.raises(OutcomeUnknown, match="429"):
        trader.place("buy", "BTC", "0.1", "90000")
    faults = [call.fault for call in trader.truth.calls]
    assert faults[:4] == [None, "accept_drop", "accept_5xx", None]
    assert faults[4] in ONE_OF["429"]
    with pytest.raises(UnknownFault):
        trader.venue.script(DEMO, ["moon"])


def test_script_of_one_key_leaves_the_other_alone(trader: Trader) -> None:
    trader.venue.script(DEMO, ["accept_drop"])
    assert trader.ask("my/balances", READ_ONLY)["status"] == "ok"
    with pytest.raises(OutcomeUnknown):
        trader.send(coinspot.status(trader.nonce()))


def test_reads_suffer_too(trader: Trader) -> None:
    trader.venue.set_options(fault_chance=1, fault_kinds=["cut_json", "late_commit", "partial_fill"])
    for path in ("my/balances", "my/orders/market/open", "my/deposits"):
        with pytest.raises(OutcomeUnknown):
            trader.ask(path)
    assert {call.fault for call in trader.truth.calls} == {"cut_json"}


def suffered(settings: Any, seed: int, **options: Any) -> list[str | None]:
    """Run 60 calls against a fresh venue, and give the faults they met."""
    with serving(settings) as server:
        server.venue.set_options(fault_seed=seed, fault_chance=D("0.35"), **options)
        trader = Trader(server)
        for number in range(30):
            for call in (
                trader.limit("buy", "BTC", "0.001", f"{90_000 + number}"),
                coinspot.open_orders(trader.nonce()),
            ):
                try:
                    trader.send(call, seconds=0.5)
                except (OutcomeUnknown, NotSent):
                    continue
        return [call.fault for call in trader.truth.calls]


def test_run_replays_by_its_seed(clock: time_machine.Traveller, settings: Any) -> None:
    first, again, other = (suffered(settings, seed, fault_kinds=QUICK) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert 10 <= sum(fault is not None for fault in first) <= 32
    assert len({*first}) > 8


def test_venue_survives_many_callers_at_once(sandbox: Sandbox, trader: Trader) -> None:
    sandbox.venue.set_options(fault_chance=D("0.5"), fault_kinds=QUICK)

    def trade(number: int) -> None:
        key = coinspot.Key(f"key-{number}", "secret")
        sandbox.venue.open_account(
            key=key.key,
            secret=key.secret,
            read_only_key=f"ro-{number}",
            read_only_secret="-",
            balances={"AUD": D(9)},
        )
        for nonce in range(1, 21):
            call = coinspot.place(nonce, side="buy", coin="BTC", amount=D("0.00002"), rate=D(90_000))
            try:
                coinspot.send(call, key, total_seconds=5)
            except (OutcomeUnknown, coinspot.Refused):
                continue

    threads = [threading.Thread(target=trade, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        truth = sandbox.venue.truth(f"key-{number}")
        assert len(truth.calls) == 20
        assert list(truth.nonces) == sorted({*truth.nonces})
        assert truth.reserved["AUD"] <= truth.balances["AUD"]


def test_dripping_answer_holds_up_nobody_else(sandbox: Sandbox, trader: Trader) -> None:
    trader.venue.script(DEMO, ["drip"])
    body = coinspot.status(1).body
    headers = {"key": DEMO, "sign": coinspot.sign(body, "demo-secret")}
    url = f"{sandbox.url}/api/v2/status"
    with requests.post(url, data=body, headers=headers, timeout=5, stream=True):
        assert trader.ask("my/balances")["status"] == "ok"
