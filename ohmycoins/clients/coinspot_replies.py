"""Read CoinSpot's answers into values; pure.

Formats: coinspot.com.au/v2/api (samples of 2020 to 2025) and what live answers were seen to differ in:
numbers as strings, "NaN" on thin markets, `message` missing on success, `id` missing on completed
orders. Transfers are read by the documentation alone: no answer was ever recorded.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ohmycoins.core.money import loads_exact, parse_decimal
from ohmycoins.core.symbols import symbol

SIDES = {"buyorders": "buy", "sellorders": "sell"}


class BadReply(ValueError):
    """The answer is not what its call is documented to give."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that rests on, or went through, the order book."""

    id: str
    coin: str
    amount: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Traded:
    """An instant trade; the venue gives it no id."""

    coin: str
    amount: Decimal
    total: Decimal | None


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """What is left of an order on the book: coins, and the price of one in the market's coin."""

    id: str
    side: str
    coin: str
    market: str
    amount: Decimal
    rate: Decimal
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CompletedOrder:
    """A trade: coins that changed hands. Buys paid `aud_total`, sells received it; the fee is in it."""

    side: str
    kind: str
    coin: str
    market: str
    amount: Decimal
    rate: Decimal | None
    fee_aud: Decimal
    aud_total: Decimal | None
    at: datetime
    order_id: str | None

    @property
    def digest(self) -> str:
        """Give the same 32 hex digits for the same trade every time it is listed."""
        said = (self.side, self.kind, self.coin, self.market, self.amount, self.at, self.rate)
        return _digest(*said) if self.order_id is None else _digest(*said, self.order_id)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Cash or coins that came (positive) or went (negative); `coin` is AUD for cash."""

    kind: str
    coin: str
    amount: Decimal
    at: datetime
    reference: str

    @property
    def digest(self) -> str:
        """Give the same 32 hex digits for the same transfer every time it is listed."""
        return _digest(self.kind, self.coin, self.amount, self.at, self.reference)


def _digest(*said: str | Decimal | datetime | None) -> str:
    texts = [format(part.normalize(), "f") if isinstance(part, Decimal) else str(part) for part in said]
    return hashlib.blake2b(repr(texts).encode(), digest_size=16).hexdigest()


def read_status(body: bytes) -> dict[str, Any]:
    """Give the answer's fields when it says that all is well. Raises BadReply."""
    try:
        reply = loads_exact(body)
    except (ValueError, RecursionError) as error:
        raise BadReply("the answer is not JSON") from error
    if not isinstance(reply, dict) or reply.get("status") != "ok":
        raise BadReply(f"the answer's status is not ok: {message_of(reply) or 'no message'}")
    return reply


def message_of(reply: Any) -> str:
    """Give what an error answer says; version 1 said it in `status`."""
    if not isinstance(reply, dict):
        return ""
    return str(reply.get("message") or reply.get("status") or "")[:200]


def read_placed(reply: Mapping[str, Any]) -> Placed:
    """Read `/my/buy` and `/my/sell`. Raises BadReply without an id: it may or may not be placed."""
    identity = reply.get("id")
    if not isinstance(identity, str | int) or isinstance(identity, bool) or not str(identity).strip():
        raise BadReply("the answer has no order id")
    return Placed(str(identity), _coin(reply), _number(reply, "amount"), _number(reply, "rate"))


def read_traded(reply: Mapping[str, Any]) -> Traded:
    """Read `/my/buy/now`, `/my/sell/now` and `/my/swap/now`. Raises BadReply."""
    return Traded(_coin(reply), _number(reply, "amount"), _optional(reply, "total"))


def read_rate(reply: Mapping[str, Any]) -> Decimal:
    """Read a quote. Raises BadReply."""
    return _number(reply, "rate")


def read_balances(reply: Mapping[str, Any]) -> dict[str, Decimal]:
    """Read a list of one-key objects into {coin: amount}. Raises BadReply."""
    entries = reply.get("balances")
    if not isinstance(entries, list):
        raise BadReply("balances is not a list")
    found: dict[str, Decimal] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise BadReply("a balance is not an object")
        for coin, values in entry.items():
            found[_symbol(coin)] = _number(values, "balance")
    return found


def read_open_orders(reply: Mapping[str, Any]) -> tuple[OpenOrder, ...]:
    """Read the orders that rest on the book. Raises BadReply."""
    return tuple(
        OpenOrder(
            id=str(row.get("id") or ""), side=side, coin=_coin(row), market=str(row.get("market") or ""),
            amount=_number(row, "amount"), rate=_number(row, "rate"), created_at=_time(row, "created"),
        )
        for side, row in _rows(reply)
    )  # fmt: skip


def read_completed_orders(reply: Mapping[str, Any]) -> tuple[CompletedOrder, ...]:
    """Read trades; the fee is what the venue took before tax, and the tax. Raises BadReply."""
    return tuple(
        CompletedOrder(
            side=side, kind=str(row.get("type") or "market"), coin=_coin(row), market=str(row.get("market") or ""),
            amount=_number(row, "amount"), rate=_optional(row, "rate"),
            fee_aud=(_optional(row, "audfeeExGst") or Decimal(0)) + (_optional(row, "audGst") or Decimal(0)),
            aud_total=_optional(row, "audtotal"), at=_time(row, "solddate", "created"),
            order_id=str(row["id"]) if row.get("id") else None,
        )
        for side, row in _rows(reply)
    )  # fmt: skip


def read_cash(reply: Mapping[str, Any], name: str) -> tuple[Transfer, ...]:
    """Read `deposits` or `withdrawals` of AUD that are completed. Raises BadReply."""
    sign, kind = (1, "deposit") if name == "deposits" else (-1, "withdrawal")
    return tuple(
        Transfer(
            kind, "AUD", sign * _number(row, "amount"), _time(row, "created"), str(row.get("reference") or "")
        )
        for row in _list(reply, name)
        if str(row.get("status") or "completed").lower() == "completed"
    )


def read_coin_transfers(reply: Mapping[str, Any]) -> tuple[Transfer, ...]:
    """Read coins sent and received. Raises BadReply."""
    kinds = (("sendtransactions", "send", -1), ("receivetransactions", "receive", 1))
    return tuple(
        Transfer(kind, _coin(row), sign * _number(row, "amount"), _time(row, "timestamp", "created"),
                 str(row.get("txid") or row.get("address") or ""))
        for name, kind, sign in kinds
        for row in _list(reply, name)
    )  # fmt: skip


def _rows(reply: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, side in SIDES.items():
        for row in _list(reply, name):
            yield side, row


def _list(reply: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = reply.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadReply(f"{name} is not a list of objects")
    return rows


def _coin(row: Mapping[str, Any]) -> str:
    """Give the coin, which version 1 named in the market alone (ALGO/AUD)."""
    return _symbol(row.get("coin") or str(row.get("market") or "").partition("/")[0])


def _symbol(given: Any) -> str:
    found = symbol(given) if isinstance(given, str) else None
    if found is None:
        raise BadReply(f"{str(given)[:40]!r} is not a coin")
    return found


def _optional(row: Any, name: str) -> Decimal | None:
    return None if not isinstance(row, dict) or row.get(name) is None else _number(row, name)


def _number(row: Any, name: str) -> Decimal:
    given = row.get(name) if isinstance(row, Mapping) else None
    if isinstance(given, bool) or not isinstance(given, int | str | Decimal):
        raise BadReply(f"{name} is not a number")
    try:
        return parse_decimal(given.strip()) if isinstance(given, str) else Decimal(given)
    except ValueError as error:
        raise BadReply(f"{name} is not a number: {error}") from error


def _time(row: Mapping[str, Any], *names: str) -> datetime:
    given = next((row[name] for name in names if row.get(name)), None)
    try:
        at = datetime.fromisoformat(str(given))
    except ValueError as error:
        raise BadReply(f"{names[0]} {str(given)[:40]!r} is not a time") from error
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
