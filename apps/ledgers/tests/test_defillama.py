"""DeFiLlama: the bare number, nulls, missing keys."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from apps.ledgers.parsers.defillama import (
    joined,
    parse_chain_history,
    parse_chains,
    parse_protocol,
    parse_protocol_history,
)
from apps.ledgers.records import FundamentalRecord, MetricRecord, UnreadablePage
from apps.ledgers.tests.shared import SHARED, needs_shared

NOW = datetime(2026, 3, 2, 2, 0, 7, tzinfo=UTC)


def protocol(tvl: bytes = b"4962012809.795062", fees: Any = 1000.5, revenue: Any = 100) -> Any:
    summaries = (
        None if value is Ellipsis else json.dumps({"total24h": value}).encode() for value in (fees, revenue)
    )
    return parse_protocol(joined(tvl, *summaries), NOW, about="aave")


def test_bare_number_and_two_summaries_make_one_row() -> None:
    (record,) = protocol().records
    assert record == FundamentalRecord(
        occurred_at=NOW, item="aave 2026-03-02", digest=record.digest, protocol="aave",
        tvl_usd=Decimal("4962012809.795062"), fees_24h_usd=Decimal("1000.5"), revenue_24h_usd=Decimal(100),
    )  # fmt: skip


@pytest.mark.parametrize("nothing", [None, ...], ids=["null", "no adapter"])
def test_missing_fees_are_none(nothing: Any) -> None:
    (record,) = protocol(fees=nothing, revenue=nothing).records
    assert (record.fees_24h_usd, record.revenue_24h_usd) == (None, None)


def test_long_fraction_is_rounded_half_even_to_8_decimals() -> None:
    (record,) = protocol(tvl=b"1.123456785").records
    assert record.tvl_usd == Decimal("1.12345678")


@pytest.mark.parametrize("tvl", [b"-1", b'"12"', b"true", b"1e25"])
def test_value_that_is_no_amount_is_rejected(tvl: bytes) -> None:
    parsed = protocol(tvl=tvl)
    assert parsed.records == ()
    assert parsed.rejects[0].item == "aave"


def test_nothing_at_all_is_rejected() -> None:
    assert "no figure" in protocol(tvl=b"null", fees=None, revenue=...).rejects[0].reason


@pytest.mark.parametrize("tvl", [b"NaN", b"<html>", b"", b"4962012...", b'{"message": "x"'])
def test_answer_that_is_no_json_is_unreadable(tvl: bytes) -> None:
    with pytest.raises(UnreadablePage):
        protocol(tvl=tvl)


def test_chains_with_nulls_and_missing_keys() -> None:
    rows = [
        {
            "name": "Ethereum",
            "tvl": 60_000_000_000.25,
            "tokenSymbol": "ETH",
            "gecko_id": None,
            "cmcId": "1027",
        },
        {"name": "Base", "tvl": 3, "tokenSymbol": None},
        {"name": "Quiet", "tvl": None},
        {"tvl": 5},
    ]
    parsed = parse_chains(json.dumps(rows).encode(), NOW)
    ethereum, base = parsed.records
    assert isinstance(ethereum, MetricRecord)
    assert isinstance(base, MetricRecord)
    assert (ethereum.asset, ethereum.network, ethereum.metric_name) == ("ETH", "Ethereum", "chain_tvl_usd")
    assert ethereum.metric_value == Decimal("60000000000.25")
    assert base.asset == "Base"
    assert [reject.reason for reject in parsed.rejects] == ["tvl is missing", "has no name"]


def test_history_joins_the_days_and_begins_where_asked() -> None:
    day, seconds = 86_400, int(datetime(2026, 2, 1, tzinfo=UTC).timestamp())
    tvl = {"tvl": [{"date": seconds + n * day, "totalLiquidityUSD": 100 + n} for n in range(4)]}
    fees = {"totalDataChart": [[seconds + day, 7], [seconds + 2 * day, 8]]}
    body = joined(json.dumps(tvl).encode(), json.dumps(fees).encode(), b'{"totalDataChart": []}')
    parsed = parse_protocol_history(body, datetime(2026, 2, 2, tzinfo=UTC), NOW, about="aave")
    assert [(r.item, r.tvl_usd, r.fees_24h_usd) for r in parsed.records] == [  # type: ignore[union-attr]
        ("aave 2026-02-02", Decimal(101), Decimal(7)),
        ("aave 2026-02-03", Decimal(102), Decimal(8)),
        ("aave 2026-02-04", Decimal(103), None),
    ]


def test_history_of_a_protocol_whose_fees_nobody_counts_has_its_value_locked() -> None:
    seconds = int(datetime(2026, 2, 1, tzinfo=UTC).timestamp())
    tvl = json.dumps({"tvl": [{"date": seconds, "totalLiquidityUSD": 100}]}).encode()
    (record,) = parse_protocol_history(
        joined(tvl, None, None), datetime(2026, 1, 1, tzinfo=UTC), NOW, about="x"
    ).records
    assert isinstance(record, FundamentalRecord)
    assert (record.tvl_usd, record.fees_24h_usd) == (Decimal(100), None)


def test_odd_days_of_the_past_are_rejected_alone() -> None:
    seconds, day = int(datetime(2026, 2, 1, tzinfo=UTC).timestamp()), 86_400
    points = [{"date": seconds, "totalLiquidityUSD": None}, {"date": seconds + day, "totalLiquidityUSD": -5},
              {"date": None, "totalLiquidityUSD": 1}, "x", {"date": seconds + 2 * day, "totalLiquidityUSD": 7}]  # fmt: skip
    body = joined(json.dumps({"tvl": points}).encode(), b'{"totalDataChart": [[1], 5]}', None)
    parsed = parse_protocol_history(body, datetime(2026, 1, 1, tzinfo=UTC), NOW, about="aave")
    assert [record.tvl_usd for record in parsed.records] == [Decimal(7)]  # type: ignore[union-attr]
    assert len(parsed.rejects) == 5
    rows = [{"date": None, "tvl": 1}, 5, {"date": seconds, "tvl": None}, {"date": seconds, "tvl": 3}]
    chains = parse_chain_history(
        json.dumps(rows).encode(), datetime(2026, 1, 1, tzinfo=UTC), NOW, chain={"name": "Ethereum"}
    )
    assert (len(chains.records), len(chains.rejects)) == (1, 3)


def test_chain_history_is_a_metric_a_day() -> None:
    seconds = int(datetime(2026, 2, 1, tzinfo=UTC).timestamp())
    body = json.dumps([{"date": seconds, "tvl": 5}, {"date": seconds + 86_400, "tvl": 6}]).encode()
    chain = {"name": "Ethereum", "tokenSymbol": "ETH"}
    (record,) = parse_chain_history(body, datetime(2026, 2, 2, tzinfo=UTC), NOW, chain=chain).records
    assert record.item == "Ethereum chain_tvl_usd 2026-02-02"  # type: ignore[union-attr]


@needs_shared
def test_recorded_answers_are_read() -> None:
    folder = SHARED / "defillama"
    body = joined(
        (folder / "tvl_official_example.json").read_bytes(),
        (folder / "summary_fees_hyperliquid_official_example.json").read_bytes(), None,
    )  # fmt: skip
    (record,) = parse_protocol(body, NOW, about="hyperliquid").records
    expected = json.loads((folder / "summary_fees_hyperliquid_official_example.json").read_bytes())[
        "total24h"
    ]
    assert isinstance(record, FundamentalRecord)
    assert record.tvl_usd == Decimal("4962012809.795062")
    assert record.fees_24h_usd == (None if expected is None else Decimal(str(expected)))
    (chain,) = parse_chains((folder / "chains_one_row_recorded.json").read_bytes(), NOW).records
    assert isinstance(chain, MetricRecord)
    assert (chain.asset, chain.network) == ("OP", "Optimism")
