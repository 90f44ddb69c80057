"""Hold a role by renewing its heartbeat, and read who holds it."""

from datetime import datetime, timedelta

from django.db import connection

from apps.monitoring.models import Heartbeat

LEASE = timedelta(seconds=30)

RENEW = """
    INSERT INTO monitoring_heartbeat AS known (name, holder, at) VALUES (%(name)s, %(holder)s, %(now)s)
    ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, at = EXCLUDED.at
    WHERE known.holder = EXCLUDED.holder OR known.at < %(expired)s
    RETURNING 1
"""


def hold(name: str, *, holder: str, now: datetime) -> bool:
    """Renew or take the role `name`; false while another holder's lease of 30 s runs."""
    with connection.cursor() as cursor:
        cursor.execute(RENEW, {"name": name, "holder": holder, "now": now, "expired": now - LEASE})
        return cursor.fetchone() is not None


def release(name: str, *, holder: str) -> None:
    """Give the role up, so that the next holder need not wait for the lease to end."""
    Heartbeat.objects.filter(name=name, holder=holder).delete()


def holder_of(name: str) -> str | None:
    """Give who held the role last."""
    return Heartbeat.objects.filter(name=name).values_list("holder", flat=True).first()


def age(name: str, *, now: datetime) -> timedelta | None:
    """Give the time since the last sign of life; None if there was none."""
    at = Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
    return None if at is None else now - at
