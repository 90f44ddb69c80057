"""Name what can go wrong, by what the caller may do about it."""

from typing import Any


class DomainError(Exception):
    """An expected failure with a stable code, one sentence for people, and evidence.

    `status` is the HTTP status it becomes at the API; everything else ignores it.
    """

    code = "ERROR"
    status = 500

    def __init__(self, message: str, *, code: str | None = None, detail: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.detail = detail


class Invalid(DomainError):
    """The request is malformed; nothing was stored."""

    code, status = "INVALID", 400


class Conflict(DomainError):
    """The request contradicts what is already there."""

    code, status = "CONFLICT", 409


class Gone(DomainError):
    """What was asked for was deleted on purpose."""

    code, status = "GONE", 410


class Refused(DomainError):
    """The request was understood, and refused."""

    code, status = "REFUSED", 422


class Unavailable(DomainError):
    """Something we depend on is down; nothing was done."""

    code, status = "UNAVAILABLE", 503


class OutsideError(Exception):
    """A call to a source or a venue failed; `status` is the HTTP status, where there was an answer."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class TransientError(OutsideError):
    """It may work later: timeouts, refused connections, 429 and 5xx.

    `retry_after` is how many seconds the host asked us to wait, where it did; `unsent` says that it is
    certain that no byte of the request left.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        unsent: bool = False,
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after
        self.unsent = unsent


class PermanentError(OutsideError):
    """It will not work as asked: other statuses, bodies that are not what they should be."""
