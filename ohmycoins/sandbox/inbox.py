"""Take messages, as the services do that alerts are sent to, and show what came.

`POST /inbox/{name}` keeps a message and answers `ok`, `GET /inbox/{name}` lists the last ones. What a name
begins with says how it answers: `500-…`, `429-…` (with Retry-After), `404-…`, `slow-…` (drips its answer),
`down-…` (closes the connection) and `redirect-…` (307 to the query's `to`).
"""

import json
import re
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from ohmycoins.sandbox.messages import Answer, Manner, Request, as_json

PATH = "/inbox/"
KEPT = 100
MOST_NAMES = 100
PLAIN = "text/plain; charset=utf-8"
RETRY_AFTER_SECONDS = 30
OK = Answer(content_type=PLAIN, body=b"ok")

FAULTS: dict[str, Callable[[Request], Answer]] = {
    "500": lambda request: Answer(status=500, content_type=PLAIN, body=b"no"),
    "404": lambda request: Answer(status=404, content_type=PLAIN, body=b"no"),
    "429": lambda request: Answer(status=429, content_type=PLAIN, headers={"Retry-After": f"{RETRY_AFTER_SECONDS}"}),
    "slow": lambda request: Answer(content_type=PLAIN, body=b"ok" * 500, manner=Manner.DRIP),
    "down": lambda request: Answer(manner=Manner.NOTHING),
    "redirect": lambda request: Answer(status=307, headers={"Location": request.query.get("to", request.base)}),
}  # fmt: skip


class Inbox:
    """What was sent here, by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, deque[dict[str, Any]]] = {}

    def answer(self, request: Request) -> Answer | None:
        """Take a message or show what came; None for any other path."""
        name = request.path.removeprefix(PATH)
        if not request.path.startswith(PATH) or not name:
            return None
        if request.method == "GET":
            return as_json({"messages": self.messages(name)})
        self._keep(name, request)
        fault = FAULTS.get(re.split("[-/]", name)[0])
        return fault(request) if fault else OK

    def messages(self, name: str) -> list[dict[str, Any]]:
        """Give the last messages to `name`, the oldest first: `at`, `headers`, `query` and `body`."""
        with self._lock:
            return list(self._kept.get(name, ()))

    def reset(self) -> None:
        with self._lock:
            self._kept.clear()

    def _keep(self, name: str, request: Request) -> None:
        try:
            body = json.loads(request.body)
        except ValueError:
            body = request.body.decode(errors="replace")
        with self._lock:
            if len(self._kept) >= MOST_NAMES and name not in self._kept:
                self._kept.pop(next(iter(self._kept)))
            self._kept.setdefault(name, deque(maxlen=KEPT)).append(
                {"at": request.now.isoformat(), "headers": dict(request.headers), "query": dict(request.query), "body": body}
            )  # fmt: skip
