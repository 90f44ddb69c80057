"""Make one request to an outside host, within limits.

Nothing here retries: an order is never sent twice. `core.sites` adds patience for sources that may be
asked again.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from ohmycoins.core import clock
from ohmycoins.core.connections import DeadlineAdapter
from ohmycoins.core.errors import PermanentError, TransientError

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
TOTAL_SECONDS = 20.0
MAX_BYTES = 8 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
REDIRECTS = 3
LONGEST_WAIT_SECONDS = 3600.0  # a host that asks for more is asked again after an hour

# What a source may call its answer; plain text and octets is what careless hosts call anything.
JSON = ("application/json", "text/json", "text/plain", "application/octet-stream")
FEED = (
    "application/rss+xml", "application/atom+xml", "application/xml", "text/xml", "text/plain",
    "application/octet-stream",
)  # fmt: skip
HTML = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class Page:
    """What a host answered: the status, lower-case header names, and the decompressed body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    about: str = ""
    """What was asked for, in the collector's own words: a company, a feed, a protocol."""

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request: what to send, what may come back, and what must never show in an error."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    accept: tuple[str, ...] = JSON
    statuses: tuple[int, ...] = (200,)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    total_seconds: float = TOTAL_SECONDS
    max_bytes: int = MAX_BYTES

    @property
    def where(self) -> str:
        """Name the host and path; the query stays out, since some sources carry their key there."""
        parts = urlsplit(self.url)
        return self.hide(f"{parts.netloc.rpartition('@')[2]}{parts.path}")

    def hide(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "[hidden]")
        return text


def request(ask: Ask) -> Page:
    """Make one request and return its page, with the secrets taken out of the body.

    The whole call ends within `total_seconds`, however slowly headers or body drip, and holds at most
    `max_bytes` after decompression. A GET follows up to 3 redirects, never from https to http, and
    takes its headers along only within the host.

    Raises TransientError (no answer, cut body, 429, 5xx; with `retry_after` when the host said so) or
    PermanentError (any other status, another content type, a body over the limit); both carry `status`.
    """
    deadline = time.monotonic() + ask.total_seconds
    url, headers, params = ask.url, dict(ask.headers), dict(ask.params)
    adapter = DeadlineAdapter(deadline)
    try:
        with requests.Session() as session:
            session.headers["Accept-Encoding"] = "gzip, deflate"
            for scheme in ("http://", "https://"):
                session.mount(scheme, adapter)
            for _ in range(REDIRECTS + 1):
                with session.request(
                    ask.method, url, params=params, headers=headers, data=ask.body,
                    timeout=(min(CONNECT_SECONDS, ask.total_seconds), READ_SECONDS), allow_redirects=False, stream=True,
                ) as answer:  # fmt: skip
                    if not (ask.method == "GET" and answer.is_redirect):
                        return _page(answer, ask, deadline)
                    url, headers = _follow(answer, ask, headers)
                    params = {}  # the new address says it all
    except requests.ConnectTimeout as error:
        raise TransientError(f"{ask.where} did not answer in time", unsent=not adapter.connected) from error
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise TransientError(f"{ask.where} did not answer in time") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        if time.monotonic() > deadline:
            raise TransientError(f"{ask.where} was still sending after its time was up") from error
        message = f"{ask.where} could not be reached: {_reason(error)}"
        raise TransientError(message, unsent=_never_connected(error) and not adapter.connected) from error
    except ValueError as error:  # requests looks at the redirect's address before we do
        raise PermanentError(f"{ask.where} redirects to what is no address") from error
    raise PermanentError(f"{ask.where} redirected more than {REDIRECTS} times")


def _page(answer: requests.Response, ask: Ask, deadline: float) -> Page:
    status = answer.status_code
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if status == 429 or status >= 500:
        raise TransientError(
            f"{ask.where} answered {status}", status=status, retry_after=read_retry_after(headers)
        )
    if status not in ask.statuses:
        raise PermanentError(f"{ask.where} answered {status}", status=status)
    page = Page(status=status, headers=headers, body=_read(answer, ask, deadline))
    if status == 200 and page.content_type and page.content_type not in ask.accept:
        raise PermanentError(
            f"{ask.where} answered {page.content_type[:60]} where {ask.accept[0]} was expected", status=status
        )
    return page


def _read(answer: requests.Response, ask: Ask, deadline: float) -> bytes:
    body = bytearray()
    # One read at a time, as much as has come: waiting for a full chunk would outlast the deadline.
    while chunk := answer.raw.read1(CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > ask.max_bytes:
            raise PermanentError(f"{ask.where} answered more than {ask.max_bytes:,} bytes")
        if time.monotonic() > deadline:
            break
    if time.monotonic() > deadline:  # a connection that was cut reads like one that ended
        raise TransientError(f"{ask.where} was still sending after its time was up")
    for secret in ask.secrets:
        body = body.replace(secret.encode(), b"[hidden]")
    return bytes(body)


def _follow(answer: requests.Response, ask: Ask, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    here = urlsplit(answer.url)
    target = urljoin(answer.url, answer.headers["location"])
    there = urlsplit(target)
    if there.scheme not in ("http", "https") or (here.scheme, there.scheme) == ("https", "http"):
        raise PermanentError(f"{ask.where} redirects to {there.scheme}, which is not followed")
    if ask.secrets and there.netloc != here.netloc:
        raise PermanentError(f"{ask.where} redirects to another host, which must not learn the key")
    kept = headers if there.netloc == here.netloc else {"User-Agent": headers.get("User-Agent", "")}
    return target, kept


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After in both its forms (RFC 9110 §10.2.3), in seconds from now, at most an hour."""
    text = headers.get("retry-after", "").strip()
    seconds: float | None = None
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        with suppress(ValueError, OverflowError):
            at = parsedate_to_datetime(text)
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            seconds = (at - clock.now()).total_seconds()
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)


def _never_connected(error: Exception) -> bool:
    """Tell whether an error is one of making a connection. TLS may also break later, after the request."""
    if isinstance(error, requests.exceptions.SSLError):
        return True
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError):
            return True
        inner = next((a for a in cause.args if isinstance(a, BaseException)), None)
        reason = getattr(cause, "reason", None)
        cause = reason if isinstance(reason, BaseException) else inner
    return False


def _reason(error: Exception) -> str:
    """Say what went wrong without the URL that requests puts into its messages."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        inner = getattr(cause, "reason", None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__
    return type(error).__name__
