"""Read DeFiLlama: a protocol's value locked, fees and revenue, and the value locked on each chain.

Formats (api-docs.defillama.com; the bare number and the nulls as recorded): `/tvl/{slug}` is a number
and nothing else; `/summary/fees/{slug}` has `total24h`, null where the adapter failed; `/v2/chains` is
a list whose keys may be null or missing. None of them carries a time, so a figure occurred when it was
read, and stands for that UTC day.
"""

import json
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from apps.ledgers.parsers.pages import epoch, load_json, load_object
from apps.ledgers.records import FundamentalRecord, MetricRecord, Parsed, Reject, UnreadablePage, digest_of
from ohmycoins.core.symbols import symbol

CHAIN_TVL = "chain_tvl_usd"
LARGEST = Decimal(10) ** 20  # no sum of dollars comes near: beyond is a broken adapter
STEP = Decimal("0.00000001")


def joined(tvl: bytes, fees: bytes | None, revenue: bytes | None) -> bytes:
    """Put a protocol's three answers on one page, exactly as they came; None where there is none."""
    parts = {"tvl": tvl, "fees": fees or b"null", "revenue": revenue or b"null"}
    return b"{%s}" % b",".join(b"%s:%s" % (json.dumps(name).encode(), part) for name, part in parts.items())


def parse_protocol(body: bytes, observed_at: datetime, *, about: str) -> Parsed:
    """Give the figures of the protocol `about` for today. Raises UnreadablePage."""
    page = load_object(body)
    try:
        tvl = _dollars(page.get("tvl"), "tvl", least=Decimal(0))
        fees, revenue = (
            _dollars(_summary(page.get(name)).get("total24h"), name) for name in ("fees", "revenue")
        )
        record = _fundamental(about, observed_at, tvl, fees, revenue)
    except ValueError as error:
        return Parsed(records=(), rejects=(Reject(about, str(error)),))
    return Parsed(records=(record,))


def parse_chains(body: bytes, observed_at: datetime) -> Parsed:
    """Give the value locked on every chain today. Raises UnreadablePage."""
    rows = load_json(body)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnreadablePage("expected a list of chains")
    records: list[MetricRecord] = []
    rejects: list[Reject] = []
    for row in rows:
        try:
            records.append(_chain(row, observed_at, row.get("tvl")))
        except ValueError as error:
            rejects.append(Reject(str(row.get("name"))[:40], str(error)))
    return Parsed(records=tuple(records), rejects=tuple(rejects))


def parse_protocol_history(body: bytes, since: datetime, until: datetime, *, about: str) -> Parsed:
    """Give the protocol's figures day by day within [since, until). Raises UnreadablePage.

    The page is `joined` from `/protocol/{slug}` and the two fee summaries with their charts.
    """
    page = load_object(body)
    days: dict[datetime, dict[str, Decimal | None]] = {}
    tvl = _list(_summary(page.get("tvl")).get("tvl"))
    series = {
        "tvl": [(row.get("date"), row.get("totalLiquidityUSD")) for row in tvl if isinstance(row, dict)],
        "fees": _list(_summary(page.get("fees")).get("totalDataChart", [])),
        "revenue": _list(_summary(page.get("revenue")).get("totalDataChart", [])),
    }
    rejects: list[Reject] = []
    for name, points in series.items():
        least = Decimal(0) if name == "tvl" else -LARGEST
        for point in points:
            try:
                at, value = point
                days.setdefault(_day(epoch(at)), {})[name] = _dollars(value, name, least=least)
            except (ValueError, TypeError) as error:
                rejects.append(Reject(f"{about} {str(point)[:40]}", str(error)))
    records: list[FundamentalRecord] = []
    for day in sorted(day for day in days if since <= day < until):
        try:
            figures = (days[day].get(name) for name in series)
            records.append(_fundamental(about, day, *figures))
        except ValueError as error:
            rejects.append(Reject(f"{about} {day:%Y-%m-%d}", str(error)))
    return Parsed(records=tuple(records), rejects=tuple(rejects))


def parse_chain_history(body: bytes, since: datetime, until: datetime, *, chain: dict[str, Any]) -> Parsed:
    """Give a chain's value locked day by day within [since, until). Raises UnreadablePage."""
    records: list[MetricRecord] = []
    rejects: list[Reject] = []
    for row in _list(load_json(body)):
        try:
            if since <= (day := _day(epoch(row.get("date")))) < until:
                records.append(_chain(chain, day, row.get("tvl")))
        except (ValueError, AttributeError) as error:
            rejects.append(Reject(str(row)[:40], str(error)))
    return Parsed(records=tuple(records), rejects=tuple(rejects))


def _fundamental(
    protocol: str, at: datetime, tvl: Decimal | None, fees: Decimal | None, revenue: Decimal | None
) -> FundamentalRecord:
    if tvl is None and fees is None and revenue is None:
        raise ValueError("has no figure at all")
    return FundamentalRecord(
        occurred_at=at, item=f"{protocol} {at:%Y-%m-%d}", digest=digest_of(tvl, fees, revenue),
        protocol=protocol, tvl_usd=tvl, fees_24h_usd=fees, revenue_24h_usd=revenue,
    )  # fmt: skip


def _chain(row: dict[str, Any], at: datetime, given: Any) -> MetricRecord:
    network = row.get("name")
    if not isinstance(network, str) or not network.strip():
        raise ValueError("has no name")
    value = _dollars(given, "tvl", least=Decimal(0))
    if value is None:
        raise ValueError("tvl is missing")
    token = row.get("tokenSymbol")
    return MetricRecord(
        occurred_at=at, item=f"{network.strip()} {CHAIN_TVL} {at:%Y-%m-%d}", digest=digest_of(value),
        asset=(symbol(token) if isinstance(token, str) else None) or network.strip()[:80],
        network=network.strip()[:80], metric_name=CHAIN_TVL, metric_value=value, source="defillama",
    )  # fmt: skip


def _dollars(given: Any, name: str, *, least: Decimal = -LARGEST) -> Decimal | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        raise ValueError(f"{name} is not a number")
    if not least <= given < LARGEST:
        raise ValueError(f"{name} is not between {least:,} and {LARGEST:,}")
    return Decimal(given).quantize(STEP, rounding=ROUND_HALF_EVEN)


def _summary(given: Any) -> dict[str, Any]:
    if given is not None and not isinstance(given, dict):
        raise UnreadablePage("expected an object or null")
    return given or {}


def _list(given: Any) -> list[Any]:
    if not isinstance(given, list):
        raise UnreadablePage("expected a list of days")
    return given


def _day(at: datetime) -> datetime:
    return at - timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
