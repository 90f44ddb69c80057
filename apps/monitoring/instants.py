"""Write instants, which are UTC, for people and for programs; pure."""

from datetime import datetime


def moment(at: datetime) -> str:
    """Write an instant as people read it, to the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def iso(at: datetime | None) -> str | None:
    """Write an instant as the API does (ISO 8601)."""
    return at.isoformat().replace("+00:00", "Z") if at else None
