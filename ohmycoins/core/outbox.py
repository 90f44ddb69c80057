"""Nudge workers after commit.

Our own rows are the queue. A nudge is a Celery message with a row's id: it makes work start at once,
and losing it costs only the time until the poller looks. So a broker that is down is logged, never
raised, and never keeps a request waiting for more than about half a second.
"""

from functools import cache

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.pools import producers

from ohmycoins.core import clock

log = structlog.get_logger(__name__)

BROKER_SECONDS = 0.5


@cache
def _connection() -> Connection:
    """Give a connection for publishing only; workers wait longer on theirs."""
    options = {
        "socket_timeout": BROKER_SECONDS,
        "socket_connect_timeout": BROKER_SECONDS,
        # Kombu's own: without them it would try to connect for two seconds.
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    }
    return Connection(settings.CELERY_BROKER_URL, transport_options=options, connect_timeout=BROKER_SECONDS)


def publish(task: str, *args: int | str, expires: float | None = None) -> None:
    """Send the task now. Raises kombu's OperationalError within about half a second."""
    with producers[_connection()].acquire(block=True, timeout=BROKER_SECONDS) as producer:
        current_app.send_task(task, args=args, producer=producer, retry=False, expires=expires)


def nudge(task: str, *args: int | str, expires: float | None = 60) -> None:
    """Send the task once the current transaction commits; never raise. Replayed history nudges nobody."""
    if clock.is_replayed():
        return

    def send() -> None:
        try:
            publish(task, *args, expires=expires)
        except (OperationalError, OSError) as error:
            log.warning("nudge.lost", task=task, args=args, error=type(error).__name__)

    transaction.on_commit(send)
