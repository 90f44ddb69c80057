"""Switch collectors on and off, and run one now."""

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

from apps.ledgers.models import Source
from ohmycoins.core import clock, outbox, seams
from ohmycoins.core.errors import Conflict, Unavailable

log = structlog.get_logger(__name__)


def sync_sources() -> list[str]:
    """Create the missing row of each collector in COLLECTORS; return the new names."""
    created = []
    for slug, collector in seams.load("COLLECTORS").items():
        _, new = Source.objects.get_or_create(name=slug, defaults={"ledger": collector.ledger})
        if new:
            created.append(slug)
    return created


def off_because(source: Source) -> str | None:
    """Say in words why a collector does not run; None when it does."""
    if reason := _forbidden(source):
        return reason
    paused = source.paused_until is not None and clock.now() < source.paused_until
    return source.paused_reason if paused else None


def _forbidden(source: Source) -> str | None:
    if not source.enabled:
        return "it is switched off: enable it first"
    collector = seams.load("COLLECTORS").get(source.name)
    if collector is None:
        return "it is not among COLLECTORS"
    missing = collector.needs()
    return f"{missing} is not set" if missing else None


def trigger(source: Source) -> None:
    """Ask a worker to run the collector now, even while its source keeps us out.

    Raises Conflict (switched off, or a setting is missing) or Unavailable (broker).
    """
    if reason := _forbidden(source):
        raise Conflict(f"{source.name} is off: {reason}")
    try:
        outbox.publish("ledgers.collect", source.name, True, expires=60)
    except (OperationalError, OSError) as error:
        raise Unavailable("The task queue is not available; nothing was started. Try again.") from error
    log.info("collector.triggered", collector=source.name)


def set_enabled(source: Source, *, enabled: bool) -> Source:
    """Switch a collector on or off; runs in progress finish."""
    with transaction.atomic():
        locked = Source.objects.select_for_update().get(pk=source.pk)
        locked.enabled = enabled
        locked.save(update_fields=["enabled"])
    log.info("collector.enabled" if enabled else "collector.disabled", collector=source.name)
    return locked
