"""FIFO as tables, as properties, and on cases with answers that others computed."""

import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.pnl.fifo import OpenLot, lots_for, match
from ohmycoins.core.money import round_aud

CASES = Path(__file__).parents[4] / "shared" / "data" / "fifo_pnl" / "cases.json"


def lot(number: int, quantity: str, cost: str, book: int | None = None) -> OpenLot:
    return OpenLot(id=number, book=book, remaining_quantity=D(quantity), remaining_cost=D(cost))


@pytest.mark.parametrize(
    ("lots", "sale", "slices", "realized", "unmatched"),
    [
        # lots before (quantity, cost); sale (quantity, net proceeds); slices (lot, quantity, cost, proceeds)
        ([("1", "50000")], ("1", "55000"), [(1, "1", "50000", "55000")], "5000", "0"),
        ([("1", "50000"), ("1", "51000")], ("1", "53000"), [(1, "1", "50000", "53000")], "3000", "0"),
        ([("10", "10000")], ("3", "9000"), [(1, "3", "3000", "9000")], "6000", "0"),
        (
            [("1", "100"), ("2", "300")], ("2", "500"),
            [(1, "1", "100", "250"), (2, "1", "150", "250")], "250", "0",
        ),
        # A third of 100 is rounded once; the last slice takes what is left.
        ([("3", "100")], ("1", "50"), [(1, "1", "33.33333333", "50")], "16.66666667", "0"),
        ([("2", "66.66666667")], ("2", "100"), [(1, "2", "66.66666667", "100")], "33.33333333", "0"),
        # Coins that no lot explains keep their share of the proceeds, unbooked.
        ([("1", "10")], ("4", "100"), [(1, "1", "10", "25")], "15", "3"),
        ([], ("1", "10"), [], "0", "1"),
        ([("1", "10")], ("1", "-0.5"), [(1, "1", "10", "-0.5")], "-10.5", "0"),
    ],
)  # fmt: skip
def test_sale_closes_lots_oldest_first(
    lots: list[tuple[str, str]],
    sale: tuple[str, str],
    slices: list[tuple[int, str, str, str]],
    realized: str,
    unmatched: str,
) -> None:
    before = [lot(number, *amounts) for number, amounts in enumerate(lots, 1)]
    closing = match(D(sale[0]), D(sale[1]), before)
    assert [(part.lot.id, part.quantity, part.cost, part.proceeds) for part in closing.slices] == [
        (number, D(quantity), D(cost), D(proceeds)) for number, quantity, cost, proceeds in slices
    ]
    assert (closing.realized_pnl, closing.unmatched_quantity) == (D(realized), D(unmatched))


def test_algorithm_sells_its_own_lots_and_a_person_sells_manual_ones_first() -> None:
    lots = [lot(1, "1", "1", book=7), lot(2, "1", "1"), lot(3, "1", "1", book=8), lot(4, "1", "1")]
    assert [found.id for found in lots_for(7, lots)] == [1]
    assert [found.id for found in lots_for(None, lots)] == [2, 4, 1, 3]


QUANTITIES = st.decimals("0.000000000000000001", 10**12, places=18)
AMOUNTS = st.decimals(0, 10**12, places=8)


@given(lots=st.lists(st.tuples(QUANTITIES, AMOUNTS), max_size=8), quantity=QUANTITIES, proceeds=AMOUNTS)
def test_nothing_is_lost_or_invented(lots: list[tuple[D, D]], quantity: D, proceeds: D) -> None:
    before = [OpenLot(number, None, *amounts) for number, amounts in enumerate(lots)]
    closing = match(quantity, proceeds, before)
    assert closing.matched_quantity + closing.unmatched_quantity == quantity
    assert closing.proceeds + closing.unmatched_proceeds == proceeds
    for part in closing.slices:
        assert 0 < part.quantity <= part.lot.remaining_quantity
        assert 0 <= part.cost <= part.lot.remaining_cost
        assert part.quantity < part.lot.remaining_quantity or part.cost == part.lot.remaining_cost
    if closing.unmatched_quantity:
        assert closing.matched_quantity == sum(found.remaining_quantity for found in before)


@given(amounts=st.tuples(QUANTITIES, AMOUNTS), cuts=st.lists(QUANTITIES, min_size=1, max_size=6))
def test_slices_of_a_lot_add_up_to_its_cost_however_it_is_cut(amounts: tuple[D, D], cuts: list[D]) -> None:
    left, spent = OpenLot(1, None, *amounts), D(0)
    for cut in [*cuts, D(10) ** 13]:
        if not left.remaining_quantity:
            break
        (part,) = match(cut, D(0), [left]).slices
        spent += part.cost
        left = OpenLot(1, None, left.remaining_quantity - part.quantity, left.remaining_cost - part.cost)
    assert (left.remaining_quantity, left.remaining_cost, spent) == (0, 0, amounts[1])


def replay(trades: list[dict[str, Any]]) -> tuple[dict[str, D], dict[str, list[OpenLot]], D, D, D]:
    """Run a case's trades; give realised P&L by coin, open lots by coin, cost, proceeds and unmatched."""
    realized: dict[str, D] = {}
    open_lots: dict[str, list[OpenLot]] = {}
    cost = proceeds = unmatched = D(0)
    for number, trade in enumerate(sorted(trades, key=lambda trade: trade["time"])):
        coin, quantity, fee = trade["coin"], D(trade["qty"]), D(trade["fee"])
        value = round_aud(quantity * D(trade["price"]))
        lots = open_lots.setdefault(coin, [])
        if trade["side"] == "buy":
            lots.append(OpenLot(number, None, quantity, value + fee))
            continue
        closing = match(quantity, value - fee, lots)
        for part in closing.slices:
            index = next(index for index, found in enumerate(lots) if found.id == part.lot.id)
            lots[index] = OpenLot(
                part.lot.id,
                None,
                part.lot.remaining_quantity - part.quantity,
                part.lot.remaining_cost - part.cost,
            )
        open_lots[coin] = [found for found in lots if found.remaining_quantity]
        realized[coin] = realized.get(coin, D(0)) + closing.realized_pnl
        cost, proceeds = cost + closing.cost, proceeds + closing.proceeds
        unmatched += closing.unmatched_quantity
    return realized, open_lots, cost, proceeds, unmatched


def _cases() -> list[Any]:
    if not CASES.exists():
        return [
            pytest.param(None, marks=pytest.mark.skip(reason="the shared cases are not beside this checkout"))
        ]
    return [pytest.param(case, id=case["name"]) for case in json.loads(CASES.read_text())["cases"]]


@pytest.mark.parametrize("case", _cases())
def test_cases_with_independent_answers_agree(case: dict[str, Any]) -> None:
    expected = case["expected"]
    realized, open_lots, cost, proceeds, unmatched = replay(case["trades"])
    assert cost == round_aud(D(expected["cost_of_sold"]))
    assert unmatched == D(expected.get("unmatched_sell_qty", 0))
    held = [
        (coin, found.remaining_quantity, found.remaining_cost)
        for coin, lots in open_lots.items()
        for found in lots
    ]
    assert sorted((coin, quantity) for coin, quantity, _ in held) == sorted(
        (row["coin"], D(row["qty"])) for row in expected["open_lots"]
    )
    assert sum(cost for _, _, cost in held) == pytest.approx(
        sum(D(row["qty"]) * D(row["unit_cost"]) for row in expected["open_lots"]), abs=D("1e-7")
    )
    if "cost_basis_only" not in case["tags"]:
        assert sum(realized.values()) == round_aud(D(expected["realised_pnl"]))
        assert proceeds == round_aud(D(expected["net_proceeds"]))
