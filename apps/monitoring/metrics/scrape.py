"""Answer a scrape: add up what every process counted, and measure the rest.

Each part asks for itself. One that cannot be read is left out and counted in `omc_scrape_errors`; the others
are answered. No question may take long: the database ends it, and after a few seconds no more are asked, so
that a scrape never adds to what ails the database. One that does not answer a probe is not asked at all.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from apps.monitoring.metrics import files, trading, watching
from apps.monitoring.metrics.families import gauge
from apps.monitoring.probes import probe_database
from ohmycoins.core import clock

log = structlog.get_logger(__name__)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
STATEMENT_MS = 1_500
SECONDS = 5.0

Part = Callable[[datetime], Iterable[Any]]
PARTS: tuple[tuple[str, Part], ...] = (
    ("queues", watching.queues),
    ("rounds", watching.rounds),
    ("orders", trading.orders_in_flight),
    ("waiting", trading.waiting),
    ("alerts", watching.alerts),
    ("quality", watching.quality),
    ("collectors", watching.collectors),
    ("accounts", trading.accounts),
    ("ended", trading.orders_ended),
    ("traces", watching.traces),
    ("processes", watching.processes),
)


WITHOUT_DATABASE = frozenset({"queues", "traces", "processes"})


class TooLong(Exception):
    """The scrape has taken all of its time."""


class NoDatabase(Exception):
    """The database did not answer the probe."""


class Measured:
    """A collector, as prometheus_client has them, of everything that is read at the scrape."""

    def collect(self) -> Iterator[Any]:
        now, deadline, failed = clock.now(), time.monotonic() + SECONDS, {}
        is_answered = probe_database().ok
        with _quick_answers() if is_answered else nullcontext():
            for name, part in PARTS:
                try:
                    if time.monotonic() > deadline:
                        raise TooLong
                    if not (is_answered or name in WITHOUT_DATABASE):
                        raise NoDatabase
                    families = list(part(now))
                except Exception as error:  # whatever it is, the other parts are answered
                    failed[name] = 1
                    log.warning("scrape.part_failed", part=name, error=type(error).__name__)
                    continue
                yield from families
        yield gauge("omc_scrape_errors", "1 for each part that this scrape could not read and left out.", ["part"],
                    [(name, failed.get(name, 0)) for name, _ in PARTS])  # fmt: skip


def expose() -> bytes:
    """Give everything in Prometheus's text format."""
    directory = Path(settings.METRICS_DIR)
    files.forget_the_dead(directory)
    registry = CollectorRegistry(auto_describe=False)
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    registry.register(Measured())  # type: ignore[arg-type]
    return generate_latest(registry)


@contextmanager
def _quick_answers() -> Iterator[None]:
    """Have the database end what takes it long, on this connection, until the block ends."""
    with suppress(DatabaseError, InterfaceError), connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {STATEMENT_MS}")
    try:
        yield
    finally:
        try:
            with connection.cursor() as cursor:
                cursor.execute("RESET statement_timeout")
        except (DatabaseError, InterfaceError):
            connection.close()  # the next one begins with the settings' own limits
