"""Run beat once: the database schedule, guarded by a lease that is also its sign of life."""

import os
import socket
import threading
import time
from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections
from django_celery_beat.schedulers import DatabaseScheduler

from apps.monitoring.services import heartbeat
from ohmycoins.core import clock

log = structlog.get_logger(__name__)

ROLE = "beat"
RENEW_SECONDS = 5.0
CLOSING_SECONDS = 5.0
STALE_AFTER = timedelta(seconds=30)


class GuardedScheduler(DatabaseScheduler):
    """A scheduler that ticks only while it holds the role; a second beat waits its turn."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._held, self._renewed_at, self._waiting = False, float("-inf"), False
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if time.monotonic() - self._renewed_at > RENEW_SECONDS:
            self._renew()
        if not self._held:
            return RENEW_SECONDS
        return float(super().tick(*args, **kwargs))

    def close(self) -> None:
        # Celery calls this from a signal handler, maybe in the middle of a query of ours: whoever used the
        # same connection would wait for a lock that its own thread holds. A thread has its own connection.
        closing = threading.Thread(target=self._close, daemon=True)
        closing.start()
        closing.join(CLOSING_SECONDS)

    def _close(self) -> None:
        super().close()
        if self._held:
            heartbeat.release(ROLE, holder=self._holder)

    def _renew(self) -> None:
        try:
            close_old_connections()
            if dead := _dead_neighbour(heartbeat.holder_of(ROLE)):
                heartbeat.release(ROLE, holder=dead)
            self._held = heartbeat.hold(ROLE, holder=self._holder, now=clock.now())
        except (DatabaseError, InterfaceError) as error:
            self._held = False
            log.warning("beat.no_database", error=type(error).__name__)
        self._renewed_at = time.monotonic()
        if not self._held and not self._waiting:
            log.warning("beat.waiting", reason="another beat holds the role, or the database is away")
        self._waiting = not self._held


def _dead_neighbour(holder: str | None) -> str | None:
    """Give `holder` if it was a process of this host that is gone: its lease need not be waited for."""
    host, _, pid = (holder or "").rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return holder
    except PermissionError:
        pass  # alive, and another user's
    return None
