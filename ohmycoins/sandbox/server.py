"""Serve the simulated sources over HTTP, on loopback only."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ohmycoins.core import clock
from ohmycoins.sandbox.market import Market


class Sandbox(ThreadingHTTPServer):
    """One server for every source; what it answers follows from its seed and the time."""

    daemon_threads = True

    def __init__(self, port: int, *, seed: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.market = Market(seed)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Answer in the documented shapes (docs of each parser); unknown paths get the venue's error."""

    server: Sandbox

    def do_GET(self) -> None:
        if self.path.rstrip("/") == "/pubapi/v2/latest":
            self._send(200, self._latest())
        else:
            self._send(404, {"status": "error", "message": "Not found"})

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: the callers log their own requests."""

    def _latest(self) -> dict[str, Any]:
        ticks = self.server.market.prices(clock.now())
        nan = {"bid": "NaN", "ask": "NaN", "last": "NaN"}
        return {
            "status": "ok",
            "prices": {
                key: {"bid": tick.bid, "ask": tick.ask, "last": tick.last} if tick else nan
                for key, tick in ticks.items()
            },
        }

    def _send(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
