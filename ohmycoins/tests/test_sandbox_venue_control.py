"""The venue's controls over HTTP and in the command's SPEC."""

from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest
import requests
import time_machine
from django.core.management import CommandError, call_command

from ohmycoins.clients import coinspot
from ohmycoins.clients import coinspot_replies as replies
from ohmycoins.clients.coinspot import Key, OutcomeUnknown
from ohmycoins.sandbox.faults import UnknownFault
from ohmycoins.sandbox.server import Sandbox
from ohmycoins.sandbox.venue.kinds import parse_spec
from ohmycoins.sandbox.venue.venue import DEMO_BALANCES
from ohmycoins.tests.sandbox_venue import Trader, serving

ALICE = {
    "key": "alice", "secret": "alice-secret", "read_only_key": "alice-ro", "read_only_secret": "alice-ro-secret",
    "balances": {"AUD": 1000.5, "btc": "0.1"}, "options": {"completed_ids": "order"},
}  # fmt: skip


@pytest.fixture
def sandbox(clock: time_machine.Traveller, settings: Any) -> Iterator[Sandbox]:
    with serving(settings) as server:
        yield server


def tell(sandbox: Sandbox, path: str, given: Any) -> requests.Response:
    return requests.post(f"{sandbox.url}/sandbox/{path}", json=given, timeout=5)


def ask(sandbox: Sandbox, path: str) -> Any:
    return requests.get(f"{sandbox.url}/sandbox/{path}", timeout=5).json()


def test_account_is_opened_used_and_shown(sandbox: Sandbox) -> None:
    assert tell(sandbox, "accounts", ALICE).json()["balances"] == {"AUD": 1000.5, "BTC": 0.1}
    call = coinspot.place(7, side="sell", coin="BTC", amount=D("0.1"), rate=D(99_000))
    placed = replies.read_placed(coinspot.send(call, Key("alice", "alice-secret"), total_seconds=5))
    shown = ask(sandbox, "accounts/alice")
    assert shown["balances"] == {"AUD": 10990.5, "BTC": 0}
    (order,), (fill,) = shown["orders"], shown["fills"]
    assert {**order, "id": "", "took": None, "depth": None} == {
        "id": "", "nonce": 7, "side": "sell", "coin": "BTC", "amount": 0.1, "rate": 99_000, "remaining": 0,
        "state": "filled", "created_at": "2026-03-02T12:00:00.000Z", "visible_at": "2026-03-02T12:00:00.000Z",
        "origin": "api", "kind": "market", "took": None, "depth": None,
    }  # fmt: skip
    assert (fill["order_id"], fill["rate"], fill["fee"]) == (placed.id, 100_000, 10)
    assert (shown["nonces"], shown["read_only_nonces"]) == ([7], [])
    assert "alice-secret" not in requests.get(f"{sandbox.url}/sandbox/accounts/alice", timeout=5).text
    rows = replies.read_completed_orders(
        coinspot.send(
            coinspot.prepare("/api/v2/ro/my/orders/completed", 1),
            Key("alice-ro", "alice-ro-secret"),
            total_seconds=5,
        )
    )
    assert rows[0].order_id == placed.id


def test_account_of_the_same_key_is_replaced(sandbox: Sandbox) -> None:
    tell(sandbox, "accounts", ALICE)
    coinspot.send(coinspot.status(9), Key("alice", "alice-secret"), total_seconds=5)
    tell(sandbox, "accounts", ALICE | {"secret": "other-secret"})
    with pytest.raises(OutcomeUnknown, match="invalid sign"):
        coinspot.send(coinspot.status(1), Key("alice", "alice-secret"), total_seconds=5)
    coinspot.send(coinspot.status(1), Key("alice", "other-secret"), total_seconds=5)
    assert ask(sandbox, "accounts/alice")["nonces"] == [1]


def test_owner_acts_by_hand(sandbox: Sandbox) -> None:
    tell(sandbox, "accounts", ALICE)
    order = tell(
        sandbox, "accounts/alice/orders", {"side": "buy", "coin": "BTC", "amount": "0.01", "rate": 90_000}
    ).json()
    assert (order["origin"], order["nonce"], order["state"]) == ("manual", None, "open")
    assert tell(sandbox, "accounts/alice/cancel", {"id": order["id"]}).json() == {}
    for what, given in (
        ("deposit", {"amount": 100}), ("withdraw", {"amount": 50.5}), ("receive", {"coin": "SOL", "amount": 2}),
        ("send", {"coin": "BTC", "amount": "0.1"}),
    ):  # fmt: skip
        assert tell(sandbox, f"accounts/alice/{what}", given).json()["kind"] == what
    shown = ask(sandbox, "accounts/alice")
    assert shown["balances"] == {"AUD": 1050, "BTC": 0, "SOL": 2}
    assert (shown["orders"][0]["state"], len(shown["transfers"])) == ("cancelled", 4)


def test_options_hold_for_the_venue_or_one_account(sandbox: Sandbox) -> None:
    tell(sandbox, "accounts", ALICE)
    price = {"BTC": {"bid": 1, "ask": 2}, "ETH": None}
    shown = tell(sandbox, "venue", {"depth": 0.5, "price": price, "fault_kinds": ["drip"]}).json()
    assert (shown["options"]["depth"], shown["options"]["fault_kinds"]) == (0.5, ["drip"])
    assert shown["price"] == {"btc": {"bid": "1", "ask": "2", "last": "1"}}
    assert shown["accounts"] == ["demo-key", "alice"]
    tell(sandbox, "venue", {"key": "alice", "depth": 0.25, "delay_seconds": 3})
    assert sandbox.venue.options().depth == D("0.5")
    alice = sandbox.venue.options("alice")
    assert (alice.depth, alice.delay_seconds, alice.completed_ids) == (D("0.25"), 3, "order")


@pytest.mark.parametrize(
    ("path", "given", "message"),
    [
        ("venue", {"moon": 1}, "there is no option 'moon'"),
        ("venue", {"depth": 2}, "from 0 to 1"),
        ("venue", {"fault_chance": "often"}, "not a number"),
        ("venue", {"fault_kinds": "drip"}, "it is a list"),
        ("venue", {"fault_kinds": ["moon"]}, "there is no fault 'moon'"),
        ("venue", {"completed_ids": "some"}, "none or order"),
        ("venue", {"delay_seconds": -1}, "seconds"),
        ("venue", {"price": {"BTC": 5}}, "a price is"),
        ("venue", [], "send an object"),
        ("venue/script", {"key": "demo-key"}, "'faults' is missing"),
        ("venue/script", {"key": "demo-key", "faults": ["moon"]}, "there is no fault"),
        ("accounts", {**ALICE, "secret": ""}, "secret is a text"),
        ("accounts", {**ALICE, "balances": {"AUD": "much"}}, "not a number"),
        ("accounts", {**ALICE, "options": {"moon": 1}}, "there is no option"),
        ("accounts/demo-key/withdraw", {"amount": 50_001}, "Insufficient funds"),
        ("accounts/demo-key/orders", {"side": "hold"}, "buy or sell"),
        ("accounts/demo-key/cancel", {"id": "nope"}, "Order not found"),
    ],
)
def test_wrong_control_is_refused_with_its_reason(
    sandbox: Sandbox, path: str, given: Any, message: str
) -> None:
    before = sandbox.venue.truth("demo-key"), sandbox.venue.options(), sandbox.venue.keys()
    answer = tell(sandbox, path, given)
    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert (sandbox.venue.truth("demo-key"), sandbox.venue.options(), sandbox.venue.keys()) == before


def test_what_is_not_there_is_not_found(sandbox: Sandbox) -> None:
    for path in ("accounts/nobody", "accounts", "venues"):
        assert requests.get(f"{sandbox.url}/sandbox/{path}", timeout=5).status_code == 404
    assert tell(sandbox, "accounts/nobody/deposit", {"amount": 1}).status_code == 404
    assert tell(sandbox, "accounts/demo-key/fly", {}).status_code == 404


def test_script_is_given_over_http(sandbox: Sandbox) -> None:
    given = {"key": "demo-key", "faults": [None, "accept_5xx"], "paths": ["/status"]}
    assert tell(sandbox, "venue/script", given).json() == {}
    trader = Trader(sandbox)
    trader.send(coinspot.status(trader.nonce()))
    with pytest.raises(OutcomeUnknown, match="502"):
        trader.send(coinspot.status(trader.nonce()))


def test_reset_leaves_the_demo_account_alone(sandbox: Sandbox, clock: time_machine.Traveller) -> None:
    tell(sandbox, "accounts", ALICE)
    trader = Trader(sandbox)
    trader.place("buy", "BTC", "0.1", "101000")
    tell(sandbox, "venue", {"depth": 0, "fault_chance": 1})
    trader.venue.script("demo-key", ["late_commit"], ends="/my/buy")
    with pytest.raises(OutcomeUnknown):
        trader.place("buy", "BTC", "0.1", "90000")
    tell(sandbox, "reset", {})
    clock.shift(10)
    truth = sandbox.venue.truth("demo-key")
    assert (truth.balances, truth.orders, truth.nonces, truth.calls) == (DEMO_BALANCES, (), (), ())
    shown = ask(sandbox, "venue")
    assert (shown["accounts"], shown["price"], shown["options"]["fault_chance"]) == (["demo-key"], {}, 0)
    trader.send(coinspot.status(1))


def test_spec_names_a_share_of_calls_their_faults_or_both() -> None:
    assert parse_spec("sec=down,venue=0.35,reddit=429") == ("sec=down,reddit=429", {"fault_chance": 0.35})
    assert parse_spec("venue=accept_drop") == ("", {"fault_chance": 1.0, "fault_kinds": ("accept_drop",)})
    assert parse_spec("venue=429") == ("", {"fault_chance": 1.0, "fault_kinds": ("429",)})
    assert parse_spec(" venue = 0.5 : drip + 429 ")[1] == {
        "fault_chance": 0.5,
        "fault_kinds": ("drip", "429"),
    }
    assert parse_spec("sec=down") == ("sec=down", None)
    for spec in ("venue=1.5", "venue=often:drip", "venue=moon", "venue=", "venue=0.5:moon"):
        with pytest.raises(UnknownFault, match="venue"):
            parse_spec(spec)


def test_command_starts_with_faults_of_the_venue(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Sandbox] = []

    def interrupted(server: Sandbox) -> None:
        served.append(server)
        raise KeyboardInterrupt

    monkeypatch.setattr(Sandbox, "serve_forever", interrupted)
    call_command("sandbox", port=0, seed=7, faults="sec=down,venue=0.35:drip+429")
    (server,) = served
    options = server.venue.options()
    assert (options.fault_chance, options.fault_kinds, options.fault_seed) == (0.35, ("drip", "429"), 7)
    with pytest.raises(CommandError, match="there is no fault 'dwn'"):
        call_command("sandbox", faults="venue=dwn")
