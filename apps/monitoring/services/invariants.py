"""Check the invariants of orders and of the book, and keep what is found."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import transaction

from apps.monitoring.findings import HIGH, Finding
from apps.monitoring.models import Incident, Type
from apps.pnl.services.invariants import check_books
from apps.trading.services import invariants
from ohmycoins.core import locks

log = structlog.get_logger(__name__)


def look(now: datetime) -> Sequence[Finding]:
    """Check every account; store what is newly broken, and what no longer is; give what stands.

    The events' digests are not walked: `manage.py verify_audit` does that.
    """
    found = invariants.check_invariants(now=now, chains=False) + check_books()
    with transaction.atomic():
        locks.advisory_lock("monitoring.invariants")
        standing = {
            (row.name, row.account_id, row.order_id, row.what): row for row in Incident.objects.standing()
        }
        for breach in found:
            key = (breach.name, breach.account_id, breach.order_id, breach.what)
            if known := standing.pop(key, None):
                known.seen_at = now
                known.save(update_fields=["seen_at"])
                continue
            Incident.objects.create(
                name=breach.name, account_id=breach.account_id, order_id=breach.order_id, what=breach.what,
                found_at=now, seen_at=now,
            )  # fmt: skip
            log.error(
                "invariant.broken", name=breach.name, account_id=breach.account_id, order_id=breach.order_id,
                what=breach.what,
            )  # fmt: skip
        for gone in standing.values():
            gone.resolved_at = now
            gone.save(update_fields=["resolved_at"])
    return [
        Finding(
            type=Type.INVARIANT, key=f"incident:{row.pk}", severity=HIGH, message=str(row),
            account_id=row.account_id,
        )
        for row in Incident.objects.standing()
    ]  # fmt: skip
