"""Send a pulse through each queue, so that its age shows.

Beat puts one into every queue every ten seconds. A pulse carries when it was sent, since a message of Celery
does not say it: what a worker notes is therefore the age of the queue's head, and no worker at all shows
as an age that grows.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from celery.signals import before_task_publish

from apps.monitoring.services import heartbeat
from ohmycoins.core import clock

TASK = "monitoring.pulse"
SENT_AT = "sent_at"
STALE_AFTER = timedelta(seconds=60)


@before_task_publish.connect(sender=TASK)
def stamp(headers: dict[str, Any] | None = None, **_: object) -> None:
    """Write into a pulse when it is sent, unless it says so."""
    if headers is not None:
        headers.setdefault(SENT_AT, clock.now().isoformat())


def note(queue: str, *, holder: str, sent_at: str | None) -> None:
    """Note a pulse that a worker took out of the queue; one without a stamp counts as sent now."""
    at = clock.now() if sent_at is None else datetime.fromisoformat(sent_at).astimezone(UTC)
    heartbeat.note_queue(queue, holder=holder, sent_at=at)
