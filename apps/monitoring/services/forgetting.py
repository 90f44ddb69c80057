"""Delete looks at the data that nobody plots any more; alerts, incidents and what was sent are kept."""

from datetime import datetime, timedelta

import structlog

from apps.monitoring.models import QualityCheck, Round

log = structlog.get_logger(__name__)


def forget_checks(*, days: int, now: datetime) -> int:
    """Delete rounds and quality checks of more than `days` ago; return how many. 0 keeps all."""
    if not days:
        return 0
    before = now - timedelta(days=days)
    rounds, _ = Round.objects.filter(started_at__lt=before).delete()
    checks, _ = QualityCheck.objects.filter(checked_at__lt=before).delete()
    log.info("checks.forgotten", before=before.isoformat(), deleted=rounds + checks)
    return rounds + checks
