"""Ask each part whether it is alive; every probe answers within a second or two.

A database that is gone says so at once; one that hangs says nothing, and no limit that we set it ends that: the
limits are its own. So it is asked in a thread, which may wait, and one at a time, whoever else wants to know.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta

import redis
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from kombu.exceptions import OperationalError

from apps.monitoring.beat import ROLE, STALE_AFTER
from apps.monitoring.models import Alert, QualityCheck, Severity, Type
from apps.monitoring.services import collectors, heartbeat, pulse
from ohmycoins.core import clock, queues

PING_SECONDS = 1.0
DATABASE_SECONDS = 2.0
"""A connection is made for it, maybe to another machine."""
ROUND_LATE_AFTER = timedelta(minutes=15)
"""Two rounds of five minutes may be missed."""
NAMED = 5


@dataclass(frozen=True, slots=True)
class State:
    """Whether a part is alive, and in words what was found."""

    ok: bool
    detail: str
    required: bool = True
    """Whether nothing works without it; else it is degraded rather than down."""


UNASKED = "unknown: what it is asked through is down"


def probe_all() -> dict[str, State]:
    """Probe servers, a worker, beat and each queue, and say how the data does. A part that cannot be asked is not alive."""
    states = {"database": probe_database(), "broker": probe_broker()}
    states["worker"] = probe_worker() if states["broker"].ok else State(ok=False, detail=UNASKED)
    if states["database"].ok:
        return states | {"beat": probe_beat()} | probe_queues() | probe_data()
    states["beat"] = State(ok=False, detail=UNASKED)
    states |= {
        heartbeat.QUEUE + queue: State(ok=False, detail=UNASKED, required=queue not in queues.OPTIONAL)
        for queue in queues.queues()
    }
    return states | {name: State(ok=False, detail=UNASKED, required=False) for name in INFORMATION}


_lock = threading.Lock()
_asked: Future[State] | None = None


def probe_database() -> State:
    """Ask on a connection of its own; whoever asks meanwhile is given the same answer."""
    try:
        return _ask().result(timeout=DATABASE_SECONDS)
    except TimeoutError as error:
        return _silent(error)


def _ask() -> Future[State]:
    global _asked  # noqa: PLW0603 - one a process
    with _lock:
        if _asked is None or _asked.done():
            _asked = Future()
            threading.Thread(target=_answer, args=(_asked,), name="probe", daemon=True).start()
        return _asked


def _answer(asked: Future[State]) -> None:
    try:
        asked.set_result(_version())
    except Exception as error:  # whoever waits for it hears of it
        asked.set_exception(error)


def _version() -> State:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
            version = int(cursor.fetchone()[0])
    except (DatabaseError, InterfaceError) as error:
        return _silent(error)
    finally:
        connection.close()
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


def probe_queues() -> dict[str, State]:
    """Say by queue when the newest pulse was sent that came through it."""
    names = {queue: heartbeat.QUEUE + queue for queue in queues.queues()}
    try:
        ages = heartbeat.queue_ages(now=clock.now())
    except (DatabaseError, InterfaceError) as error:
        return {name: _silent(error, required=queue not in queues.OPTIONAL) for queue, name in names.items()}
    return {name: _queue(queue, ages.get(queue)) for queue, name in names.items()}


def _queue(queue: str, age: timedelta | None) -> State:
    required = queue not in queues.OPTIONAL
    if age is None:
        return State(ok=False, detail="nothing has come through it yet", required=required)
    said = f"what came through last was {max(age.total_seconds(), 0):.0f} s old"
    return State(ok=age < pulse.STALE_AFTER, detail=said, required=required)


def probe_data() -> dict[str, State]:
    """Say how collectors and the quality of the data do, and what stands, for information: none is ever down."""
    found = {}
    for name, probe in INFORMATION.items():
        try:
            found[name] = probe()
        except (DatabaseError, InterfaceError) as error:
            found[name] = _silent(error, required=False)
    return found


def _collectors() -> State:
    health = {name: does.health for name, does in collectors.doing().items()}
    bad = [f"{name} {word}" for name, word in health.items() if word in collectors.SEVERITIES]
    healthy = f"{list(health.values()).count('healthy')} of {len(health)} healthy"
    return State(ok=not bad, detail="; ".join([healthy, *bad]), required=False)


def _quality() -> State:
    """Judge by the last round: what it measured, and which of its findings about quality stand."""
    check = QualityCheck.objects.first()
    if check is None:
        return State(ok=False, detail="not measured yet", required=False)
    age = clock.now() - check.checked_at
    if age > ROUND_LATE_AFTER:
        return State(ok=False, detail=f"last measured {age.total_seconds() / 60:.0f} min ago", required=False)
    standing = Alert.objects.standing().filter(type=Type.QUALITY).order_by("opened_at", "id")
    keys = list(standing.values_list("key", flat=True)[: NAMED + 1])
    more = ["and more"] if len(keys) > NAMED else []
    return State(
        ok=not keys, detail="; ".join([f"overall {check.overall:.2f}", *keys[:NAMED], *more]), required=False
    )


def _alerts() -> State:
    """Count what stands that needs somebody now; what it is, only who may see alerts is told."""
    high = Alert.objects.standing().filter(severity=Severity.HIGH).count()
    return State(
        ok=not high, detail=f"{high} of high severity" if high else "none of high severity", required=False
    )


INFORMATION: Mapping[str, Callable[[], State]] = {
    "collectors": _collectors,
    "quality": _quality,
    "alerts": _alerts,
}


def _silent(error: Exception, *, required: bool = True) -> State:
    return State(ok=False, detail=f"not answering ({type(error).__name__})", required=required)
