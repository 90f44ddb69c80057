"""CoinSpot's client: what it signs, what it may call, and how it reads what comes back."""

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from ohmycoins.clients import coinspot
from ohmycoins.clients import coinspot_replies as replies
from ohmycoins.clients.coinspot import Call, Key, NotSent, OutcomeUnknown, Refused
from ohmycoins.clients.coinspot_replies import BadReply

SHARED = Path(__file__).parents[3] / "shared" / "data" / "coinspot"
KEY = Key("k3y", "s3cret")
D = Decimal


class Venue(ThreadingHTTPServer):
    """Answer with `status`, `headers` and `body`, or hang up; remember what came."""

    daemon_threads = True
    status = 200
    content_type = "application/json"
    body = b'{"status":"ok"}'
    manner = "whole"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[tuple[str, dict[str, str], bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Venue

    def do_POST(self) -> None:
        venue = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        venue.came.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        if venue.manner == "hang up":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(venue.status)
        self.send_header("Content-Type", venue.content_type)
        self.send_header("Content-Length", str(len(venue.body) * (2 if venue.manner == "cut" else 1)))
        self.end_headers()
        for byte in venue.body:
            self.wfile.write(bytes([byte]))
            if venue.manner == "drip":
                self.wfile.flush()
                time.sleep(0.05)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def venue(settings: Settings) -> Iterator[Venue]:
    server = Venue()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    settings.COINSPOT_URL = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


def send(call: Call | None = None) -> dict[str, Any]:
    return coinspot.send(call or coinspot.status(1), KEY, total_seconds=0.5)


def test_body_is_compact_and_signed_as_sent(venue: Venue) -> None:
    call = coinspot.place(7, side="buy", coin="BTC", amount=D("0.00000001"), rate=D("130000.50"))
    send(call)
    ((path, headers, body),) = venue.came
    assert path == "/api/v2/my/buy"
    assert (
        body
        == call.body
        == b'{"nonce":7,"cointype":"BTC","amount":0.00000001,"rate":130000.5,"markettype":"AUD"}'
    )
    assert headers["key"] == "k3y"
    assert headers["sign"] == hmac.new(b"s3cret", body, hashlib.sha512).hexdigest()
    assert headers["content-type"] == "application/json"


def test_no_path_withdraws_edits_or_cancels_everything() -> None:
    paths = coinspot.READ_PATHS | coinspot.TRADE_PATHS
    assert not [
        path for path in paths for word in ("withdraw/", "send/", "edit", "all", "deposit/") if word in path
    ]
    assert not any("withdraw" in path for path in coinspot.TRADE_PATHS)
    assert all(path.startswith("/api/v2/ro/") for path in coinspot.READ_PATHS)
    for path in ("/api/v2/my/coin/withdraw/send", "/api/v2/my/buy/edit", "/api/v2/my/coin/deposit"):
        with pytest.raises(ValueError, match="not among the paths"):
            coinspot.prepare(path, 1)


def test_instant_trade_always_says_what_it_may_cost(venue: Venue) -> None:
    send(coinspot.trade_now(1, side="sell", coin="ETH", amount=D(1), rate=D(4000), threshold=D("0.5")))
    sent = json.loads(venue.came[0][2])
    assert (sent["rate"], sent["threshold"], sent["direction"], sent["amounttype"]) == (
        4000,
        0.5,
        "DOWN",
        "coin",
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404, 200])
@pytest.mark.parametrize(
    "message", ["Insufficient funds", "Amount is below the minimum", "Coin not found", "Bad Market"]
)
def test_refusal_in_words_we_know_is_final(venue: Venue, status: int, message: str) -> None:
    venue.status, venue.body = status, json.dumps({"status": "error", "message": message}).encode()
    with pytest.raises(Refused, match=message.lower()) as caught:
        send()
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"status":"error","message":"Insufficient funds"}'), (502, b"<html>"), (429, b""), (503, b""),
        (400, b'{"status":"error","message":"Nonce is too low"}'), (400, b'{"status":"error"}'), (400, b""),
        (200, b""), (200, b"{"), (200, b'{"status":"invalid"}'), (200, b'{"status":"no nonce"}'), (302, b""),
        (200, b'{"status":"ok","id":NaN}'), (200, b"<html>Please wait</html>"), (418, b'{"message":"hm"}'),
    ],
)  # fmt: skip
def test_everything_else_is_unknown(venue: Venue, status: int, body: bytes) -> None:
    venue.status, venue.body = status, body
    with pytest.raises(OutcomeUnknown):
        send()
    assert len(venue.came) == 1, "sent once, never again"


@pytest.mark.parametrize("manner", ["hang up", "cut", "drip"])
def test_answer_that_does_not_come_whole_is_unknown(venue: Venue, manner: str) -> None:
    venue.manner = manner
    venue.body = b'{"status":"ok","id":"1"}' * 3
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        send()
    assert time.monotonic() - began < 2
    assert len(venue.came) == 1


def test_html_with_status_200_is_unknown(venue: Venue) -> None:
    venue.content_type, venue.body = "text/html", b"<html>maintenance</html>"
    with pytest.raises(OutcomeUnknown, match="not JSON"):
        send()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_call_that_never_left_is_not_sent(settings: Settings, url: str) -> None:
    settings.COINSPOT_URL = url
    with pytest.raises(NotSent):
        send()


def test_no_secret_shows_anywhere(venue: Venue) -> None:
    venue.status, venue.body = 400, b'{"status":"error","message":"bad key k3y with s3cret"}'
    with pytest.raises(OutcomeUnknown) as caught:
        send()
    for shown in (repr(KEY), str(KEY), str(caught.value), repr(caught.value)):
        assert "s3cret" not in shown
        assert "k3y" not in shown


def reply(**fields: Any) -> dict[str, Any]:
    return replies.read_status(json.dumps({"status": "ok", **fields}).encode())


def test_placed_order_without_an_id_is_a_bad_reply() -> None:
    with pytest.raises(BadReply, match="no order id"):
        replies.read_placed(reply(coin="BTC", amount=1, rate=2))


@pytest.mark.parametrize("balance", ["NaN", None, True, [], "Infinity"])
def test_balance_that_is_no_number_is_a_bad_reply(balance: Any) -> None:
    with pytest.raises(BadReply, match="not a number"):
        replies.read_balances(reply(balances=[{"BTC": {"balance": balance}}]))


def test_strings_are_numbers_too() -> None:
    assert replies.read_balances(reply(balances=[{"btc": {"balance": "1.10"}}])) == {"BTC": D("1.10")}


def test_transfers_are_signed() -> None:
    sent = {"timestamp": "2026-03-01T00:00:00Z", "amount": 1, "coin": "BTC", "address": "x"}
    out, came = replies.read_coin_transfers(reply(sendtransactions=[sent], receivetransactions=[sent]))
    assert (out.kind, out.amount, came.kind, came.amount) == ("send", D(-1), "receive", D(1))
    rows = [
        {"amount": 5, "created": "2026-03-01", "status": "completed"},
        {"amount": 9, "created": "2026-03-01", "status": "pending"},
    ]
    (deposit,) = replies.read_cash(reply(deposits=rows), "deposits")
    assert (deposit.amount, deposit.coin) == (D(5), "AUD")


def test_same_trade_listed_again_has_the_same_digest() -> None:
    row = {
        "coin": "BTC",
        "amount": 0.5,
        "rate": 100,
        "solddate": "2026-03-01T00:00:00.000Z",
        "market": "BTC/AUD",
    }
    (once,) = replies.read_completed_orders(reply(buyorders=[row], sellorders=[]))
    (again,) = replies.read_completed_orders(
        reply(buyorders=[row | {"amount": "0.50", "rate": "100.0"}], sellorders=[])
    )
    (other,) = replies.read_completed_orders(reply(buyorders=[row | {"amount": 0.6}], sellorders=[]))
    assert once.digest == again.digest != other.digest


def test_completed_orders_are_asked_for_by_day() -> None:
    call = coinspot.completed_orders(3, since=date(2026, 3, 1), until=date(2026, 3, 2))
    assert json.loads(call.body) == {
        "nonce": 3,
        "startdate": "2026-03-01",
        "enddate": "2026-03-02",
        "limit": 500,
    }


needs_shared = pytest.mark.skipif(
    not SHARED.exists(), reason="the shared recordings are not beside this checkout"
)


def sample(name: str) -> dict[str, Any]:
    return replies.read_status((SHARED / f"{name}.json").read_bytes())


@needs_shared
def test_documented_answers_are_read() -> None:
    assert replies.read_balances(sample("v2_doc_ro_my_balances")) == {
        "AUD": D("1000.11"), "BTC": D("1.1111111"), "LTC": D("111.111111"),
    }  # fmt: skip
    placed = replies.read_placed(sample("v2_doc_my_buy"))
    assert (placed.id, placed.coin, placed.amount, placed.rate) == (
        "12345678901234567890",
        "BTC",
        D("1.234"),
        D("123.344"),
    )
    assert replies.read_placed(sample("v2_doc_my_sell")).id
    assert replies.read_traded(sample("v2_doc_my_buy_now")).total == D("10.234")
    assert replies.read_traded(sample("v2_doc_my_sell_now")).amount
    assert replies.read_rate(sample("v2_doc_quote_buy_now")) == D(1234)
    assert replies.read_rate(sample("v2_doc_buyprice")) == D(11111)
    buys = [
        order
        for order in replies.read_open_orders(sample("v2_doc_ro_my_orders_market_open"))
        if order.side == "buy"
    ]
    assert [(order.market, order.amount) for order in buys] == [
        ("STRAT/AUD", D("111.1111")),
        ("STRAT/USDT", D("111.1111")),
    ]
    completed = replies.read_completed_orders(sample("v2_doc_ro_my_orders_completed"))
    assert len(completed) == 4
    assert completed[0].fee_aud == D("45.11111") + D("40.11111")
    assert (completed[0].order_id, completed[0].at) == (None, datetime(2020, 5, 21, 13, 22, 45, tzinfo=UTC))
    assert sample("v2_doc_status") == {"status": "ok"}
    assert sample("v2_doc_cancel")["message"] == "ok"


@needs_shared
def test_recorded_instant_buy_names_its_coin_by_the_market_and_has_no_rate() -> None:
    (trade,) = replies.read_completed_orders(sample("v1_ro_my_transactions_instant_buy_recorded"))
    assert (trade.coin, trade.rate, trade.fee_aud, trade.aud_total) == ("ALGO", None, D("1.98019802"), D(200))


@needs_shared
def test_recorded_errors_are_bad_replies_that_say_why() -> None:
    with pytest.raises(BadReply, match="Coin not found"):
        sample("v2_doc_error")
    with pytest.raises(BadReply, match="Bad Market"):
        sample("v2_error_bad_market_400")
    for error in json.loads((SHARED / "v1_errors_recorded.json").read_bytes()):
        with pytest.raises(BadReply, match=error["status"]):
            replies.read_status(json.dumps(error).encode())
