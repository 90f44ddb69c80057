"""CoinSpot's price list, as documented, as recorded, and as it might be broken."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from apps.ledgers.parsers.coinspot_prices import parse
from apps.ledgers.records import PriceRecord, UnreadablePage

READ_AT = datetime(2026, 3, 2, 12, 0, 42, tzinfo=UTC)
MINUTE = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SHARED = Path(__file__).parents[4] / "shared" / "data" / "coinspot"


def page(**prices: object) -> bytes:
    return json.dumps({"status": "ok", "prices": prices}).encode()


def market(bid: object = "10.5", ask: object = "11", last: object = "10.75") -> dict[str, object]:
    return {"bid": bid, "ask": ask, "last": last}


def test_strings_numbers_and_other_markets_are_read_exactly() -> None:
    parsed = parse(
        page(btc=market("129051.79", "129966.15", "130487.3453"), eth=market(1, 2, 1.5), btc_usdt=market()),
        READ_AT,
    )
    assert parsed.records == (
        PriceRecord("BTC", "AUD", Decimal("129051.79"), Decimal("129966.15"), Decimal("130487.3453"), MINUTE),
        PriceRecord("ETH", "AUD", Decimal(1), Decimal(2), Decimal("1.5"), MINUTE),
        PriceRecord("BTC", "USDT", Decimal("10.5"), Decimal(11), Decimal("10.75"), MINUTE),
    )
    assert parsed.rejects == ()


def test_small_number_keeps_every_digit() -> None:
    body = b'{"status":"ok","message":"ok","prices":{"shib":{"bid":0.000012345678901234,"ask":1e-5,"last":"0.00001"}}}'
    (record,) = parse(body, READ_AT).records
    assert record.bid == Decimal("0.000012345678901234")
    assert record.ask == Decimal("0.00001")


@pytest.mark.parametrize("nan", ["NaN", "nan", " NaN "])
def test_market_that_the_venue_prices_nan_is_unpriced_and_not_a_reject(nan: str) -> None:
    parsed = parse(page(thin=market(bid=nan), btc=market()), READ_AT)
    assert parsed.unpriced == ("thin",)
    assert parsed.rejects == ()
    assert [record.coin_type for record in parsed.records] == ["BTC"]


def test_bare_nan_in_the_json_counts_as_unpriced_too() -> None:
    body = b'{"status":"ok","prices":{"thin":{"bid":NaN,"ask":1,"last":1},"btc":{"bid":1,"ask":2,"last":1}}}'
    parsed = parse(body, READ_AT)
    assert parsed.unpriced == ("thin",)
    assert len(parsed.records) == 1


@pytest.mark.parametrize(
    "bad", ["0", "-1", "", "abc", None, True, [], {}, "Infinity", "1e400", "0." + "0" * 18 + "1"], ids=repr
)
def test_bad_price_rejects_its_market_and_no_other(bad: object) -> None:
    parsed = parse(page(bad=market(ask=bad), btc=market()), READ_AT)
    assert [reject.item for reject in parsed.rejects] == ["bad"]
    assert parsed.rejects[0].reason.startswith("ask ")
    assert [record.coin_type for record in parsed.records] == ["BTC"]


@pytest.mark.parametrize("key", ["", "_", "btc_", "b t c", "btc_usdt_aud", "x" * 21, "btç"])
def test_key_that_is_no_market_is_rejected(key: str) -> None:
    parsed = parse(page(**{key: market(), "eth": market()}), READ_AT)
    if key == "btc_":
        assert parsed.records[0].market == "AUD"
        return
    assert len(parsed.rejects) == 1
    assert [record.coin_type for record in parsed.records] == ["ETH"]


def test_bid_above_ask_is_kept_as_given() -> None:
    (record,) = parse(page(btc=market(bid="12", ask="11")), READ_AT).records
    assert (record.bid, record.ask) == (Decimal(12), Decimal(11))


def test_empty_list_is_a_page_without_records() -> None:
    assert parse(page(), READ_AT).records == ()


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Down</html>", b'{"status":"ok","prices":{"btc":', b"[]", b"null", b'{"status":"ok"}',
     b'{"status":"error","message":"Coin not found"}', b'{"status":"ok","prices":[]}',
     b'{"status":"ok","prices":{"bid":1,"ask":2,"last":1}}', b"\xff\xfe", b"[" * 100_000],
    ids=lambda body: repr(body[:30]),
)  # fmt: skip
def test_page_that_is_no_price_list_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadablePage):
        parse(body, READ_AT)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared recordings are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("v2_latest_live_probe_2025.json", {("BTC", "AUD"): "129966.15", ("BTC", "USDT"): "89009.15"}),
        ("v2_doc_latest_all.json", {("BTC", "AUD"): "222222"}),
    ],
)
def test_recorded_answers_are_read(name: str, expected: dict[tuple[str, str], str]) -> None:
    parsed = parse((SHARED / name).read_bytes(), READ_AT)
    assert {(record.coin_type, record.market): record.ask for record in parsed.records} == {
        key: Decimal(ask) for key, ask in expected.items()
    }
