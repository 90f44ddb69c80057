"""Keep what apprise logs out of our logs: its lines name addresses, and those hold keys."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_said: ContextVar[list[str] | None] = ContextVar("said", default=None)


class _Listener(logging.Filter):
    """Let nothing through; note what was said for whoever listens in this thread."""

    def filter(self, record: logging.LogRecord) -> bool:
        if (said := _said.get()) is not None:
            said.append(record.getMessage())
        return False


@contextmanager
def listening() -> Iterator[list[str]]:
    """Give what apprise says in this thread within the block; it may hold keys, so pass none of it on."""
    said: list[str] = []
    token = _said.set(said)
    try:
        yield said
    finally:
        _said.reset(token)


_logger = logging.getLogger("apprise")
_logger.setLevel(logging.DEBUG)  # what a mail server said is there, and nowhere else
_logger.addFilter(_Listener())
