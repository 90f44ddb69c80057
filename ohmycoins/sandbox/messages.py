"""Carry a request to a source and its answer back, without the server in between."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime, parsedate_to_datetime
from enum import StrEnum
from typing import Any, Protocol, Self, TypeVar

import orjson

from ohmycoins.core.money import plain

JSON = "application/json"
HTML = "text/html; charset=utf-8"
XML = "application/xml"
YEAR = timedelta(days=365)


class Item(Protocol):
    """Something a source lists: it can be told differently, and dated differently."""

    def restated(self) -> Self:
        """Give the same item, changed by its source afterwards."""
        ...

    def moved(self, by: timedelta) -> Self:
        """Give the same item at another time."""
        ...


AnyItem = TypeVar("AnyItem", bound=Item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asked, when, and which fault the source suffers from."""

    method: str
    path: str
    """Without the query and without a slash at the end."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    body: bytes = b""
    now: datetime
    base: str
    """The sandbox's own address, for links that lead back to it."""
    fault: str | None = None

    def twisted(self, items: Sequence[AnyItem]) -> list[AnyItem]:
        """Give the items as the source lists them: as they are, unless its fault is one of content."""
        if self.fault == "duplicates":
            return [item for item in items for _ in range(2)]
        if self.fault == "restated":
            return [item.restated() for item in items]
        if self.fault == "future":
            return [item.moved(YEAR) for item in items]
        return list(items)


class Manner(StrEnum):
    """How an answer's body is sent."""

    WHOLE = "whole"
    DRIP = "drip"  # a byte at a time
    CUT = "cut"  # half of what Content-Length says
    NOTHING = "nothing"  # not even a status: the connection just ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to send back. Content-Length and Date are the server's business."""

    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    manner: Manner = Manner.WHOLE


def as_json(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Write an answer in JSON."""
    return Answer(status=status, headers=headers or {}, body=json.dumps(content).encode())


def as_exact_json(content: Any, *, status: int = 200) -> Answer:
    """Write an answer in JSON with decimals as plain numbers, and times as CoinSpot writes them."""
    body = orjson.dumps(content, default=_exact, option=orjson.OPT_PASSTHROUGH_DATETIME)
    return Answer(status=status, body=body)


def _exact(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(plain(value))
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"
    raise TypeError(f"{type(value).__name__} is not for JSON")


def if_changed(request: Request, answer: Answer, changed_at: datetime) -> Answer:
    """Give the answer with its validators, or a 304 to a client that has it already (RFC 9110 §13).

    What a source sends while it is at fault has no validators: nobody should remember it.
    """
    if request.fault:
        return answer
    tag = f'"{hashlib.blake2b(answer.body, digest_size=12).hexdigest()}"'
    changed_at = changed_at.replace(microsecond=0)
    validators = {"ETag": tag, "Last-Modified": format_datetime(changed_at, usegmt=True)}
    if _is_known(request.headers, tag, changed_at):
        return Answer(status=304, headers=validators)
    return replace(answer, headers={**answer.headers, **validators})


def _is_known(headers: Mapping[str, str], tag: str, changed_at: datetime) -> bool:
    if tags := headers.get("if-none-match"):  # it alone decides where it is given
        return tag in {given.strip().removeprefix("W/") for given in tags.split(",")} or tags.strip() == "*"
    try:
        return changed_at <= parsedate_to_datetime(headers.get("if-modified-since", ""))
    except (ValueError, TypeError):  # missing, unreadable, or without a zone: not to be heeded
        return False
