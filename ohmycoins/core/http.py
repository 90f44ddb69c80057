"""Fetch a page from an outside source, within limits.

One call is one request: nothing here retries. A collector's next scheduled run is its retry, and an
order is never sent twice.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
import urllib3

from ohmycoins.core.errors import PermanentError, TransientError

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
TOTAL_SECONDS = 20.0
MAX_BYTES = 8 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """What a source answered: the status, lower-case header names, and the decompressed body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(
    url: str,
    *,
    user_agent: str,
    accept: str = "application/json",
    total_seconds: float = TOTAL_SECONDS,
    max_bytes: int = MAX_BYTES,
) -> Page:
    """GET `url` and return the page of a 200.

    The whole call ends within `total_seconds`, however slowly the body drips, and holds at most
    `max_bytes` after decompression. Redirects are not followed. Messages name the host and path and
    leave the query out, since some sources carry their key there.

    Raises TransientError (no answer, cut body, 429, 5xx) or PermanentError (any other status, a body
    over the limit).
    """
    parts = urlsplit(url)
    where = f"{parts.netloc}{parts.path}"
    deadline = time.monotonic() + total_seconds
    try:
        with requests.get(
            url,
            headers={"User-Agent": user_agent, "Accept": accept},
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as answer:
            if answer.status_code == 429 or answer.status_code >= 500:
                raise TransientError(f"{where} answered {answer.status_code}")
            if answer.status_code != 200:
                raise PermanentError(f"{where} answered {answer.status_code}")
            body = _read(answer, where, deadline, max_bytes)
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Page(status=answer.status_code, headers=headers, body=body)
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise TransientError(f"{where} did not answer in time") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise TransientError(f"{where} could not be reached: {_reason(error)}") from error


def _read(answer: requests.Response, where: str, deadline: float, max_bytes: int) -> bytes:
    body = bytearray()
    # One read at a time, as much as has come: waiting for a full chunk would outlast the deadline.
    while chunk := answer.raw.read1(CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > max_bytes:
            raise PermanentError(f"{where} answered more than {max_bytes:,} bytes")
        if time.monotonic() > deadline:
            raise TransientError(f"{where} was still sending after its time was up")
    return bytes(body)


def _reason(error: Exception) -> str:
    """Say what went wrong without the URL that requests puts into its messages."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        inner = getattr(cause, "reason", None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__
    return type(error).__name__
