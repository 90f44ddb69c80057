"""Serve the simulated sources and the simulated venue over HTTP, on loopback only.

Beside them, `/sandbox` is the simulator's own: `GET /sandbox/faults` and `POST` of {source: fault or
null}, `GET /sandbox/requests` counts what each source was asked, `POST /sandbox/reset` forgets both, and
puts the venue back to its demo account.

`/inbox` takes what alerts are sent to (`sandbox.inbox`).

The venue (`sandbox.venue`) is CoinSpot's signed API. Its controls are `/sandbox/venue` and
`/sandbox/accounts` (`venue.control` lists them). Its faults strike single calls by lot: `venue=0.35` in
the command's SPEC is 35 % of them and any fault, `venue=accept_drop` each of them with that one, and
`venue=0.35:accept_drop+429` 35 % with one of the two.
"""

import json
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ohmycoins.core import clock
from ohmycoins.sandbox.faults import FROZEN, UnknownFault, check, spoil
from ohmycoins.sandbox.inbox import Inbox
from ohmycoins.sandbox.messages import Answer, Manner, Request, as_json
from ohmycoins.sandbox.sources import NAMES, sources_of
from ohmycoins.sandbox.sources.news import FEEDS
from ohmycoins.sandbox.venue.control import Control
from ohmycoins.sandbox.venue.prices import MovableMarket
from ohmycoins.sandbox.venue.venue import Venue

MAX_BODY_BYTES = 1024**2
DRIP_SECONDS = 0.25
NOT_FOUND = as_json({"message": "Not found"}, status=404)


def environment(url: str) -> dict[str, str]:
    """Give the settings that point every source at the sandbox at `url`."""
    names = (
        "COINSPOT_URL", "COINSPOT_HELP_URL", "SEC_URL", "REDDIT_URL", "REDDIT_OAUTH_URL", "DEFILLAMA_URL",
        "CRYPTOPANIC_URL",
    )  # fmt: skip
    return dict.fromkeys(names, url) | {"NEWS_FEEDS": ",".join(f"{url}/feeds/{slug}.xml" for slug in FEEDS)}


class Sandbox(ThreadingHTTPServer):
    """One server for every source and the venue; its seed, the time and the faults set say what it answers."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, *, seed: int, faults: Mapping[str, str | None] | None = None) -> None:
        self.market = MovableMarket(seed)
        self.venue = Venue(self.market)
        self.control = Control(self.venue, self.market)
        self.sources = sources_of(self.market)
        self.inbox = Inbox()
        self.faults: dict[str, str | None] = dict.fromkeys(NAMES)
        self.set_at: dict[str, datetime] = {}
        self.asked: Counter[str] = Counter()
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self.set_faults(faults or {})
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def environment(self) -> dict[str, str]:
        """Give the settings that point every source here."""
        return environment(self.url)

    def set_faults(self, given: Mapping[str, str | None]) -> None:
        """Set the faults of the sources named; None ends one. Raises UnknownFault, and sets nothing."""
        check(given, NAMES)
        with self._lock:
            self.set_at = {**self.set_at, **dict.fromkeys(given, clock.now())}
            self.faults = {**self.faults, **given}

    def reset(self) -> None:
        """End all faults, count from zero, and leave the venue with its demo account alone."""
        with self._lock:
            self.faults = dict.fromkeys(NAMES)
            self.asked.clear()
        self.inbox.reset()
        self.venue.reset()

    def answer(self, request: Request) -> Answer:
        """Find the source that a request is meant for, and let it answer as well as its fault allows."""
        for source in self.sources:
            fault = self.faults[source.name]
            at = self.set_at[source.name] if fault == FROZEN else request.now
            answer = source.answer(replace(request, fault=fault, now=at))
            if answer is not None:
                with self._lock:
                    self.asked[source.name] += 1
                return spoil(answer, fault, request.now)
        for part in (self.venue, self.control, self.inbox):
            if answer := part.answer(request):
                return answer
        return self._own(request)

    def server_close(self) -> None:
        self.stopped.set()
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away; what else fails here is a mistake of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def _own(self, request: Request) -> Answer:
        match (request.method, request.path):
            case ("GET", "/sandbox/faults"):
                return as_json(self.faults)
            case ("GET", "/sandbox/requests"):
                return as_json({name: self.asked[name] for name in NAMES})
            case ("POST", "/sandbox/faults"):
                return self._set(request)
            case ("POST", "/sandbox/reset"):
                self.reset()
                return as_json(self.faults)
        return NOT_FOUND

    def _set(self, request: Request) -> Answer:
        try:
            given = json.loads(request.body)
            if not isinstance(given, dict):
                raise UnknownFault("send an object of faults by source")
            self.set_faults(given)
        except ValueError as error:
            return as_json({"message": str(error)}, status=400)
        return as_json(self.faults)


class Handler(BaseHTTPRequestHandler):
    """Read a request, and write its answer in the manner it asks for."""

    server: Sandbox

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: the callers log their own requests."""

    def _answer(self) -> None:
        request = self._request()
        with suppress(ConnectionError):  # a client that had enough
            self._write(self.server.answer(request), request)

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        length = self.headers.get("Content-Length", "0")
        size = min(int(length), MAX_BODY_BYTES) if length.isdecimal() else 0
        return Request(
            method=self.command,
            path=parts.path.rstrip("/"),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(size),
            now=clock.now(),
            base=self.server.url,
        )

    def _write(self, answer: Answer, request: Request) -> None:
        if answer.manner is Manner.NOTHING:
            return
        self.send_response_only(answer.status)
        self.send_header("Date", format_datetime(request.now, usegmt=True))
        if answer.status != 304:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self._write_body(answer)

    def _write_body(self, answer: Answer) -> None:
        if answer.manner is Manner.CUT:
            self.wfile.write(answer.body[: len(answer.body) // 2])
        elif answer.manner is Manner.DRIP:
            for byte in answer.body:
                self.wfile.write(bytes([byte]))
                if self.server.stopped.wait(DRIP_SECONDS):
                    return
        else:
            self.wfile.write(answer.body)
