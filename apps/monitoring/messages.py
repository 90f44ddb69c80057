"""Write what is said of an alert, for people and for programs; pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.monitoring.instants import iso, moment

OPENED, RAISED, RESOLVED, TEST = "opened", "raised", "resolved", "test"
LONGEST_TITLE = 150
LONGEST_BODY = 1500  # the shortest that a service takes is Discord's 2000
# What apprise calls it, and colours it by.
FAILURE, WARNING, INFO, SUCCESS = "failure", "warning", "info", "success"
KINDS = {"high": FAILURE, "medium": WARNING, "low": INFO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An alert as it is when it is told."""

    id: int
    type: str
    severity: str
    message: str
    opened_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent: a line, a few lines, and fields for programs."""

    delivery_id: int
    title: str
    body: str
    kind: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What a receiver may know the message by: the same each time that it is tried."""
        return f"omc-delivery-{self.delivery_id}"


def compose(delivery_id: int, event: str, alert: Told | None) -> Message:
    """Write a delivery's message; an alert that is over by now is said to be, whatever the event."""
    if alert is None:
        return Message(
            delivery_id=delivery_id, title="Test of an alert channel", kind=INFO, fields={"event": TEST},
            body="This is a test: alerts of Oh My Coins would come here.",
        )  # fmt: skip
    event = RESOLVED if alert.resolved_at else event
    heading = {OPENED: "", RAISED: "Raised: ", RESOLVED: "Resolved: "}[event]
    when = f"Since {moment(alert.opened_at)}."
    if alert.resolved_at:
        when = f"It stood from {moment(alert.opened_at)} to {moment(alert.resolved_at)}."
    message = alert.message if len(alert.message) <= LONGEST_BODY else f"{alert.message[: LONGEST_BODY - 1]}…"
    return Message(
        delivery_id=delivery_id,
        title=f"{heading}{alert.severity} {alert.type} alert of Oh My Coins"[:LONGEST_TITLE],
        body=f"{message}\n{when}",
        kind=SUCCESS if event == RESOLVED else KINDS[alert.severity],
        fields={
            "event": event,
            "alert": {
                "id": alert.id, "type": alert.type, "severity": alert.severity, "message": alert.message,
                "opened_at": iso(alert.opened_at), "resolved_at": iso(alert.resolved_at),
            },
        },
    )  # fmt: skip
