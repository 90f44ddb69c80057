"""A venue without sockets: signed calls go straight to the simulator, for tests that make many."""

from collections.abc import Callable
from urllib.parse import urlsplit

from ohmycoins.core import clock, http
from ohmycoins.core.errors import PermanentError, TransientError
from ohmycoins.core.http import Ask, Page
from ohmycoins.sandbox.messages import Manner, Request
from ohmycoins.sandbox.venue.venue import Venue


class Died(BaseException):
    """The worker was killed here; nothing that it would have done next is done."""


class Wire:
    """Stands in for `http.request`: answers as the venue does, or breaks off before or after it does."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.breaks: list[str | None] = []
        """What befalls the next calls: unsent, die_before or die_after; None is nothing."""

    def request(self, ask: Ask) -> Page:
        """Carry a request to the venue. Raises as `http.request` does, or Died."""
        broken = self.breaks.pop(0) if self.breaks else None
        if broken == "unsent":
            raise TransientError("connection refused", unsent=True)
        if broken == "die_before":
            raise Died
        answer = self.venue.answer(
            Request(
                method=ask.method, path=urlsplit(ask.url).path, body=ask.body or b"", now=clock.now(), base="",
                headers={name.lower(): value for name, value in ask.headers.items()},
            )
        )  # fmt: skip
        if broken == "die_after":
            raise Died
        if answer is None or answer.manner is not Manner.WHOLE:
            raise TransientError("no whole answer")
        if answer.status == 429 or answer.status >= 500:
            raise TransientError(f"answered {answer.status}", status=answer.status)
        if answer.status not in ask.statuses:
            raise PermanentError(f"answered {answer.status}", status=answer.status)
        return Page(status=answer.status, headers={"content-type": answer.content_type}, body=answer.body)

    def patched(self) -> Callable[[], None]:
        """Put itself in the place of `http.request`; give what undoes that."""
        real = http.request
        http.request = self.request

        def undo() -> None:
            http.request = real

        return undo
