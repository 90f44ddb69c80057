"""Keep alerts in step with what stands: one row a condition, opened once, resolved when it is gone.

What is to be told of it is planned in the same transaction (`planning`), and sent after it (`deliveries`).
"""

from collections.abc import Collection, Iterable
from datetime import datetime

import structlog
from django.db import transaction

from apps.monitoring.findings import Finding, rank
from apps.monitoring.models import Alert
from apps.monitoring.services import planning
from apps.monitoring.services.planning import Standing
from apps.trading.models import Account
from ohmycoins.core import locks

log = structlog.get_logger(__name__)


@transaction.atomic
def reconcile(types: Collection[str], findings: Iterable[Finding], *, now: datetime) -> None:
    """Make the standing alerts of `types` exactly `findings`: open what is new, resolve what is gone.

    A part that could not look must not name its types, or what it did not see would be taken to be over. What was
    found by a look that began before another that has spoken already (two at once) changes nothing.
    """
    locks.advisory_lock("monitoring.alerts")
    if Alert.objects.filter(type__in=types).told_after(now).exists():
        log.info("alert.outdated", types=sorted(types))
        return
    known = {(alert.type, alert.key): alert for alert in Alert.objects.standing().filter(type__in=types)}
    standing: dict[tuple[str, str], Standing] = {}
    for finding in findings:
        condition = (finding.type, finding.key)
        if twice := standing.get(condition):
            _see(twice.alert, finding, now)
        elif alert := known.pop(condition, None):
            standing[condition] = Standing(alert, alert.severity)
            _see(alert, finding, now)
        else:
            standing[condition] = Standing(_open(finding, now), None)
    planning.plan(standing.values(), now=now)
    for alert in known.values():
        alert.resolved_at = now
        alert.save(update_fields=["resolved_at"])
        log.info("alert.resolved", alert_id=alert.pk, type=alert.type, key=alert.key)
    if known:
        planning.conclude(known.values(), now=now)


def _open(finding: Finding, now: datetime) -> Alert:
    alert = Alert.objects.create(
        type=finding.type, key=finding.key, severity=finding.severity, message=finding.message,
        evidence=finding.evidence, user_id=_owner_of(finding), account_id=finding.account_id, opened_at=now, seen_at=now,
    )  # fmt: skip
    log.warning("alert.opened", alert_id=alert.pk, type=alert.type, key=alert.key, severity=alert.severity)
    return alert


def _owner_of(finding: Finding) -> int | None:
    """Give whose trading it is about: what is said of an account is its user's to hear, not everybody's."""
    if finding.user_id is not None or finding.account_id is None:
        return finding.user_id
    return Account.objects.filter(pk=finding.account_id).values_list("user_id", flat=True).first()


def _see(alert: Alert, finding: Finding, now: datetime) -> None:
    if rank(finding.severity) > rank(alert.severity):
        alert.severity = finding.severity
    alert.message, alert.evidence, alert.seen_at = finding.message, finding.evidence, now
    alert.save(update_fields=["severity", "message", "evidence", "seen_at"])
