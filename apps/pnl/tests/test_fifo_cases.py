"""The cases with answers that others computed, in by the CSV import and out by the HTTP API, to the last digit."""

import json
from datetime import datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from apps.ledgers.tests.factories import make_price
from apps.pnl.services.invariants import check_books
from apps.trading.services.invariants import check_invariants
from ohmycoins.core.money import round_aud

pytestmark = pytest.mark.django_db
CASES = Path(__file__).parents[4] / "shared" / "data" / "fifo_pnl" / "cases.json"
ABSENT = pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not beside this checkout")
FLOOR = "/api/v1/floor"
at = datetime.fromisoformat


def cases() -> list[Any]:
    if not CASES.exists():
        return [pytest.param(None, id="absent")]
    return [pytest.param(case, id=case["name"]) for case in json.loads(CASES.read_text())["cases"]]


def upload(api: APIClient, trades: list[dict[str, str]]) -> Any:
    rows = [
        ",".join(
            [trade["time"], trade["side"], trade["coin"], trade["qty"], trade["price"], trade["fee"], trade.get("kind", "")]
        )
        for trade in trades
    ]  # fmt: skip
    data = "\n".join(["time,side,coin,quantity,price,fee_aud,kind", *rows]).encode()
    answer = api.post(
        f"{FLOOR}/fills/import", {"file": SimpleUploadedFile("case.csv", data)}, format="multipart"
    )
    assert answer.status_code == 200, answer.content
    return answer.json()


def get(api: APIClient, path: str) -> Any:
    answer = api.get(f"{FLOOR}/pnl/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def open_lots(api: APIClient) -> list[tuple[str, datetime, D, D]]:
    """Give coin, time, coins left and what a coin cost."""
    return sorted(
        (lot["coin_type"], at(lot["acquired_at"]), left, D(lot["remaining_cost"]) / left)
        for lot in get(api, "lots?open=true&page_size=500")["results"]
        for left in [D(lot["remaining_quantity"])]
    )


def matches(api: APIClient) -> list[tuple[str, datetime, datetime, D, D, D, D]]:
    """Give coin, times of sale and purchase, coins, proceeds, cost and gain."""
    return sorted(
        (
            match["coin_type"], at(match["disposed_at"]), at(match["acquired_at"]),
            *(D(match[name]) for name in ("quantity", "proceeds", "cost", "realized_pnl")),
        )
        for match in get(api, "matches?page_size=500")["results"]
    )  # fmt: skip


@ABSENT
@pytest.mark.parametrize("case", cases())
def test_case_agrees_through_import_and_api(api: APIClient, case: dict[str, Any]) -> None:
    expected = case["expected"]
    assert upload(api, case["trades"]) == {"imported": len(case["trades"]), "duplicates": 0, "skipped": 0}

    summary = get(api, "summary")
    assert D(summary["realized_pnl"]) == round_aud(D(expected["realised_pnl"]))
    assert D(summary["unmatched_quantity"]) == D(expected.get("unmatched_sell_qty", 0))
    by_coin = {row["coin_type"]: D(row["realized_pnl"]) for row in get(api, "by-coin")}
    assert {coin: gain for coin, gain in by_coin.items() if gain or coin in expected["realised_by_coin"]} == {
        coin: round_aud(D(gain)) for coin, gain in expected["realised_by_coin"].items()
    }
    assert open_lots(api) == sorted(
        (row["coin"], at(row["acquired_at"]), D(row["qty"]), D(row["unit_cost"]))
        for row in expected["open_lots"]
    )
    closed = matches(api)
    assert closed == sorted(
        (
            row["coin"], at(row["sold_at"]), at(row["acquired_at"]), D(row["qty"]),
            *(round_aud(D(row[name])) for name in ("proceeds", "cost", "gain")),
        )
        for row in expected["matches"]
    )  # fmt: skip
    assert sum(match[4] for match in closed) == D(expected["net_proceeds"])
    assert sum(match[5] for match in closed) == D(expected["cost_of_sold"])
    assert check_invariants() == check_books() == []


@ABSENT
@pytest.mark.parametrize(
    "case", [case for case in cases() if case.id == "absent" or "fees_total" in case.values[0]["expected"]]
)
def test_fees_and_what_is_unrealised_agree(api: APIClient, case: dict[str, Any]) -> None:
    expected = case["expected"]
    upload(api, case["trades"])
    if mark := expected.get("mark_price"):
        make_price(case["trades"][0]["coin"], bid=mark, ask=mark)
    summary = get(api, "summary")
    assert D(summary["total_fees"]) == D(expected["fees_total"])
    assert D(summary["total_pnl"]) == D(expected.get("realised_plus_unrealised", expected["realised_pnl"]))
    assert D(summary["total_pnl"]) + D(summary["total_fees"]) == D(expected["gross_without_fees"])


@ABSENT
def test_cases_imported_again_change_nothing(api: APIClient) -> None:
    for case in cases():
        trades = case.values[0]["trades"]
        before = get(api, "summary") if upload(api, trades) else None
        assert upload(api, trades) == {"imported": 0, "duplicates": len(trades), "skipped": 0}
        assert get(api, "summary") | {"as_of": ""} == before | {"as_of": ""}  # type: ignore[operator]
