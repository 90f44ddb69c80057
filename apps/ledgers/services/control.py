"""Switch collectors on and off, and run one now."""

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

from apps.ledgers.models import Source
from ohmycoins.core import outbox, seams
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


def trigger(source: Source) -> None:
    """Ask a worker to run the collector now. Raises Conflict (switched off) or Unavailable (broker)."""
    if not source.enabled:
        raise Conflict(f"{source.name} is switched off: enable it first")
    try:
        outbox.publish("ledgers.collect", source.name, expires=60)
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
