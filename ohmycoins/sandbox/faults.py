"""Make a source fail on request, in the ways in which real ones do."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import cache

from ohmycoins.sandbox.messages import HTML, Answer, Manner

CONTENT = ("duplicates", "restated", "future")  # see Request.twisted
FROZEN = "frozen"  # answers as at the instant at which the fault was set; see Sandbox.answer
RETRY_AFTER = timedelta(seconds=30)
BOMB_BYTES = 1024**3
BLOCK_BYTES = 1024**2


class UnknownFault(ValueError):
    """There is no such source or fault; the message names those there are."""


def parse_spec(spec: str, sources: tuple[str, ...]) -> dict[str, str | None]:
    """Read faults by source, such as "sec=down,reddit=429". Raises UnknownFault."""
    faults: dict[str, str | None] = {}
    for part in filter(None, (part.strip() for part in spec.split(","))):
        source, equals, fault = (text.strip() for text in part.partition("="))
        if not equals:
            raise UnknownFault(f"{part!r} is not a fault: write SOURCE=FAULT, such as sec=down")
        faults[source] = fault
    check(faults, sources)
    return faults


def check(faults: Mapping[str, object], sources: tuple[str, ...]) -> None:
    """Refuse what names no source or no fault; None stands for no fault. Raises UnknownFault."""
    for source, fault in faults.items():
        if source not in sources:
            raise UnknownFault(f"there is no source {source!r}: use one of {', '.join(sources)}")
        if fault is not None and fault not in NAMES:
            raise UnknownFault(f"there is no fault {fault!r} (for {source}): use one of {', '.join(NAMES)}")


def spoil(answer: Answer, fault: str | None, now: datetime) -> Answer:
    """Give the answer as `fault` leaves it."""
    return _SPOILED[fault](answer, now) if fault in _SPOILED else answer


def _refusal(status: int, heading: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status=status, content_type=HTML, headers=headers or {}, body=_page(heading))


def _page(heading: str) -> bytes:
    page = f"<!DOCTYPE html>\n<html><head><title>{heading}</title></head><body><h1>{heading}</h1></body></html>\n"
    return page.encode()


def _too_many(retry_after: str) -> Answer:
    return _refusal(429, "Too Many Requests", {"Retry-After": retry_after})


def _half(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _bomb(answer: Answer, now: datetime) -> Answer:
    headers = {**answer.headers, "Content-Encoding": "gzip"}
    return replace(answer, headers=headers, body=gzip.compress(_half(answer.body), mtime=0) + _padding())


@cache
def _padding() -> bytes:
    """Give a GiB of spaces as gzip members, which may follow one another (RFC 1952 §2.2)."""
    return gzip.compress(b" " * BLOCK_BYTES, mtime=0) * (BOMB_BYTES // BLOCK_BYTES)


_SPOILED: dict[str | None, Callable[[Answer, datetime], Answer]] = {
    "down": lambda answer, now: replace(answer, manner=Manner.NOTHING),
    "503": lambda answer, now: _refusal(503, "Service Unavailable"),
    "drip": lambda answer, now: replace(answer, manner=Manner.DRIP),
    "429": lambda answer, now: _too_many(f"{RETRY_AFTER.seconds}"),
    "429-date": lambda answer, now: _too_many(format_datetime(now + RETRY_AFTER, usegmt=True)),
    "403": lambda answer, now: _refusal(403, "Access Denied"),
    "html": lambda answer, now: _refusal(200, "We will be right back"),
    "cut": lambda answer, now: replace(answer, manner=Manner.CUT),
    "cut-json": lambda answer, now: replace(answer, body=_half(answer.body)),
    "bomb": _bomb,
}
NAMES = (*filter(None, _SPOILED), *CONTENT, FROZEN)
