"""Read query parameters; each error names what was given and what is accepted."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime

from rest_framework.request import Request

from ohmycoins.core import clock
from ohmycoins.core.errors import Invalid
from ohmycoins.core.symbols import symbol

YEARS = range(1900, 9999)
"""What has a next day, in every time zone."""


def symbol_param(request: Request, name: str) -> str | None:
    """Read an optional coin symbol from the query. Raises Invalid."""
    text = request.query_params.get(name)
    if text is None:
        return None
    found = symbol(text)
    if found is None:
        raise Invalid(f"{name}={text!r} is not a coin's symbol: 1 to 20 letters and digits, such as BTC")
    return found


def text_param(request: Request, name: str) -> str | None:
    """Read an optional text from the query. Raises Invalid."""
    text = request.query_params.get(name)
    if text is not None and "\x00" in text:
        raise Invalid(f"{name} holds a NUL character, which no text here does")
    return text


def instant_param(request: Request, name: str) -> datetime | None:
    """Read an optional instant from the query; without an offset it is UTC. Raises Invalid."""
    text = request.query_params.get(name)
    return None if text is None else parse_instant(text, name)


def parse_instant(text: str, name: str) -> datetime:
    # A "+" that was not percent-encoded arrives as a space.
    restored = re.sub(r" (\d\d:?\d\d)\Z", r"+\1", text)
    try:
        instant = datetime.fromisoformat(restored)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{name}={text!r} is not an ISO 8601 time, such as 2026-03-01T09:30:00Z") from error


def date_or_instant_param(request: Request, name: str) -> date | datetime | None:
    """Read an optional date (a whole local day) or instant from the query, of YEARS. Raises Invalid."""
    text = request.query_params.get(name)
    if text is None:
        return None
    found: date | datetime
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = parse_instant(text, name)
    if found.year not in YEARS:
        raise Invalid(f"{name}={text!r} is not in the years {YEARS[0]} to {YEARS[-1]}")
    return found


def as_of_param(request: Request) -> datetime | None:
    """Read `as_of`, which may not lie ahead: nobody knows yet what will be known. Raises Invalid."""
    instant = instant_param(request, "as_of")
    if instant is not None and instant > (now := clock.now()):
        raise Invalid(f"as_of={instant.isoformat()} lies in the future; it is {now.isoformat()}")
    return instant


def id_param(request: Request, name: str, *, or_else: str = "") -> int | None:
    """Read an optional id from the query; `or_else` is what the caller takes too. Raises Invalid."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        also = f", or {or_else}" if or_else else ""
        raise Invalid(f"{name}={text!r} is not an id: a whole number{also}")
    return int(text)


def int_param(request: Request, name: str, least: int, most: int) -> int | None:
    """Read an optional whole number from the query. Raises Invalid."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19 and least <= int(text) <= most):
        raise Invalid(f"{name}={text!r} is not a whole number from {least} to {most}")
    return int(text)


def choice_param(request: Request, name: str, choices: Iterable[str]) -> str | None:
    """Read an optional word from the query. Raises Invalid."""
    text, accepted = request.query_params.get(name), list(choices)
    if text is not None and text not in accepted:
        raise Invalid(f"{name}={text!r} is not one of: {', '.join(accepted)}")
    return text
