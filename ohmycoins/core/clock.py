"""Read the system time; the only module that does."""

from datetime import UTC, datetime


def now() -> datetime:
    """Give the current instant, aware, in UTC."""
    return datetime.now(UTC)
