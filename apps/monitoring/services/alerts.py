"""Keep alerts in step with what stands: one row a condition, opened once, resolved when it is gone."""

from collections.abc import Collection, Iterable
from datetime import datetime

import structlog
from django.db import transaction

from apps.monitoring.findings import Finding, rank
from apps.monitoring.models import Alert
from ohmycoins.core import locks

log = structlog.get_logger(__name__)


@transaction.atomic
def reconcile(types: Collection[str], findings: Iterable[Finding], *, now: datetime) -> None:
    """Make the standing alerts of `types` exactly `findings`: open what is new, resolve what is gone.

    A part that could not look must not name its types, or what it did not see would be taken to be over.
    """
    locks.advisory_lock("monitoring.alerts")
    standing = {(alert.type, alert.key): alert for alert in Alert.objects.standing().filter(type__in=types)}
    for finding in findings:
        if alert := standing.pop((finding.type, finding.key), None):
            _see(alert, finding, now)
        else:
            _open(finding, now)
    for alert in standing.values():
        alert.resolved_at = now
        alert.save(update_fields=["resolved_at"])
        log.info("alert.resolved", alert_id=alert.pk, type=alert.type, key=alert.key)


def _open(finding: Finding, now: datetime) -> None:
    alert = Alert.objects.create(
        type=finding.type, key=finding.key, severity=finding.severity, message=finding.message,
        evidence=finding.evidence, user_id=finding.user_id, account_id=finding.account_id, opened_at=now, seen_at=now,
    )  # fmt: skip
    log.warning("alert.opened", alert_id=alert.pk, type=alert.type, key=alert.key, severity=alert.severity)


def _see(alert: Alert, finding: Finding, now: datetime) -> None:
    if rank(finding.severity) > rank(alert.severity):
        alert.severity = finding.severity
    alert.message, alert.evidence, alert.seen_at = finding.message, finding.evidence, now
    alert.save(update_fields=["severity", "message", "evidence", "seen_at"])
