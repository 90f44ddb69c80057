"""Hold a role by renewing its heartbeat, and read who holds it; note the signs of life of queues."""

from datetime import datetime, timedelta

from django.db import connection

from apps.monitoring.models import Heartbeat

LEASE = timedelta(seconds=30)
QUEUE = "queue:"
"""What the names of queues' heartbeats begin with."""

RENEW = """
    INSERT INTO monitoring_heartbeat AS known (name, holder, at, since) VALUES (%(name)s, %(holder)s, %(now)s, %(now)s)
    ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, at = EXCLUDED.at,
        since = CASE WHEN known.holder = EXCLUDED.holder AND known.at >= %(expired)s THEN known.since ELSE EXCLUDED.at END
    WHERE known.holder = EXCLUDED.holder OR known.at < %(expired)s
    RETURNING 1
"""
# Two workers may take pulses out of a queue in another order than they were put in: the newest counts.
NOTE = """
    INSERT INTO monitoring_heartbeat AS known (name, holder, at) VALUES (%(name)s, %(holder)s, %(at)s)
    ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, at = EXCLUDED.at WHERE known.at < EXCLUDED.at
"""


def hold(name: str, *, holder: str, now: datetime) -> bool:
    """Renew or take the role `name`; false while another holder's lease of 30 s runs."""
    with connection.cursor() as cursor:
        cursor.execute(RENEW, {"name": name, "holder": holder, "now": now, "expired": now - LEASE})
        return cursor.fetchone() is not None


def release(name: str, *, holder: str) -> None:
    """Give the role up, so that the next holder need not wait for the lease to end."""
    Heartbeat.objects.filter(name=name, holder=holder).delete()


def note_queue(queue: str, *, holder: str, sent_at: datetime) -> None:
    """Note that a pulse sent into the queue at `sent_at` came out of it; one that was overtaken changes nothing."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE, {"name": QUEUE + queue, "holder": holder, "at": sent_at})


def holder_of(name: str) -> str | None:
    """Give who held the role last."""
    return Heartbeat.objects.filter(name=name).values_list("holder", flat=True).first()


def age(name: str, *, now: datetime) -> timedelta | None:
    """Give the time since the last sign of life; None if there was none."""
    at = Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
    return None if at is None else now - at


def queue_ages(*, now: datetime) -> dict[str, timedelta]:
    """Give by queue how long ago the newest pulse was sent that came through it; in one query."""
    rows = Heartbeat.objects.filter(name__startswith=QUEUE).values_list("name", "at")
    return {name.removeprefix(QUEUE): now - at for name, at in rows}


def held_for(name: str, *, now: datetime) -> timedelta:
    """Give for how long the role has been held without a break by a holder that is still alive; zero if it is not."""
    row = Heartbeat.objects.filter(name=name, at__gte=now - LEASE).first()
    return now - row.since if row and row.since else timedelta(0)
