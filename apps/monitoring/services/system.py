"""Find queues whose work nobody takes up."""

from collections.abc import Sequence
from datetime import datetime

from apps.monitoring.findings import HIGH, MEDIUM, Finding
from apps.monitoring.models import Type
from apps.monitoring.services import heartbeat, pulse
from ohmycoins.core import queues

BEAT = "beat"


def look(now: datetime) -> Sequence[Finding]:
    """Give a finding for each queue through which no pulse came for a minute.

    None while beat has not run for as long: then the pulses themselves were not sent.
    """
    if heartbeat.held_for(BEAT, now=now) < pulse.STALE_AFTER:
        return []
    ages = heartbeat.queue_ages(now=now)
    found = []
    for queue in queues.queues():
        age = ages.get(queue)
        if age is not None and age < pulse.STALE_AFTER:
            continue
        since = "ever" if age is None else f"for {age.total_seconds():.0f} s"
        found.append(
            Finding(
                type=Type.SYSTEM, key=f"queue:{queue}", severity=MEDIUM if queue in queues.OPTIONAL else HIGH,
                message=f"Nothing has come out of the queue {queue} {since}: its worker is down, or has too much to do.",
                evidence={"queue": queue, "age_seconds": None if age is None else age.total_seconds()},
            )
        )  # fmt: skip
    return found
