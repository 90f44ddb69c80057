"""Keep the requests of a library that we did not write on the public internet, and within limits.

Within `guarded(...)`, in this thread alone, `requests` takes no proxy and no password from the environment,
follows few redirects and looks at each one's address first; ends at the deadline, however slowly an answer
drips; and keeps little of its body. A host's name is resolved once, every address that it has must be
public, and the connection goes to exactly those: a name server that answers differently the next time
gains nothing. TLS still verifies the name. Requests outside of the block are none of ours.

Two functions are replaced, once, when this module is imported: where `requests` begins a request, and
where `urllib3` opens a connection. The second alone would keep out of our networks whatever the library does.
"""

import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3
from urllib3.util import connection

from ohmycoins.core import public
from ohmycoins.core.connections import DeadlineAdapter
from ohmycoins.core.http import read_retry_after
from ohmycoins.core.public import Allowed

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
MAX_BYTES = 64 * 1024
CHUNK_BYTES = 16 * 1024
REDIRECTS = 3
KEEPS_METHOD = (307, 308)
MAY_WORK_LATER = (408, 425, 429)  # and every 5xx


@dataclass(slots=True)
class Outcome:
    """What became of the requests within the block; no text in it quotes an address."""

    status: int | None = None
    """The last answer's."""
    reason: str = ""
    """What went wrong; empty where nothing did."""
    may_retry: bool = True
    retry_after: float | None = None


class NotTaken(requests.RequestException):
    """The request was not answered with a success; the outcome says why, and the message nothing."""


class _Refused(Exception):
    """The same, on its way through urllib3, which takes an error of connecting to be worth another try."""


@dataclass(slots=True)
class _Guard:
    allowed: Allowed
    deadline: float
    outcome: Outcome = field(default_factory=Outcome)

    def refuse(self, reason: str, *, may_retry: bool) -> _Refused:
        self.outcome.reason, self.outcome.may_retry = reason, may_retry
        return _Refused()


_guard: ContextVar[_Guard | None] = ContextVar("guard", default=None)
_request: Callable[..., requests.Response] = requests.Session.request
_connect: Callable[..., socket.socket] = connection.create_connection


@contextmanager
def guarded(allowed: Allowed, *, total_seconds: float) -> Iterator[Outcome]:
    """Guard what this thread requests within the block; whatever it is, it ends in `total_seconds`.

    Looking a name up is the system's, and takes what that allows on top.
    """
    guard = _Guard(allowed, time.monotonic() + total_seconds)
    token = _guard.set(guard)
    try:
        yield guard.outcome
    finally:
        _guard.reset(token)


def _guarded_request(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
    """Stand in for `requests.Session.request`."""
    guard = _guard.get()
    if guard is None:
        return _request(session, method, url, **options)
    guard.outcome.status, guard.outcome.reason, guard.outcome.may_retry = None, "", True
    try:
        return _follow(guard, session, method, url, options)
    except _Refused:
        pass
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        guard.refuse("did not answer in time", may_retry=True)
    except requests.exceptions.SSLError:
        guard.refuse("has no TLS certificate that is good for its name", may_retry=True)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        late = time.monotonic() > guard.deadline
        said = "was still answering when its time was up" if late else f"could not be reached: {_why(error)}"
        guard.refuse(said, may_retry=not isinstance(error, ValueError))
    except ValueError:
        guard.refuse("is not an address that can be called", may_retry=False)
    raise NotTaken("not taken")  # outside of the handlers: no chain of errors that name the address


def _follow(
    guard: _Guard, session: requests.Session, method: str, url: str, options: dict[str, Any]
) -> requests.Response:
    session.trust_env = False
    session.headers["Accept-Encoding"] = "identity"
    adapter = DeadlineAdapter(guard.deadline)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    ours = {
        "timeout": (CONNECT_SECONDS, READ_SECONDS), "allow_redirects": False, "stream": True, "verify": True,
        "proxies": None, "auth": None,
    }  # fmt: skip
    given = options | ours
    for _ in range(REDIRECTS + 1):
        _require_public(guard, url)
        if time.monotonic() >= guard.deadline:
            raise guard.refuse("did not answer in time", may_retry=True)
        with _request(session, method, url, **given) as answer:
            guard.outcome.status = answer.status_code
            if answer.status_code not in KEEPS_METHOD or "location" not in answer.headers:
                return _taken(guard, answer)
            url = _target(guard, answer)
            given["params"] = None  # the new address says it all
    raise guard.refuse(f"redirected more than {REDIRECTS} times", may_retry=False)


def _require_public(guard: _Guard, url: str) -> None:
    try:
        public.require_url(url, guard.allowed)
    except (public.NotPublic, public.Malformed) as error:
        raise guard.refuse(f"its address {error}", may_retry=False) from None


def _target(guard: _Guard, answer: requests.Response) -> str:
    there = urljoin(answer.url, answer.headers["location"])
    if answer.url.startswith("https:") and not there.startswith("https:"):
        raise guard.refuse("redirects from https to something else", may_retry=False)
    return there


def _taken(guard: _Guard, answer: requests.Response) -> requests.Response:
    status = answer.status_code
    if not 200 <= status < 300:
        guard.outcome.retry_after = read_retry_after({"retry-after": answer.headers.get("retry-after", "")})
        moved = ": it redirects; store where it leads to" if 300 <= status < 400 else ""
        raise guard.refuse(
            f"answered {status}{moved}", may_retry=status in MAY_WORK_LATER or 500 <= status < 600
        )
    body = bytearray()
    # A success was said: a body that is cut short or too long takes nothing from that.
    with suppress(OSError, urllib3.exceptions.HTTPError):
        while len(body) < MAX_BYTES and (
            chunk := answer.raw.read1(min(CHUNK_BYTES, MAX_BYTES - len(body)), decode_content=False)
        ):
            body += chunk
            if time.monotonic() > guard.deadline:
                break
    answer._content, answer._content_consumed = bytes(body), True  # type: ignore[attr-defined]
    return answer


def _guarded_connect(address: tuple[str, int], *given: Any, **options: Any) -> socket.socket:
    """Stand in for urllib3's `create_connection`."""
    guard = _guard.get()
    if guard is None:
        return _connect(address, *given, **options)
    host, port = address[0].strip("[]"), address[1]
    failed: OSError = OSError("has no address")
    for family, target in _checked(guard, host, port):
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in options.get("socket_options") or ():
                opened.setsockopt(*option)
            opened.settimeout(max(min(CONNECT_SECONDS, guard.deadline - time.monotonic()), 0.001))
            opened.connect(target)
            opened.settimeout(READ_SECONDS)
        except OSError as error:
            opened.close()
            failed = error
        else:
            return opened
    raise failed


def _checked(guard: _Guard, host: str, port: int) -> list[tuple[int, Any]]:
    """Resolve the host, once; give its addresses if every one of them may be reached."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise guard.refuse("its host's name could not be looked up", may_retry=True) from None
    targets = [(int(family), target) for family, _, _, _, target in found]
    if not guard.allowed.has_host(host):
        for _, target in targets:
            address = ipaddress.ip_address(str(target[0]))
            if not (public.is_public(address) or guard.allowed.has(address)):
                raise guard.refuse(
                    "its host leads to an address that is not on the public internet", may_retry=False
                )
    return targets


def _why(error: BaseException | None) -> str:
    """Say what went wrong without the URL that requests puts into its messages."""
    first = error
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        inner = getattr(error, "reason", None)
        error = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
    return type(first).__name__


requests.Session.request = _guarded_request  # type: ignore[method-assign, assignment]
connection.create_connection = _guarded_connect
