"""What the tests of the simulated venue share: a server, and a client that counts its nonces."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal as D
from typing import Any

from ohmycoins.clients import coinspot
from ohmycoins.clients.coinspot import Call, Key
from ohmycoins.clients.coinspot_replies import Placed, read_placed
from ohmycoins.sandbox.server import Sandbox
from ohmycoins.sandbox.venue.account import Truth

TRADING, READ_ONLY = Key("demo-key", "demo-secret"), Key("demo-ro-key", "demo-ro-secret")
MARKET = {"BTC": {"bid": 100_000, "ask": 100_200}, "ETH": {"bid": 5_000, "ask": 5_010}}
TRUTH_SECONDS = 0.5


@contextmanager
def serving(settings: Any, seed: int = 42) -> Iterator[Sandbox]:
    """Serve a sandbox whose BTC costs A$100,000 to A$100,200, and point the client at it."""
    with Sandbox(0, seed=seed) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        settings.COINSPOT_URL = server.url
        server.venue.set_prices(MARKET)
        yield server
        server.shutdown()


class Trader:
    """The owner of the demo account, with a nonce for each key."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.venue = sandbox.venue
        self.nonces = {TRADING: 0, READ_ONLY: 0}

    def nonce(self, key: Key = TRADING) -> int:
        self.nonces[key] += 1
        return self.nonces[key]

    def send(self, call: Call, key: Key = TRADING, seconds: float = TRUTH_SECONDS) -> dict[str, Any]:
        return coinspot.send(call, key, total_seconds=seconds)

    def limit(self, side: str, coin: str, amount: str, rate: str, nonce: int | None = None) -> Call:
        return coinspot.place(nonce or self.nonce(), side=side, coin=coin, amount=D(amount), rate=D(rate))

    def place(self, side: str, coin: str, amount: str, rate: str) -> Placed:
        return read_placed(self.send(self.limit(side, coin, amount, rate)))

    def cancel(self, side: str, order_id: str) -> dict[str, Any]:
        return self.send(coinspot.cancel(self.nonce(), side=side, order_id=order_id))

    def ask(self, path: str, key: Key = READ_ONLY, **inputs: Any) -> dict[str, Any]:
        return self.send(coinspot.prepare(f"/api/v2/ro/{path}", self.nonce(key), **inputs), key)

    @property
    def truth(self) -> Truth:
        return self.venue.truth("demo-key")
