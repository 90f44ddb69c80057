"""Call CoinSpot's API, version 2 (coinspot.com.au/v2/api).

A signed call is one POST of a compact JSON body that holds the nonce; the header `sign` is the hex
HMAC-SHA512 of exactly those bytes. The nonce must rise with every call of a key, which makes it a fence:
a call that was overtaken is refused. So the caller allocates nonces, prepares a call, keeps its bytes,
and sends them once. Nothing here retries.

The paths that this client can call stand in `READ_PATHS` and `TRADE_PATHS`; no withdrawal is among them.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from django.conf import settings

from ohmycoins.clients import coinspot_replies as replies
from ohmycoins.core import http
from ohmycoins.core.errors import OutsideError, PermanentError, TransientError
from ohmycoins.core.http import Ask, Page
from ohmycoins.core.money import loads_exact, plain
from ohmycoins.core.sites import Site

LATEST = "/pubapi/v2/latest"
LATEST_SECONDS = 12.0  # three tries fit into a minute
OPEN_ORDERS = "/pubapi/v2/orders/open"
OPEN_ORDERS_SECONDS = 5.0  # one of many pages

READ_PATHS = frozenset(
    f"/api/v2/ro/{path}"
    for path in (
        "status", "my/balances", "my/orders/market/open", "my/orders/limit/open", "my/orders/completed",
        "my/orders/market/completed", "my/deposits", "my/withdrawals", "my/sendreceive",
    )
)  # fmt: skip
TRADE_PATHS = frozenset(
    f"/api/v2/{path}"
    for path in (
        "status", "quote/buy/now", "quote/sell/now", "my/buy", "my/sell", "my/buy/now", "my/sell/now",
        "my/buy/cancel", "my/sell/cancel",
    )
)  # fmt: skip
PAGE_ROWS = 500  # the most that one answer may hold

# What CoinSpot says when it has refused an order for good, in lower case. Any other message may mean
# anything, and is not taken for a refusal.
REFUSALS = (
    "insufficient funds", "not enough", "minimum", "coin not found", "coin disabled", "coin is disabled",
    "bad market", "market not found", "invalid amount", "invalid rate", "trading is disabled",
)  # fmt: skip


class NotSent(TransientError):
    """No byte of the call left this machine: it may be prepared and sent anew."""


class Refused(PermanentError):
    """The venue answered that it will not do this, in words that we know."""


class OutcomeUnknown(OutsideError):
    """The call may or may not have been carried out: ask the venue, never send it again."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key and its secret, which no repr shows."""

    key: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A call ready to be sent: the path, and the body exactly as it will be signed."""

    path: str
    body: bytes


def prepare(path: str, nonce: int, **inputs: str | int | Decimal) -> Call:
    """Write a call's body: compact JSON, decimals in plain notation as CoinSpot wants numbers.

    Raises ValueError for a path that this client does not call.
    """
    if path not in READ_PATHS | TRADE_PATHS:
        raise ValueError(f"{path} is not among the paths that this client calls")
    fields: dict[str, Any] = {"nonce": nonce} | {
        name: orjson.Fragment(plain(value)) if isinstance(value, Decimal) else value
        for name, value in inputs.items()
    }
    return Call(path=path, body=orjson.dumps(fields))


def send(call: Call, key: Key, *, total_seconds: float) -> dict[str, Any]:
    """Sign and send a call once, over a connection of its own, and give the fields of its answer.

    Raises NotSent, Refused or OutcomeUnknown; for a call that only reads, the last is merely a failure.
    """
    page = _post(call, key, total_seconds)
    try:
        return replies.read_status(page.body)
    except replies.BadReply as error:
        raise _judged(page.status, page.body, error) from error


def sign(body: bytes, secret: str) -> str:
    """Give the signature of a body: lower-case hex HMAC-SHA512."""
    return hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()


def _post(call: Call, key: Key, total_seconds: float) -> Page:
    ask = Ask(
        url=settings.COINSPOT_URL + call.path,
        method="POST",
        body=call.body,
        headers={
            "Content-Type": "application/json",
            "User-Agent": settings.COINSPOT_USER_AGENT,
            "key": key.key,
            "sign": sign(call.body, key.secret),
        },
        accept=(*http.JSON, *http.HTML),  # what an error page says is judged below
        statuses=tuple(range(200, 429)),
        secrets=(key.key, key.secret),
        total_seconds=total_seconds,
    )
    try:
        return http.request(ask)
    except TransientError as error:
        if error.unsent:
            raise NotSent(str(error)) from error
        raise OutcomeUnknown(str(error), status=error.status) from error
    except PermanentError as error:
        raise OutcomeUnknown(str(error), status=error.status) from error


def _judged(status: int, body: bytes, error: replies.BadReply) -> OutsideError:
    """Tell a refusal from everything else: a JSON error with a message that we know."""
    try:
        message = replies.message_of(loads_exact(body)).lower()
    except (ValueError, RecursionError):
        message = ""
    if any(refusal in message for refusal in REFUSALS):
        return Refused(f"CoinSpot refuses: {message}", status=status)
    return OutcomeUnknown(f"CoinSpot answered {status}: {error}", status=status)


def fetch_latest() -> Page:
    """Get the price list of every market with an order book.

    Raises TransientError or PermanentError (see `core.sites`).
    """
    return _site().get(settings.COINSPOT_URL + LATEST, total_seconds=LATEST_SECONDS)


def fetch_open_orders(coin_type: str) -> Page:
    """Get the public order book of a coin against AUD, which is asked for by no market's name.

    Raises TransientError or PermanentError (see `core.sites`).
    """
    url = f"{settings.COINSPOT_URL}{OPEN_ORDERS}/{coin_type.lower()}"
    return _site().get(url, about=coin_type, total_seconds=OPEN_ORDERS_SECONDS)


def _site() -> Site:
    return Site(name="coinspot", user_agent=settings.COINSPOT_USER_AGENT, calls=900, per_seconds=60)


def status(nonce: int, *, read_only: bool = False) -> Call:
    """Ask nothing; whoever gets an answer knows that every lower nonce of the key is spent."""
    return prepare("/api/v2/ro/status" if read_only else "/api/v2/status", nonce)


def place(nonce: int, *, side: str, coin: str, amount: Decimal, rate: Decimal) -> Call:
    """Put a limit order on the book: `amount` coins at `rate` AUD each."""
    return prepare(f"/api/v2/my/{side}", nonce, cointype=coin, amount=amount, rate=rate, markettype="AUD")


def trade_now(
    nonce: int, *, side: str, coin: str, amount: Decimal, rate: Decimal, threshold: Decimal
) -> Call:
    """Trade `amount` coins at CoinSpot's own price, not worse than `rate` by more than `threshold` %."""
    return prepare(
        f"/api/v2/my/{side}/now", nonce, cointype=coin, amounttype="coin", amount=amount, rate=rate,
        threshold=threshold, direction="UP" if side == "buy" else "DOWN",
    )  # fmt: skip


def quote_now(nonce: int, *, side: str, coin: str, amount: Decimal) -> Call:
    """Ask what an instant trade of `amount` coins would cost."""
    return prepare(f"/api/v2/quote/{side}/now", nonce, cointype=coin, amount=amount, amounttype="coin")


def cancel(nonce: int, *, side: str, order_id: str) -> Call:
    """Take an order off the book; an order that is gone already answers an error."""
    return prepare(f"/api/v2/my/{side}/cancel", nonce, id=order_id)


def balances(nonce: int) -> Call:
    return prepare("/api/v2/ro/my/balances", nonce)


def open_orders(nonce: int) -> Call:
    return prepare("/api/v2/ro/my/orders/market/open", nonce)


def completed_orders(nonce: int, *, since: date, until: date | datetime) -> Call:
    """Ask for the trades of [since, until], both days included (UTC); at most 500, the newest.

    `until` may be an instant, for paging within a day; it goes as epoch milliseconds.
    """
    return prepare(
        "/api/v2/ro/my/orders/completed",
        nonce,
        startdate=since.isoformat(),
        enddate=int(until.timestamp() * 1000) if isinstance(until, datetime) else until.isoformat(),
        limit=PAGE_ROWS,
    )


def transfers(nonce: int, what: str, *, since: date, until: date) -> Call:
    """Ask for `deposits`, `withdrawals` or `sendreceive` of [since, until]."""
    return prepare(f"/api/v2/ro/my/{what}", nonce, startdate=since.isoformat(), enddate=until.isoformat())
