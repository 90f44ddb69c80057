"""Read a coin's order book against AUD, CoinSpot's `GET /pubapi/v2/orders/open/{coin}`.

Format (coinspot.com.au/v2/api, "Open Orders"; no live answer was recorded): `{"status": "ok",
"buyorders": [{"amount", "rate", "total", "coin", "market"}], "sellorders": […]}`, figures as JSON
numbers, `market` as "BTC/AUD". Orders at one price are one level. `total` is left aside: the
documentation's own does not add up. The answer carries no time, so a book occurred in the minute in
which it was read.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.ledgers.parsers.coinspot_prices import DECIMALS, LARGEST
from apps.ledgers.records import DEEPEST, DepthRecord, Level, Parsed, Reject, UnreadablePage
from ohmycoins.core.money import parse_decimal


def parse(body: bytes, observed_at: datetime, *, coin_type: str) -> Parsed:
    """Give the best levels of both sides, at most 20 each, sorted. One bad order never loses the others.

    A side of which no order can be read leaves the whole book out: its record would say that nobody
    offers anything. Raises UnreadablePage when the page is no order book.
    """
    page = _open(body)
    rejects: list[Reject] = []
    sides: dict[str, tuple[Level, ...]] = {}
    for side in ("buyorders", "sellorders"):
        orders = page.get(side)
        if not isinstance(orders, list):
            raise UnreadablePage(f"{side} is not a list")
        sides[side] = _levels(list(_read(orders, f"{coin_type} {side}", coin_type, rejects)), side)
        if orders and not sides[side]:
            return Parsed(records=(), rejects=tuple(rejects))
    record = DepthRecord(
        coin_type=coin_type, market="AUD", bids=sides["buyorders"], asks=sides["sellorders"],
        occurred_at=observed_at.replace(second=0, microsecond=0),
    )  # fmt: skip
    return Parsed(records=(record,), rejects=tuple(rejects))


def _open(body: bytes) -> dict[str, Any]:
    try:
        page = json.loads(body, parse_float=Decimal, parse_constant=str)  # a NaN costs one level, not all
    except (ValueError, RecursionError) as error:
        raise UnreadablePage(f"not JSON: {error}") from error
    if not isinstance(page, dict) or page.get("status") != "ok":
        message = page.get("message") if isinstance(page, dict) else None
        raise UnreadablePage(f"status is not ok: {str(message)[:200]}")
    return page


def _read(orders: list[Any], about: str, coin_type: str, rejects: list[Reject]) -> Iterator[Level]:
    for number, order in enumerate(orders):
        try:
            yield _level(order, coin_type)
        except ValueError as error:
            rejects.append(Reject(f"{about} {number}", str(error)))


def _level(order: Any, coin_type: str) -> Level:
    if not isinstance(order, dict):
        raise ValueError("is not an order")
    coin, market = str(order.get("coin", coin_type)).upper(), str(order.get("market", "AUD")).upper()
    if coin != coin_type or market not in ("AUD", f"{coin_type}/AUD"):
        raise ValueError(f"is for {coin[:20]} on {market[:40]}")
    return Level(price=_number(order, "rate"), quantity=_number(order, "amount"))


def _number(order: dict[str, Any], name: str) -> Decimal:
    given = order.get(name)
    if isinstance(given, bool) or not isinstance(given, str | int | Decimal):
        raise ValueError(f"{name} is missing or not a number")
    try:
        number = parse_decimal(given.strip()) if isinstance(given, str) else Decimal(given)
    except ValueError as error:
        raise ValueError(f"{name} is not a number") from error
    if not 0 < number < LARGEST:
        raise ValueError(f"{name} is not between 0 and {LARGEST:,}")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > DECIMALS:
        raise ValueError(f"{name} has more than {DECIMALS} decimals")
    return number


def _levels(orders: list[Level], side: str) -> tuple[Level, ...]:
    quantities: dict[Decimal, Decimal] = {}
    for order in orders:
        quantities[order.price] = quantities.get(order.price, Decimal(0)) + order.quantity
    best_first = sorted(quantities, reverse=side == "buyorders")[:DEEPEST]
    return tuple(Level(price=price, quantity=quantities[price]) for price in best_first)
