"""Exact arithmetic, rounding, and numbers as text."""

import threading
from decimal import Decimal as D
from decimal import getcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ohmycoins.core.money import floor_quantity, loads_exact, parse_decimal, plain, round_aud


@pytest.mark.parametrize(
    ("number", "text"),
    [("1E+3", "1000"), ("0.500", "0.5"), ("-0.0", "0"), ("0E-8", "0"), ("1E-8", "0.00000001"), ("-12.30", "-12.3"),
     ("100", "100"), ("100000.00000000", "100000")],
)  # fmt: skip
def test_plain_has_no_exponent_and_no_trailing_zeros(number: str, text: str) -> None:
    assert plain(D(number)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=18))
def test_plain_keeps_the_value(number: D) -> None:
    assert D(plain(number)) == number
    assert "E" not in plain(number)


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        ("0.000000005", "0"),
        ("0.000000015", "0.00000002"),
        ("0.000000025", "0.00000002"),
        ("-0.000000015", "-0.00000002"),
    ],
)
def test_halves_round_to_even(amount: str, rounded: str) -> None:
    assert round_aud(D(amount)) == D(rounded)


def test_quantity_is_rounded_down() -> None:
    assert floor_quantity(D("1.999999999")) == D("1.99999999")


def test_products_of_stored_numbers_are_exact_in_every_thread() -> None:
    widest = D("12345678901234567890.123456789012345678")
    found: list[D] = []
    thread = threading.Thread(target=lambda: found.append(widest * widest))
    thread.start()
    thread.join()
    assert getcontext().prec == 78
    assert found == [widest * widest]
    assert widest * widest / widest == widest


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1_000", "", "x", "١", "1e999999", "0x10", "1 2", "--1"])
def test_parse_refuses_what_only_decimal_accepts(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        parse_decimal(text)


@pytest.mark.parametrize("text", ["1", "-1.5", "+2", ".5", "5.", "1e-8", "1E+3"])
def test_parse_reads_plain_and_exponent_notation(text: str) -> None:
    assert parse_decimal(text) == D(text)


@pytest.mark.parametrize("body", ['{"a": NaN}', "[Infinity]", "-Infinity", "{", b"\xff"])
def test_json_refuses_nan_and_infinity(body: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own messages
        loads_exact(body)


def test_json_fractions_are_decimals() -> None:
    assert loads_exact('{"a": 0.1, "b": 1e400}') == {"a": D("0.1"), "b": D("1e400")}
