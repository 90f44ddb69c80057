"""CoinSpot's order books, as documented, and as they might be broken."""

import json
from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ledgers.parsers.coinspot_depth import parse
from apps.ledgers.records import DepthRecord, Level, Parsed, UnreadablePage
from apps.ledgers.tests.shared import SHARED, needs_shared

READ_AT = datetime(2026, 3, 2, 12, 0, 42, tzinfo=UTC)
MINUTE = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def order(rate: object = "100", amount: object = "1", **said: object) -> dict[str, Any]:
    return {"amount": amount, "rate": rate, "total": "1", "coin": "BTC", "market": "BTC/AUD"} | said


def page(buys: list[Any], sells: list[Any], **said: object) -> bytes:
    return json.dumps({"status": "ok", "buyorders": buys, "sellorders": sells} | said).encode()


def read(body: bytes) -> Parsed:
    return parse(body, READ_AT, coin_type="BTC")


def book(parsed: Parsed) -> DepthRecord:
    (record,) = parsed.records
    assert isinstance(record, DepthRecord)
    return record


@needs_shared
def test_documented_answer_is_read() -> None:
    body = (SHARED / "coinspot" / "v2_doc_public_orders_open.json").read_bytes()
    record = book(parse(body, READ_AT, coin_type="ABC"))
    assert (record.bids, record.asks) == (
        (Level(D(111111), D("0.1")),),
        (Level(D(1111111), D("0.0001")),),
    )


def test_numbers_and_strings_are_read_exactly_and_each_side_begins_with_its_best() -> None:
    body = (
        b'{"status":"ok","message":"ok","buyorders":[{"amount":0.12345678,"rate":99.5},{"amount":"2","rate":"99.70"}],'
        b'"sellorders":[{"amount":1e-8,"rate":101.000000000000000001},{"amount":3,"rate":100}]}'
    )
    assert book(read(body)) == DepthRecord(
        coin_type="BTC",
        market="AUD",
        bids=(Level(D("99.7"), D(2)), Level(D("99.5"), D("0.12345678"))),
        asks=(Level(D(100), D(3)), Level(D("101.000000000000000001"), D("0.00000001"))),
        occurred_at=MINUTE,
    )


def test_orders_at_one_price_are_one_level() -> None:
    record = book(read(page([], [order("100", "1"), order("101"), order("100.00", "0.5")])))
    assert record.asks == (Level(D(100), D("1.5")), Level(D(101), D(1)))


def test_twenty_best_levels_of_each_side_are_kept() -> None:
    prices = [str(price) for price in range(1, 31)]
    record = book(read(page([order(price) for price in prices], [order(price) for price in prices])))
    assert [level.price for level in record.bids] == [D(price) for price in range(30, 10, -1)]
    assert [level.price for level in record.asks] == [D(price) for price in range(1, 21)]


@pytest.mark.parametrize("name", ["rate", "amount"])
@pytest.mark.parametrize(
    "bad",
    ["NaN", "0", 0, "-1", "", "abc", None, True, [], {}, "Infinity", "1e400", "0." + "0" * 18 + "1", float("nan")],
    ids=repr,
)  # fmt: skip
def test_bad_order_is_rejected_and_no_other(name: str, bad: object) -> None:
    parsed = read(page([order("99")], [order(**{name: bad}), order("101")]))
    assert book(parsed).asks == (Level(D(101), D(1)),)
    (reject,) = parsed.rejects
    assert reject.item == "BTC sellorders 0"
    assert reject.reason.startswith(f"{name} ")


@pytest.mark.parametrize("other", [{"coin": "ETH"}, {"market": "BTC/USDT"}, {"market": "USDT"}])
def test_order_of_another_market_is_rejected(other: dict[str, object]) -> None:
    parsed = read(page([order("99")], [order("5", **other), order("101")]))
    assert book(parsed).asks == (Level(D(101), D(1)),)
    assert parsed.rejects[0].reason.startswith("is for ")


def test_side_of_which_nothing_can_be_read_leaves_the_book_out() -> None:
    parsed = read(page([order("99")], [order("NaN"), "nonsense"]))
    assert parsed.records == ()
    assert [reject.item for reject in parsed.rejects] == ["BTC sellorders 0", "BTC sellorders 1"]


def test_empty_book_is_a_book_in_which_nobody_offers_anything() -> None:
    record = book(read(page([], [])))
    assert (record.bids, record.asks) == ((), ())


def test_bids_above_asks_are_kept_as_given() -> None:
    record = book(read(page([order("102")], [order("101")])))
    assert (record.bids[0].price, record.asks[0].price) == (102, 101)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Down</html>", b'{"status":"ok","buyorders":[{"amount":', b"[]", b"null", b'{"status":"ok"}',
     b'{"status":"error","message":"Coin not found"}', b'{"status":"ok","buyorders":[],"sellorders":{}}',
     b'{"status":"ok","buyorders":[]}', b'{"buyorders":[],"sellorders":[]}', b"\xff\xfe", b"[" * 100_000],
    ids=lambda body: repr(body[:40]),
)  # fmt: skip
def test_page_that_is_no_order_book_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadablePage):
        read(body)


@given(
    st.lists(st.tuples(st.decimals("0.01", 1000, places=2), st.decimals("0.00000001", 1000, places=8))),
    st.lists(st.tuples(st.decimals("0.01", 1000, places=2), st.decimals("0.00000001", 1000, places=8))),
)
def test_whatever_the_order_of_the_page_levels_are_sorted_and_hold_what_it_offers(
    buys: list[tuple[D, D]], sells: list[tuple[D, D]]
) -> None:
    record = book(read(page(*([order(str(rate), str(n)) for rate, n in side] for side in (buys, sells)))))
    for levels, orders, best_first in ((record.bids, buys, True), (record.asks, sells, False)):
        prices = [level.price for level in levels]
        assert prices == sorted({rate for rate, _ in orders}, reverse=best_first)[:20]
        for level in levels:
            assert level.quantity == sum(n for rate, n in orders if rate == level.price)
