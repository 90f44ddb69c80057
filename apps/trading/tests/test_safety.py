"""Sizing and the safety rules, as tables."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from apps.trading.records import Bounds, Quote, Sizing, Standing
from apps.trading.safety import check, check_funds, check_limits, check_market, check_permission, size, unlike
from apps.trading.tests.factories import ticket

NOW = datetime(2026, 3, 2, tzinfo=UTC)
QUOTE = Quote(bid=D(99), ask=D(100), last=D(99), observed_at=NOW)
FEE = D("0.001")


@pytest.mark.parametrize(
    ("side", "amounts", "expected"),
    [
        # A market buy may cost the ask, five per cent, and the fee: 1 × 105 × 1.001.
        (
            "buy",
            {"quantity": "1"},
            Sizing(D(1), D(105), D(100), reserved_aud=D("105.105"), reserved_quantity=D(0)),
        ),
        ("buy", {"quantity": "1", "price": "90"}, Sizing(D(1), D(90), D(90), D("90.09"), D(0))),
        ("sell", {"quantity": "2"}, Sizing(D(2), D("94.05"), D(99), D(0), reserved_quantity=D(2))),
        ("sell", {"quantity": "2", "price": "120"}, Sizing(D(2), D(120), D(120), D(0), D(2))),
        # 1000 / 100.1 = 9.99000999…, rounded down to 8 decimals; its reserve is rounded up.
        ("buy", {"amount_aud": "1000"}, Sizing(D("9.99000999"), D(105), D(100), D(1050), D(0))),
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
    return Standing(**({"available_aud": D(1000), "available_quantity": D(1)} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "amounts", "standing", "codes"),
    [
        ("buy", {"quantity": "1"}, funds(available_aud=D("105.105")), []),
        ("buy", {"quantity": "1"}, funds(available_aud=D("105.10499999")), ["INSUFFICIENT_CASH"]),
        ("sell", {"quantity": "1"}, funds(), []),
        ("sell", {"quantity": "1.00000001"}, funds(), ["INSUFFICIENT_HOLDINGS"]),
        ("sell", {"quantity": "1"}, funds(available_quantity=D(0)), ["INSUFFICIENT_HOLDINGS"]),
        ("buy", {"amount_aud": "0.00000001"}, funds(), ["QUANTITY_TOO_SMALL"]),
        ("buy", {"amount_aud": "100100000000000"}, funds(available_aud=D(10) ** 16), ["QUANTITY_TOO_LARGE"]),
        ("buy", {"quantity": "1"}, funds(bounds=Bounds(max_order_aud=D(100))), []),
        ("buy", {"quantity": "1"}, funds(bounds=Bounds(max_order_aud=D("99.99999999"))), ["ORDER_TOO_LARGE"]),
        ("sell", {"quantity": "1"}, funds(bounds=Bounds(max_order_aud=D(1))), []),
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


@pytest.mark.parametrize(
    ("side", "standing", "codes"),
    [
        ("buy", {}, []),
        ("buy", {"stop": "halted"}, ["EMERGENCY_STOP"]),
        ("sell", {"stop": "halted"}, ["EMERGENCY_STOP"]),
        ("buy", {"stop": "reduce_only"}, ["EMERGENCY_STOP"]),
        ("sell", {"stop": "reduce_only"}, []),
        ("sell", {"stop": "something else"}, ["EMERGENCY_STOP"]),
        ("sell", {"status": "inactive"}, ["ACCOUNT_NOT_ACTIVE"]),
        ("buy", {"status": "reduce_only"}, ["ACCOUNT_REDUCE_ONLY"]),
        ("sell", {"status": "reduce_only"}, []),
        ("buy", {"deployment_status": "paused"}, ["DEPLOYMENT_NOT_ACTIVE"]),
        ("buy", {"deployment_status": "stopped"}, ["DEPLOYMENT_NOT_ACTIVE"]),
        ("sell", {"deployment_status": "stopped"}, []),
        ("sell", {"refusal": "No keys."}, ["VENUE_NOT_READY"]),
        ("buy", {"in_review": True}, ["REVIEW_PENDING"]),
        ("sell", {"in_review": True}, []),
        ("buy", {"stop": "halted", "status": "inactive", "refusal": "x", "in_review": True},
         ["EMERGENCY_STOP", "ACCOUNT_NOT_ACTIVE", "VENUE_NOT_READY", "REVIEW_PENDING"]),
    ],
)  # fmt: skip
def test_stop_account_and_venue_permit_or_refuse(side: str, standing: Any, codes: list[str]) -> None:
    found = check_permission(ticket(side, quantity=1), Standing(**standing))
    assert [denial.code for denial in found] == codes


# The specification's examples: equity 10,000, limits 2,000 / 500 / 3,000.
EXAMPLE = {"equity_aud": D(10_000), "day_start_aud": D(10_000)}


@pytest.mark.parametrize(
    ("quantity", "standing", "codes"),
    [
        (5, {}, []),
        (20, {}, []),
        ("20.00000001", {}, ["POSITION_LIMIT"]),
        (30, {}, ["POSITION_LIMIT"]),
        (1, {"position_aud": D(6_000)}, ["POSITION_LIMIT"]),
        (1, {"day_loss_aud": D("499.99999999")}, []),
        (1, {"day_loss_aud": D(500)}, ["DAILY_LOSS_LIMIT"]),
        (1, {"day_loss_aud": D(-9_000)}, []),
        (5, {"algorithm_aud": D(2_500)}, []),
        ("5.00000001", {"algorithm_aud": D(2_500)}, ["ALGORITHM_LIMIT"]),
        (5, {"algorithm_aud": None}, []),
        (10, {"volatile": True}, []),
        (11, {"volatile": True}, ["POSITION_LIMIT"]),
        (1, {"volatile": True, "day_loss_aud": D(250)}, ["DAILY_LOSS_LIMIT"]),
        (1, {"equity_aud": D(0), "day_start_aud": D(0)}, ["POSITION_LIMIT"]),
        (1, {"bounds": Bounds(max_position_percent=D("0.99"))}, ["POSITION_LIMIT"]),
        (1, {"bounds": Bounds(max_daily_loss_percent=D(1)), "day_loss_aud": D(100)}, ["DAILY_LOSS_LIMIT"]),
        (1, {"bounds": Bounds(max_algorithm_percent=D(1)), "algorithm_aud": D(1)}, ["ALGORITHM_LIMIT"]),
        (30, {"position_aud": D(1), "day_loss_aud": D(500), "algorithm_aud": D(1)},
         ["POSITION_LIMIT", "DAILY_LOSS_LIMIT", "ALGORITHM_LIMIT"]),
    ],
)  # fmt: skip
def test_position_loss_and_share_limit_purchases_and_never_sales(
    quantity: Any, standing: Any, codes: list[str]
) -> None:
    for side, expected in (("buy", codes), ("sell", [])):
        asked = ticket(side, quantity=quantity)
        found = check_limits(asked, size(asked, QUOTE, FEE), Standing(**(EXAMPLE | standing)))
        assert [denial.code for denial in found] == expected


def test_limit_order_is_valued_at_its_own_price() -> None:
    asked = ticket(quantity=30, price=60)
    assert check_limits(asked, size(asked, QUOTE, FEE), Standing(**EXAMPLE)) == ()  # type: ignore[arg-type]


def test_rules_are_given_in_the_documented_order() -> None:
    asked = ticket(quantity=300)
    standing = Standing(stop="halted", available_aud=D(1), day_loss_aud=D(9_000), **EXAMPLE)  # type: ignore[arg-type]
    stale = check_market(asked, known=True, quote=QUOTE, mode="live", now=NOW + timedelta(minutes=5))
    found = check(asked, size(asked, QUOTE, FEE), standing, stale)
    assert [denial.code for denial in found] == [
        "EMERGENCY_STOP", "STALE_PRICE", "INSUFFICIENT_CASH", "POSITION_LIMIT", "DAILY_LOSS_LIMIT",
    ]  # fmt: skip


STEP = D("0.00000001")


@pytest.mark.parametrize(
    ("quantity", "taken", "price", "expected"),
    [
        ("0.1", [], "100000", "0.1"),
        ("0.1", ["0.1"], "100000", "0.09999999"),
        ("0.1", ["0.1", "0.09999999"], "100000", "0.09999998"),
        ("0.1", ["0.1", "0.09999998"], "100000", "0.09999999"),
        # A$0.05 at 100,000 is 50 steps; the 51st twin is one too many.
        ("0.1", [str(D("0.1") - STEP * n) for n in range(50)], "100000", "0.0999995"),
        ("0.1", [str(D("0.1") - STEP * n) for n in range(51)], "100000", None),
        # 0.05 % of so little is less than a step.
        ("0.00001", ["0.00001"], "1", None),
    ],
)
def test_amounts_are_lowered_until_they_are_unlike(
    quantity: str, taken: list[str], price: str, expected: str | None
) -> None:
    found = unlike(D(quantity), {D(other) for other in taken}, D(price))
    assert found == (None if expected is None else D(expected))
