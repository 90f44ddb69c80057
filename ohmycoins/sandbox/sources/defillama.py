"""Simulate DeFiLlama: value locked, fees and revenue (api-docs.defillama.com; recorded pieces).

`/tvl/{slug}` is a bare number, excluded charts are empty lists and excluded breakdowns null, one
protocol's fees are null because its adapter failed, and one has no fees adapter at all.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import unquote

from ohmycoins.sandbox.market import DAY, Market
from ohmycoins.sandbox.messages import Answer, Request, as_json

BILLION, MILLION = 1e9, 1e6
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
TAKEN = {"dailyFees": 1.0, "dailyRevenue": 0.22}  # which share of the fees
FAILED = "frax"  # its adapter: total24h is null
WITHOUT_FEES = "stargate"


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol, the value locked around which it wanders, and its fees of a day."""

    name: str
    symbol: str
    chain: str
    tvl: float
    fees: float


PROTOCOLS = {
    "lido": Protocol("Lido", "LDO", "Ethereum", 27 * BILLION, 2.4 * MILLION),
    "aave": Protocol("Aave", "AAVE", "Ethereum", 24 * BILLION, 2.1 * MILLION),
    "makerdao": Protocol("MakerDAO", "MKR", "Ethereum", 5.2 * BILLION, 0.9 * MILLION),
    "uniswap": Protocol("Uniswap", "UNI", "Ethereum", 5 * BILLION, 3.1 * MILLION),
    "curve": Protocol("Curve Finance", "CRV", "Ethereum", 2.1 * BILLION, 0.14 * MILLION),
    "justlend": Protocol("JustLend", "JST", "Tron", 3.6 * BILLION, 0.06 * MILLION),
    "compound": Protocol("Compound", "COMP", "Ethereum", 2.4 * BILLION, 0.15 * MILLION),
    "pancakeswap": Protocol("PancakeSwap", "CAKE", "BSC", 1.9 * BILLION, 1.6 * MILLION),
    "balancer": Protocol("Balancer", "BAL", "Ethereum", 0.8 * BILLION, 0.05 * MILLION),
    "rocket-pool": Protocol("Rocket Pool", "RPL", "Ethereum", 1.7 * BILLION, 0.13 * MILLION),
    "convex-finance": Protocol("Convex Finance", "CVX", "Ethereum", 1.1 * BILLION, 0.08 * MILLION),
    "sushiswap": Protocol("Sushi", "SUSHI", "Ethereum", 0.2 * BILLION, 0.03 * MILLION),
    "venus": Protocol("Venus", "XVS", "BSC", 1.8 * BILLION, 0.12 * MILLION),
    "gmx": Protocol("GMX", "GMX", "Arbitrum", 0.5 * BILLION, 0.2 * MILLION),
    "frax": Protocol("Frax Finance", "FRAX", "Ethereum", 0.4 * BILLION, 0.02 * MILLION),
    "liquity": Protocol("Liquity", "LQTY", "Ethereum", 0.35 * BILLION, 0.01 * MILLION),
    "yearn-finance": Protocol("Yearn Finance", "YFI", "Ethereum", 0.45 * BILLION, 0.02 * MILLION),
    "stargate": Protocol("Stargate", "STG", "Ethereum", 0.3 * BILLION, 0.0),
    "synthetix": Protocol("Synthetix", "SNX", "Ethereum", 0.15 * BILLION, 0.015 * MILLION),
    "pendle": Protocol("Pendle", "PENDLE", "Ethereum", 4.4 * BILLION, 0.11 * MILLION),
}
# Name -> (value locked, and the row's other keys as they come: null, or missing)
CHAINS: dict[str, tuple[float, dict[str, Any]]] = {
    "Ethereum": (68 * BILLION, {"gecko_id": "ethereum", "tokenSymbol": "ETH", "cmcId": "1027", "chainId": 1}),
    "Solana": (9.5 * BILLION, {"gecko_id": "solana", "tokenSymbol": "SOL", "cmcId": "5426", "chainId": None}),
    "Bitcoin": (6.8 * BILLION, {"gecko_id": "bitcoin", "tokenSymbol": "BTC", "cmcId": "1"}),
    "BSC": (6.4 * BILLION, {"gecko_id": "binancecoin", "tokenSymbol": "BNB", "cmcId": "1839", "chainId": 56}),
    "Tron": (5.1 * BILLION, {"gecko_id": "tron", "tokenSymbol": "TRX", "cmcId": "1958", "chainId": 728126428}),
    "Base": (4.2 * BILLION, {"gecko_id": None, "tokenSymbol": None, "cmcId": None, "chainId": 8453}),
    "Arbitrum": (2.9 * BILLION, {"gecko_id": "arbitrum", "tokenSymbol": "ARB", "cmcId": "11841", "chainId": 42161}),
    "Hyperliquid L1": (2.1 * BILLION, {"gecko_id": "hyperliquid", "tokenSymbol": "HYPE", "cmcId": "32196", "chainId": 999}),
    "Avalanche": (1.6 * BILLION, {"gecko_id": "avalanche-2", "tokenSymbol": "AVAX", "cmcId": "5805", "chainId": 43114}),
    "Polygon": (1.1 * BILLION, {"gecko_id": "polygon-ecosystem-token", "tokenSymbol": "POL", "cmcId": "28321", "chainId": 137}),
    "OP Mainnet": (0.6 * BILLION, {"gecko_id": "optimism", "tokenSymbol": "OP", "cmcId": "11840", "chainId": 10}),
    "Cardano": (0.35 * BILLION, {"gecko_id": "cardano", "tokenSymbol": "ADA", "cmcId": "2010", "chainId": None}),
    "Polkadot": (0.1 * BILLION, {"gecko_id": "polkadot", "tokenSymbol": "DOT"}),
    "Dogechain": (0.002 * BILLION, {"gecko_id": None, "tokenSymbol": "DC", "cmcId": None, "chainId": 2000}),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at a time, under a name."""

    name: str
    at: datetime
    value: float

    def restated(self) -> Self:
        return replace(self, value=round(self.value * 1.05, 2))

    def moved(self, by: timedelta) -> Self:
        return replace(self, at=self.at + by)


class Defillama:
    """Twenty protocols and a few chains, whose value rises and falls with Ether."""

    name = "defillama"

    def __init__(self, market: Market) -> None:
        self.market = market

    def answer(self, request: Request) -> Answer | None:
        what, _, rest = request.path.lstrip("/").partition("/")
        if what == "tvl":
            return self._tvl(request, rest)
        if what == "protocol":
            return self._protocol(request, rest)
        if what == "summary" and rest.startswith("fees/"):
            return self._fees(request, rest.removeprefix("fees/"))
        if request.path == "/v2/chains":
            return self._chains(request)
        if request.path.startswith("/v2/historicalChainTvl"):
            return self._chain_history(request, unquote(rest.partition("/")[2]))
        return None

    def _tvl(self, request: Request, slug: str) -> Answer:
        if slug not in PROTOCOLS:
            return _error("Protocol not found")
        return as_json(request.twisted([self._point(slug, PROTOCOLS[slug].tvl, request.now)])[0].value)

    def _protocol(self, request: Request, slug: str) -> Answer:
        if slug not in PROTOCOLS:
            return _error("Protocol not found")
        protocol = PROTOCOLS[slug]
        points = request.twisted(self._history(slug, protocol.tvl, request.now))
        tvl = [{"date": _seconds(point.at), "totalLiquidityUSD": point.value} for point in points]
        last = points[-1].value
        return as_json({
            "id": f"parent#{slug}",
            "name": protocol.name,
            "symbol": protocol.symbol,
            "address": None,
            "gecko_id": None,
            "cmcId": None,
            "chains": [protocol.chain],
            # "staking" and "borrowed" are not part of the total
            "currentChainTvls": {protocol.chain: last, "staking": round(last * 0.1, 2), f"{protocol.chain}-borrowed": 0},
            "chainTvls": {protocol.chain: {"tvl": tvl[-30:], "tokensInUsd": None, "tokens": None}},
            "tvl": tvl,
            "mcap": None,
        })  # fmt: skip

    def _fees(self, request: Request, slug: str) -> Answer:
        kind = request.query.get("dataType", "dailyFees")
        if slug not in PROTOCOLS or slug == WITHOUT_FEES or kind not in TAKEN:
            return _error(f"{kind} of this protocol not found")
        protocol = PROTOCOLS[slug]
        today = _midnight(request.now)
        # The current day is still being counted.
        history = self._history(f"{slug} fees", protocol.fees * TAKEN[kind], today - DAY)
        points = request.twisted(history)
        values = [point.value for point in points]
        is_broken = slug == FAILED
        chart = [[_seconds(point.at), point.value] for point in points]
        breakdown = [[at, {protocol.chain: {protocol.name: value}}] for at, value in chart]
        return as_json({
            "id": f"parent#{slug}",
            "name": protocol.name,
            "slug": slug,
            "displayName": protocol.name,
            "defillamaId": f"parent#{slug}",
            "symbol": protocol.symbol,
            "chains": [protocol.chain],
            "category": None,
            "methodology": None,
            "gecko_id": None,
            "cmcId": None,
            "protocolType": "protocol",
            "latestFetchIsOk": not is_broken,
            "total24h": None if is_broken else values[-1],
            "total48hto24h": None if is_broken else history[-2].value,
            "total7d": None if is_broken else round(sum(point.value for point in history[-7:]), 2),
            "totalAllTime": round(sum(point.value for point in history), 2),
            "change_1d": None if is_broken else round((history[-1].value / history[-2].value - 1) * 100, 2),
            "totalDataChart": [] if _is_excluded(request, "excludeTotalDataChart") else chart,
            "totalDataChartBreakdown": None if _is_excluded(request, "excludeTotalDataChartBreakdown") else breakdown,
        })  # fmt: skip

    def _chains(self, request: Request) -> Answer:
        points = request.twisted([self._point(name, tvl, request.now) for name, (tvl, _) in CHAINS.items()])
        return as_json(
            [{**CHAINS[point.name][1], "tvl": point.value, "name": point.name} for point in points]
        )

    def _chain_history(self, request: Request, chain: str) -> Answer:
        if chain and chain not in CHAINS:
            return _error("Chain not found")
        total = CHAINS[chain][0] if chain else sum(tvl for tvl, _ in CHAINS.values())
        points = request.twisted(self._history(chain or "all chains", total, request.now))
        return as_json([{"date": _seconds(point.at), "tvl": round(point.value)} for point in points])

    def _history(self, name: str, base: float, now: datetime) -> list[Point]:
        """Give the figure at every midnight, and now."""
        days = [FIRST_DAY + DAY * number for number in range((now - FIRST_DAY) // DAY + 1)]
        return [self._point(name, base, at) for at in dict.fromkeys((*days, _hour(now)))]

    def _point(self, name: str, base: float, at: datetime) -> Point:
        at = _hour(at)  # figures are counted anew every hour
        return Point(name, at, round(base * self.market.level("ETH", at) * self.market.level(name, at), 2))


def _is_excluded(request: Request, parameter: str) -> bool:
    return request.query.get(parameter, "").lower() == "true"


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _midnight(at: datetime) -> datetime:
    return _hour(at).replace(hour=0)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _error(message: str) -> Answer:
    return as_json({"message": message}, status=404)
