"""Let a person accept an incident that nobody can mend: it stands, but alerts and brakes no more."""

from datetime import datetime

import structlog
from django.db import IntegrityError, transaction

from apps.monitoring.models import Incident
from apps.trading.models import Event
from ohmycoins.core.errors import Conflict

log = structlog.get_logger(__name__)

PERMISSION = "monitoring.accept_incident"
ACCEPTED = "incident.accepted"


@transaction.atomic
def accept_incident(incident_id: int, *, actor: str, reason: str, now: datetime) -> Incident:
    """Let the incident stand without an alert, from the next look on; what it braked stays so until a person says otherwise.

    Raises Incident.DoesNotExist, and Conflict when it is over or accepted already.
    """
    incident = Incident.objects.select_for_update().get(pk=incident_id)
    if incident.resolved_at is not None:
        raise Conflict(
            f"Incident {incident.pk} is over since {incident.resolved_at:%Y-%m-%d %H:%M:%S} UTC.",
            code="INCIDENT_STATE",
        )
    if incident.accepted_at is not None:
        raise Conflict(
            f"Incident {incident.pk} was accepted by {incident.accepted_by}.", code="INCIDENT_STATE"
        )
    incident.accepted_at, incident.accepted_by, incident.accept_reason = now, actor, reason
    incident.save(update_fields=["accepted_at", "accepted_by", "accept_reason"])
    _record(incident, now)
    log.warning(
        ACCEPTED, incident_id=incident.pk, name=incident.name, account_id=incident.account_id, actor=actor
    )
    return incident


def _record(incident: Incident, now: datetime) -> None:
    """Tell the trail, in the chain of no account: the account's own may be what is broken."""
    try:
        with transaction.atomic():
            Event.objects.create(
                type=ACCEPTED, at=now, actor=incident.accepted_by, reason=incident.accept_reason,
                inputs={"incident": incident.pk, "invariant": incident.name, "account": incident.account_id},
            )  # fmt: skip
    except IntegrityError:  # that chain takes no more: the incident itself says who and why
        log.exception("incident.not_recorded", incident_id=incident.pk)
