"""Cut a connection when its time is up.

A read timeout starts anew with every byte that arrives, so a host that drips its headers could hold a
worker for hours. Here a timer shuts the sockets down at the deadline, which ends any read at once.
"""

import socket
import threading
import time
from contextlib import suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection


class DeadlineAdapter(HTTPAdapter):
    """Send requests over sockets that end at `deadline`, a reading of `time.monotonic()`."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._sockets: list[socket.socket] = []
        self._timer: threading.Timer | None = None
        super().__init__()

    @property
    def connected(self) -> bool:
        """Tell whether a connection ever stood, its TLS included: only then can anything have been sent."""
        return bool(self._sockets)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._use_watched(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._use_watched(manager)
        return manager

    def _use_watched(self, manager: PoolManager) -> None:
        manager.pool_classes_by_scheme = {"http": self._pool(HTTPConnectionPool, HTTPConnection),
                                          "https": self._pool(HTTPSConnectionPool, HTTPSConnection)}  # fmt: skip

    def close(self) -> None:
        if self._timer:
            self._timer.cancel()
        super().close()

    def _pool(self, pool: type, connection: type) -> Any:
        adapter = self

        class Watched(connection):  # type: ignore[misc]
            def connect(self) -> None:
                super().connect()
                adapter._watch(self.sock)

        return type(pool.__name__, (pool,), {"ConnectionCls": Watched})

    def _watch(self, connected: socket.socket) -> None:
        self._sockets.append(connected)
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(max(self._deadline - time.monotonic(), 0.0), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        for connected in self._sockets:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
