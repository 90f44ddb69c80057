"""Sizing and the safety rules, as tables."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest

from apps.trading.records import Quote, Sizing, Standing
from apps.trading.safety import check_funds, check_market, size
from apps.trading.tests.factories import ticket

NOW = datetime(2026, 3, 2, tzinfo=UTC)
QUOTE = Quote(bid=D(99), ask=D(100), last=D(99), observed_at=NOW)
FEE = D("0.001")


@pytest.mark.parametrize(
    ("side", "amounts", "expected"),
    [
        # A market buy may cost the ask, five per cent, and the fee: 1 × 105 × 1.001.
        ("buy", {"quantity": "1"}, Sizing(D(1), D(105), reserved_aud=D("105.105"), reserved_quantity=D(0))),
        ("buy", {"quantity": "1", "price": "90"}, Sizing(D(1), D(90), D("90.09"), D(0))),
        ("sell", {"quantity": "2"}, Sizing(D(2), D("94.05"), D(0), reserved_quantity=D(2))),
        ("sell", {"quantity": "2", "price": "120"}, Sizing(D(2), D(120), D(0), D(2))),
        # 1000 / 100.1 = 9.99000999…, rounded down to 8 decimals; its reserve is rounded up.
        ("buy", {"amount_aud": "1000"}, Sizing(D("9.99000999"), D(105), D(1050), D(0))),
    ],
)
def test_ticket_is_sized(side: str, amounts: dict[str, str], expected: Sizing) -> None:
    assert size(ticket(side, **amounts), QUOTE, FEE) == expected


def test_amount_never_buys_more_than_it_pays_for() -> None:
    sizing = size(ticket(amount_aud="0.01"), QUOTE, FEE)
    assert sizing.quantity * QUOTE.ask * (1 + FEE) <= D("0.01")


@pytest.mark.parametrize(
    ("bid", "ask", "last", "mark"),
    [(99, 100, "99.5", "99.5"), (99, 100, 120, 100), (99, 100, 50, 99), (11111, 222222, "1111.11", 11111), (12, 11, 20, 12)],
)  # fmt: skip
def test_mark_is_the_last_price_held_within_bid_and_ask(bid: int, ask: int, last: str, mark: str) -> None:
    assert Quote(D(bid), D(ask), D(last), NOW).mark == D(mark)


@pytest.mark.parametrize(
    ("side", "age", "mode", "codes"),
    [
        ("buy", 600, "paper", []),
        ("buy", 601, "paper", ["STALE_PRICE"]),
        ("buy", 150, "live", []),
        ("buy", 151, "live", ["STALE_PRICE"]),
        ("sell", 86_400, "paper", []),
    ],
)
def test_nothing_is_bought_on_a_stale_price_and_everything_can_be_sold(
    side: str, age: int, mode: str, codes: list[str]
) -> None:
    denials = check_market(
        ticket(side, quantity=1), known=True, quote=QUOTE, mode=mode, now=NOW + timedelta(seconds=age)
    )
    assert [denial.code for denial in denials] == codes


def test_unknown_coin_and_coin_without_order_book_are_told_apart() -> None:
    unknown = check_market(ticket(quantity=1), known=False, quote=None, mode="paper", now=NOW)
    bookless = check_market(ticket(quantity=1), known=True, quote=None, mode="paper", now=NOW)
    assert [denial.code for denial in unknown + bookless] == ["UNKNOWN_COIN", "NO_ORDER_BOOK"]


def funds(**changes: object) -> Standing:
    return Standing(**({"is_active": True, "available_aud": D(1000), "available_quantity": D(1)} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "amounts", "standing", "codes"),
    [
        ("buy", {"quantity": "1"}, funds(available_aud=D("105.105")), []),
        ("buy", {"quantity": "1"}, funds(available_aud=D("105.10499999")), ["INSUFFICIENT_CASH"]),
        ("sell", {"quantity": "1"}, funds(), []),
        ("sell", {"quantity": "1.00000001"}, funds(), ["INSUFFICIENT_HOLDINGS"]),
        ("sell", {"quantity": "1"}, funds(available_quantity=D(0)), ["INSUFFICIENT_HOLDINGS"]),
        ("buy", {"quantity": "1"}, funds(is_active=False), ["ACCOUNT_NOT_ACTIVE"]),
        ("buy", {"amount_aud": "0.00000001"}, funds(), ["QUANTITY_TOO_SMALL"]),
        ("buy", {"amount_aud": "100100000000000"}, funds(available_aud=D(10) ** 16), ["QUANTITY_TOO_LARGE"]),
        ("buy", {"quantity": "100"}, funds(is_active=False), ["ACCOUNT_NOT_ACTIVE", "INSUFFICIENT_CASH"]),
    ],
)
def test_funds_are_checked_to_the_last_digit(
    side: str, amounts: dict[str, str], standing: Standing, codes: list[str]
) -> None:
    asked = ticket(side, **amounts)
    assert [denial.code for denial in check_funds(asked, size(asked, QUOTE, FEE), standing)] == codes


def test_denial_says_limit_and_value() -> None:
    asked = ticket(quantity=100)
    (denial,) = check_funds(asked, size(asked, QUOTE, FEE), funds())
    assert (denial.limit, denial.value) == ("1000", "10510.5")
