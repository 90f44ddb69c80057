"""Read CoinSpot's public price list, `GET /pubapi/v2/latest`.

Format (coinspot.com.au/v2/api; live answers recorded 2025): `{"status": "ok", "prices": {"btc":
{"bid", "ask", "last"}, "btc_usdt": {…}}}`. The documentation shows numbers and a `message`; live
answers have strings and none. Thin markets are priced "NaN". The list carries no time, so a price
occurred in the minute in which it was read, and the first reading of a minute stands.
"""

import json
from datetime import datetime
from decimal import Decimal

from apps.ledgers.records import Parsed, PriceRecord, Reject, UnreadablePage
from ohmycoins.core.money import parse_decimal
from ohmycoins.core.symbols import is_symbol

SIDES = ("bid", "ask", "last")
LARGEST = Decimal(10) ** 18
DECIMALS = 18


def parse(body: bytes, observed_at: datetime) -> Parsed:
    """Give every market's prices. One bad market never loses the others.

    Raises UnreadablePage when the page is not a price list.
    """
    minute = observed_at.replace(second=0, microsecond=0)
    records: list[PriceRecord] = []
    rejects: list[Reject] = []
    unpriced: list[str] = []
    for key, prices in _price_list(body).items():
        coin_type, _, market = key.upper().partition("_")
        market = market or "AUD"
        if not (is_symbol(coin_type) and is_symbol(market)):
            rejects.append(Reject(key[:40], "not a coin or coin_market"))
            continue
        try:
            bid, ask, last = (_price(prices, side) for side in SIDES)
        except _Unpriced:
            unpriced.append(key)
        except ValueError as error:
            rejects.append(Reject(key, str(error)))
        else:
            records.append(PriceRecord(coin_type, market, bid, ask, last, occurred_at=minute))
    return Parsed(records=tuple(records), rejects=tuple(rejects), unpriced=tuple(unpriced))


class _Unpriced(Exception):
    """The venue says "NaN"."""


def _price_list(body: bytes) -> dict[str, object]:
    try:
        page = json.loads(body, parse_float=Decimal, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise UnreadablePage(f"not JSON: {error}") from error
    if not isinstance(page, dict) or page.get("status") != "ok":
        message = page.get("message") if isinstance(page, dict) else None
        raise UnreadablePage(f"status is not ok: {str(message)[:200]}")
    prices = page.get("prices")
    if not isinstance(prices, dict) or not all(isinstance(entry, dict) for entry in prices.values()):
        raise UnreadablePage("prices is not a map of markets")
    return prices


def _price(prices: object, side: str) -> Decimal:
    given = prices.get(side) if isinstance(prices, dict) else None
    if isinstance(given, bool) or not isinstance(given, str | int | Decimal):
        raise ValueError(f"{side} is missing or not a number")
    if isinstance(given, str) and given.strip().lower() == "nan":
        raise _Unpriced
    try:
        price = parse_decimal(given.strip()) if isinstance(given, str) else Decimal(given)
    except ValueError as error:
        raise ValueError(f"{side} is not a number") from error
    if not 0 < price < LARGEST:
        raise ValueError(f"{side} is not between 0 and {LARGEST:,}")
    exponent = price.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > DECIMALS:
        raise ValueError(f"{side} has more than {DECIMALS} decimals")
    return price
