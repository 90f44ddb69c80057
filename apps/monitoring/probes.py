"""Ask each part whether it is alive; every probe answers within about a second."""

from dataclasses import dataclass

import redis
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from kombu.exceptions import OperationalError

from apps.monitoring.beat import ROLE, STALE_AFTER
from apps.monitoring.services import heartbeat
from ohmycoins.core import clock

PING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class State:
    """Whether a part is alive, and in words what was found."""

    ok: bool
    detail: str


def probe_all() -> dict[str, State]:
    """Probe the database, the broker, a worker and beat. A part that cannot be asked is not alive."""
    states = {"database": probe_database(), "broker": probe_broker()}
    unasked = State(ok=False, detail="unknown: what it is asked through is down")
    states["worker"] = probe_worker() if states["broker"].ok else unasked
    states["beat"] = probe_beat() if states["database"].ok else unasked
    return states


def probe_database() -> State:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
            version = int(cursor.fetchone()[0])
    except (DatabaseError, InterfaceError) as error:
        return _silent(error)
    return State(ok=True, detail=f"PostgreSQL {version}")


def probe_broker() -> State:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PING_SECONDS, socket_connect_timeout=PING_SECONDS
    )
    try:
        client.ping()
    except redis.RedisError as error:
        return _silent(error)
    finally:
        client.close()
    kept = "Redis" if settings.REDIS_IS_DURABLE else "in-memory stand-in: queued work is lost when it stops"
    return State(ok=True, detail=kept)


def probe_worker() -> State:
    try:
        # A connection of its own: a pooled one may be of a broker that has since been restarted.
        with current_app.connection_for_read() as broker:
            answers = current_app.control.ping(timeout=PING_SECONDS, limit=1, connection=broker) or []
    except (OperationalError, redis.RedisError, OSError) as error:
        return _silent(error)
    names = [name for answer in answers for name in answer]
    return State(ok=bool(names), detail=f"{names[0]} answers" if names else "no worker answers")


def probe_beat() -> State:
    try:
        age = heartbeat.age(ROLE, now=clock.now())
    except (DatabaseError, InterfaceError) as error:
        return _silent(error)
    if age is None:
        return State(ok=False, detail="has not run yet")
    return State(ok=age < STALE_AFTER, detail=f"last tick {max(age.total_seconds(), 0):.0f} s ago")


def _silent(error: Exception) -> State:
    return State(ok=False, detail=f"not answering ({type(error).__name__})")
