"""The simulated venue answers CoinSpot's signed paths as documented, and lets nobody else in."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal as D
from typing import Any

import pytest
import requests
import time_machine

from ohmycoins.clients import coinspot
from ohmycoins.clients import coinspot_replies as replies
from ohmycoins.clients.coinspot import Call, Key, OutcomeUnknown, Refused
from ohmycoins.sandbox.server import Sandbox
from ohmycoins.tests.sandbox_venue import READ_ONLY, TRADING, Trader, serving

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TODAY = NOON.date()


@pytest.fixture
def sandbox(clock: time_machine.Traveller, settings: Any) -> Iterator[Sandbox]:
    with serving(settings) as server:
        yield server


@pytest.fixture
def trader(sandbox: Sandbox) -> Trader:
    return Trader(sandbox)


def post(sandbox: Sandbox, path: str, body: bytes, *, key: str = "demo-key", sign: str | None = None) -> Any:
    signed = coinspot.sign(body, "demo-secret") if sign is None else sign
    answer = requests.post(sandbox.url + path, data=body, headers={"key": key, "sign": signed}, timeout=5)
    return answer.status_code, answer.json().get("message", "")


def test_every_path_of_the_client_answers(trader: Trader) -> None:
    inputs = {"cointype": "BTC", "amount": D("0.01"), "rate": D(100_000), "amounttype": "coin"}
    for path in sorted(coinspot.TRADE_PATHS):
        given = inputs
        if path.endswith("/cancel"):
            order = trader.venue.place(
                "demo-key",
                side="buy" if "buy" in path else "sell",
                coin="BTC",
                amount=D("0.01"),
                rate=D(90_000) if "buy" in path else D(110_000),
            )
            given = {"id": order.id}
        if path.endswith("buy/now"):
            given = inputs | {"rate": D(100_200)}
        assert trader.send(coinspot.prepare(path, trader.nonce(), **given))["status"] == "ok", path
    for path in sorted(coinspot.READ_PATHS):
        for key in (TRADING, READ_ONLY):
            assert trader.ask(path.removeprefix("/api/v2/ro/"), key)["status"] == "ok", path


def test_paths_are_posted_to_and_known(sandbox: Sandbox) -> None:
    assert requests.get(f"{sandbox.url}/api/v2/my/buy", timeout=5).status_code == 405
    for path in ("my/buy/edit", "my/coin/withdraw/send", "ro/my/buy"):
        assert requests.post(f"{sandbox.url}/api/v2/{path}", timeout=5).status_code == 404


def test_wrong_key_signature_and_body_are_turned_away(sandbox: Sandbox, trader: Trader) -> None:
    body = b'{"nonce":5}'
    assert post(sandbox, "/api/v2/status", body, key="nobody") == (401, "invalid key")
    assert post(sandbox, "/api/v2/status", body, key="") == (401, "invalid key")
    assert post(sandbox, "/api/v2/status", body, sign="") == (401, "invalid sign")
    signed = coinspot.sign(body, "demo-secret")
    assert post(sandbox, "/api/v2/status", b'{"nonce": 5}', sign=signed) == (401, "invalid sign")
    assert post(sandbox, "/api/v2/status", body, sign=signed.upper()) == (401, "invalid sign")
    for given in (b"", b"[]", b"{", b'{"nonce":NaN}', b'{"nonce":5,"amount":1e99999999999999999999}'):
        assert post(sandbox, "/api/v2/status", given)[0] == 400
    assert trader.truth.nonces == ()
    assert post(sandbox, "/api/v2/status", body)[0] == 200
    assert trader.truth.nonces == (5,)


def test_nonce_must_rise_with_every_call_of_its_key(sandbox: Sandbox, trader: Trader) -> None:
    def status(nonce: int, key: Key) -> None:
        trader.send(coinspot.status(nonce, read_only=key is READ_ONLY), key)

    status(10, TRADING)
    status(3, READ_ONLY)
    for nonce in (10, 9, -1):
        with pytest.raises(OutcomeUnknown, match="invalid nonce"):
            status(nonce, TRADING)
    status(11, TRADING)
    for given in (b'{"nonce":"12"}', b'{"nonce":true}', b'{"nonce":12.5}', b"{}"):
        assert post(sandbox, "/api/v2/status", given) == (400, "no nonce")
    assert (trader.truth.nonces, trader.truth.read_only_nonces) == ((10, 11), (3,))


def test_read_only_key_may_only_read(trader: Trader) -> None:
    with pytest.raises(OutcomeUnknown, match="read only key") as caught:
        trader.send(trader.limit("buy", "BTC", "0.01", "90000"), READ_ONLY)
    assert caught.value.status == 403
    assert (trader.truth.orders, trader.truth.read_only_nonces) == ((), ())


@pytest.mark.parametrize(
    ("coin", "amount", "rate", "message"),
    [
        ("NOPE", "1", "1", "coin not found"),
        ("THIN", "1", "1", "coin not found"),
        ("BTC", "0.00001", "90000", "minimum order amount is 1 aud"),
        ("BTC", "1", "90000", "insufficient funds"),
        ("BTC", "0.000000001", "90000", "invalid amount"),
        ("BTC", "1", "0", "invalid rate"),
        ("BTC", "-1", "1", "invalid amount"),
        ("BTC", "1e20", "1", "invalid amount"),
    ],
)
def test_order_that_cannot_be_is_refused_and_spends_its_nonce(
    trader: Trader, coin: str, amount: str, rate: str, message: str
) -> None:
    with pytest.raises(Refused, match=message):
        trader.place("buy", coin, amount, rate)
    assert (trader.truth.orders, trader.truth.nonces) == ((), (1,))


def test_only_markets_in_aud_are_simulated(trader: Trader) -> None:
    inputs = {"cointype": "BTC", "amount": D(1), "rate": D(1), "markettype": "USDT"}
    with pytest.raises(Refused, match="bad market"):
        trader.send(coinspot.prepare("/api/v2/my/buy", 1, **inputs))


def test_placed_order_is_listed_with_what_it_says(trader: Trader) -> None:
    reply = trader.send(trader.limit("buy", "btc", "0.12345678", "90000.5"))
    assert {**reply, "id": ""} == {
        "status": "ok", "message": "ok", "coin": "BTC", "market": "BTC/AUD", "amount": D("0.12345678"),
        "rate": D("90000.5"), "id": "",
    }  # fmt: skip
    (order,) = replies.read_open_orders(trader.ask("my/orders/market/open"))
    assert (order.id, order.side, order.coin, order.market) == (reply["id"], "buy", "BTC", "BTC/AUD")
    assert (order.amount, order.rate, order.created_at) == (D("0.12345678"), D("90000.5"), NOON)
    assert trader.ask("my/orders/market/open", cointype="ETH")["buyorders"] == []
    assert trader.ask("my/orders/limit/open")["buyorders"] == []
    (true,) = trader.truth.orders
    assert (true.nonce, true.state, true.origin, true.remaining) == (1, "open", "api", D("0.12345678"))


def test_numbers_are_plain(sandbox: Sandbox, trader: Trader) -> None:
    trader.venue.set_prices({"DOGE": {"bid": "0.00000002", "ask": "0.00000003"}})
    trader.place("buy", "DOGE", "100000000", "0.00000001")
    body = coinspot.open_orders(trader.nonce()).body
    headers = {"key": "demo-key", "sign": coinspot.sign(body, "demo-secret")}
    url = f"{sandbox.url}/api/v2/ro/my/orders/market/open"
    text = requests.post(url, data=body, headers=headers, timeout=5).text
    assert '"rate":0.00000001,"total":1' in text
    assert '"created":"2026-03-02T12:00:00.000Z"' in text


def test_balances_include_what_rests_on_orders(trader: Trader) -> None:
    trader.place("buy", "BTC", "0.1", "90000")
    trader.place("sell", "ETH", "2", "6000")
    reply = trader.ask("my/balances")
    assert reply["balances"] == [
        {"AUD": {"balance": 50_000, "audbalance": 50_000, "rate": 1}},
        {"BTC": {"balance": D("0.25"), "audbalance": 25_000, "rate": 100_000}},
        {"ETH": {"balance": 2, "audbalance": 10_000, "rate": 5_000}},
    ]
    assert replies.read_balances(reply) == {"AUD": 50_000, "BTC": D("0.25"), "ETH": 2}
    assert trader.truth.reserved == {"AUD": D(9009), "ETH": D(2)}


def test_open_orders_hold_their_funds_until_they_are_cancelled(trader: Trader) -> None:
    placed = trader.place("buy", "BTC", "0.4", "100000")
    for side, coin, amount, rate in (("buy", "BTC", "0.1", "99900"), ("sell", "ETH", "2.00000001", "6000")):
        with pytest.raises(Refused, match="insufficient funds"):
            trader.place(side, coin, amount, rate)
    trader.cancel("buy", placed.id)
    trader.place("buy", "BTC", "0.1", "99900")
    assert [order.state for order in trader.truth.orders] == ["cancelled", "open"]


def test_cancel_of_an_order_that_is_gone_is_an_error(trader: Trader) -> None:
    placed = trader.place("buy", "BTC", "0.1", "90000")
    for side, order_id in (("sell", placed.id), ("buy", "nope"), ("buy", "")):
        with pytest.raises(OutcomeUnknown, match="Order not found"):
            trader.cancel(side, order_id)
    assert trader.cancel("buy", placed.id)["status"] == "ok"
    with pytest.raises(OutcomeUnknown, match="Order not found"):
        trader.cancel("buy", placed.id)
    assert trader.truth.order(placed.id).state == "cancelled"


def test_completed_rows_are_as_documented(trader: Trader) -> None:
    trader.place("buy", "BTC", "0.1", "101000")
    trader.place("sell", "ETH", "1", "4900")
    reply = trader.ask("my/orders/market/completed")
    assert reply["buyorders"] == [{
        "coin": "BTC", "type": "market", "market": "BTC/AUD", "rate": 100_200, "amount": D("0.1"), "total": 10_020,
        "solddate": "2026-03-02T12:00:00.000Z", "audfeeExGst": D("9.10909090"), "audGst": D("0.91090910"),
        "audtotal": D("10030.02"),
    }]  # fmt: skip
    (sell,) = (row for row in replies.read_completed_orders(reply) if row.side == "sell")
    assert (sell.rate, sell.fee_aud, sell.aud_total, sell.order_id) == (5_000, 5, 4_995, None)
    trader.venue.set_options(completed_ids="order")
    ids = {row.order_id for row in replies.read_completed_orders(trader.ask("my/orders/completed"))}
    assert ids == {order.id for order in trader.truth.orders}


def test_instant_trade_costs_one_percent_and_has_no_id(trader: Trader) -> None:
    call = coinspot.trade_now(
        trader.nonce(), side="buy", coin="BTC", amount=D("0.1"), rate=D(100_200), threshold=D(0)
    )
    reply = trader.send(call)
    assert (reply["amount"], reply["total"], "id" in reply) == (D("0.1"), 10_020, False)
    call = coinspot.trade_now(
        trader.nonce(), side="sell", coin="ETH", amount=D(1), rate=D(5_000), threshold=D("0.5")
    )
    assert trader.send(call)["rate"] == 5_000
    trades = replies.read_completed_orders(trader.ask("my/orders/completed"))
    assert [(row.kind, row.fee_aud, row.aud_total) for row in trades] == [
        ("instant", D("100.2"), D("10120.2")),
        ("instant", 50, 4_950),
    ]
    assert trader.ask("my/orders/market/completed")["buyorders"] == []


def test_instant_trade_in_aud_spends_all_of_it_fee_included(trader: Trader) -> None:
    trader.venue.set_prices({"BTC": {"bid": 100, "ask": 100}})
    inputs = {"cointype": "BTC", "amount": D(202), "amounttype": "aud"}
    assert trader.send(coinspot.prepare("/api/v2/my/buy/now", 1, **inputs))["amount"] == 2
    assert trader.truth.balances["AUD"] == 50_000 - 202


@pytest.mark.parametrize(
    ("side", "threshold", "is_allowed"),
    [("buy", "0.19", False), ("buy", "0.2", True), ("sell", "0.19", True), ("sell", "0", True)],
)
def test_guard_refuses_a_price_that_moved_too_far_against_us(
    trader: Trader, side: str, threshold: str, is_allowed: bool
) -> None:
    trader.venue.set_prices({"BTC": {"bid": 100_200, "ask": 100_200}})
    call = coinspot.trade_now(
        1, side=side, coin="BTC", amount=D("0.01"), rate=D(100_000), threshold=D(threshold)
    )
    if is_allowed:
        assert trader.send(call)["status"] == "ok"
    else:
        with pytest.raises(Refused, match="invalid rate"):
            trader.send(call)
    assert len(trader.truth.fills) == is_allowed


def test_quote_is_what_the_trade_will_get(trader: Trader) -> None:
    for side, rate in (("buy", 100_200), ("sell", 100_000)):
        call = coinspot.quote_now(trader.nonce(), side=side, coin="BTC", amount=D("0.1"))
        assert replies.read_rate(trader.send(call)) == rate


def test_completed_orders_are_paged_by_day_and_limit(trader: Trader, clock: time_machine.Traveller) -> None:
    for _ in range(4):
        trader.place("buy", "ETH", "0.001", "5010")
        trader.place("sell", "ETH", "0.001", "5000")
        clock.shift(86_400)

    def days(**inputs: Any) -> list[tuple[str, int]]:
        rows = replies.read_completed_orders(trader.ask("my/orders/completed", **inputs))
        return [(row.side, row.at.day) for row in rows]

    assert len(days()) == 8
    assert days(startdate="2026-03-03", enddate="2026-03-04") == [
        ("buy", 4), ("buy", 3), ("sell", 4), ("sell", 3),
    ]  # fmt: skip
    assert days(limit=3) == [("buy", 5), ("sell", 5), ("sell", 4)]
    assert days(enddate="2026-03-01") == []
    assert days(cointype="BTC") == []
    for wrong in ({"limit": 0}, {"startdate": "yesterday"}):
        with pytest.raises(OutcomeUnknown, match="Invalid"):
            days(**wrong)
    call: Call = coinspot.completed_orders(trader.nonce(), since=TODAY, until=date(2026, 3, 2))
    assert len(replies.read_completed_orders(trader.send(call))) == 2


def test_answer_holds_200_rows_unless_told_otherwise_and_500_at_most(trader: Trader) -> None:
    trader.venue.set_options(depth=D("0.001"))
    trader.place("buy", "ETH", "1", "5010")
    for _ in range(600):
        trader.venue.settle()
    for inputs, rows in (({}, 200), ({"limit": 400}, 400), ({"limit": 501}, 500)):
        assert len(trader.ask("my/orders/completed", **inputs)["buyorders"]) == rows


def test_transfers_are_listed_as_the_client_reads_them(trader: Trader) -> None:
    for kind, amount, coin in (
        ("deposit", "100", "AUD"), ("withdraw", "40", "AUD"), ("send", "0.5", "ETH"), ("receive", "3", "SOL"),
    ):  # fmt: skip
        trader.venue.transfer("demo-key", kind, D(amount), coin)

    def moved(what: str) -> list[tuple[str, str, D]]:
        reply = trader.send(coinspot.transfers(trader.nonce(), what, since=TODAY, until=TODAY))
        read = replies.read_coin_transfers(reply) if what == "sendreceive" else replies.read_cash(reply, what)
        assert all(transfer.at == NOON and transfer.reference for transfer in read)
        return [(transfer.kind, transfer.coin, transfer.amount) for transfer in read]

    assert moved("deposits") == [("deposit", "AUD", 100)]
    assert moved("withdrawals") == [("withdrawal", "AUD", -40)]
    assert moved("sendreceive") == [("send", "ETH", D("-0.5")), ("receive", "SOL", 3)]
    assert trader.truth.balances == {"AUD": 50_060, "BTC": D("0.25"), "ETH": D("1.5"), "SOL": 3}
