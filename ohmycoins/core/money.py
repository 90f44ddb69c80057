"""Compute with prices, quantities and amounts, exactly.

Importing this module raises the decimal precision of every thread to 78 digits, enough for the
product of any two stored numbers (38 digits each), so that only `round_aud` and `floor_quantity`
ever round. Python's default of 28 would round silently.
"""

import decimal
import json
import re
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

PRECISION = 78
AUD_STEP = Decimal("0.00000001")
QUANTITY_STEP = Decimal("0.00000001")
PRICE_STEP = Decimal(1).scaleb(-18)
CENT = Decimal("0.01")
ZERO = Decimal(0)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,5})?\Z", re.ASCII)

decimal.DefaultContext.prec = PRECISION  # threads started later copy it
decimal.getcontext().prec = PRECISION


def round_aud(amount: Decimal) -> Decimal:
    """Round to the 8 decimals an AUD amount is kept with, half to even."""
    return amount.quantize(AUD_STEP, rounding=ROUND_HALF_EVEN)


def floor_quantity(quantity: Decimal) -> Decimal:
    """Round down to the 8 decimals an order's quantity may have."""
    return quantity.quantize(QUANTITY_STEP, rounding=ROUND_DOWN)


def split(total: Decimal, parts: int, step: Decimal) -> list[Decimal]:
    """Cut `total` into equal parts, rounded down to `step`; the last one takes what is left, so they add up to it.

    >>> split(Decimal(100), 3, Decimal("0.01"))
    [Decimal('33.33'), Decimal('33.33'), Decimal('33.34')]
    """
    each = (total / parts).quantize(step, rounding=ROUND_DOWN)
    return [each] * (parts - 1) + [total - each * (parts - 1)]


def plain(number: Decimal) -> str:
    """Write a number in plain notation, without exponent or trailing zeros.

    >>> plain(Decimal("1E+3")), plain(Decimal("0.500")), plain(Decimal("-0.0"))
    ('1000', '0.5', '0')
    """
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def parse_decimal(text: str) -> Decimal:
    """Read a finite number in plain or exponent notation.

    Raises ValueError for anything else that Decimal would accept: NaN, Infinity, "1_000", digits of
    other scripts.
    """
    if not _NUMBER.match(text):
        raise ValueError(f"{text[:40]!r} is not a number")
    return Decimal(text)


def loads_exact(body: str | bytes) -> object:
    """Parse JSON with every fraction as a Decimal.

    Raises ValueError for malformed JSON and for the NaN and Infinity that `json` would accept.
    """
    return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")
