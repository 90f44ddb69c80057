"""Read the system time; the only module that does."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_replayed: ContextVar[datetime | None] = ContextVar("replayed", default=None)


def now() -> datetime:
    """Give the current instant, aware, in UTC; the replayed one within `at`."""
    return _replayed.get() or datetime.now(UTC)


@contextmanager
def at(instant: datetime) -> Iterator[None]:
    """Let it be `instant` for the code within, in this thread alone: to replay history (seeds, backtests).

    It does not move on by itself, and a later instant within the block takes a block of its own. No
    workers are nudged meanwhile (`outbox`): theirs is another time, and whoever replays does their work.
    """
    before = _replayed.set(instant)
    try:
        yield
    finally:
        _replayed.reset(before)


def is_replayed() -> bool:
    """Tell whether the current instant is a replayed one."""
    return _replayed.get() is not None
