"""Collect what DeFi protocols and chains hold and earn, from DeFiLlama, every day."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings

from apps.ledgers.collectors.base import Collector, Missing, each
from apps.ledgers.parsers import defillama
from apps.ledgers.records import ItemRecord, Parsed
from ohmycoins.core import clock
from ohmycoins.core.errors import PermanentError
from ohmycoins.core.http import Page
from ohmycoins.core.sites import Site

PROTOCOLS = (
    "lido", "aave", "makerdao", "uniswap", "curve", "justlend", "compound", "pancakeswap", "balancer",
    "rocket-pool", "convex-finance", "sushiswap", "venus", "gmx", "frax", "liquity", "yearn-finance",
    "stargate", "synthetix", "pendle",
)  # fmt: skip
CHAINS = "chains"
PAST_CHAINS = {
    "Ethereum": "ETH", "Solana": "SOL", "Polygon": "POL", "Cardano": "ADA", "Bitcoin": "BTC",
}  # fmt: skip
PAST_BYTES = 64 * 1024 * 1024  # a protocol's whole history may exceed 10 MB
PAST_SECONDS = 120.0
MISSED_AFTER = timedelta(hours=36)
SINCE = " since "


class Defillama(Collector):
    """A page a protocol, made of its three answers, and one of all chains."""

    slug = "defillama"
    ledger = "glass"
    schedule = "cron:0 2 * * *"

    def fetch(self, since: datetime | None) -> Iterator[Page | Missing]:
        yield from each(PROTOCOLS, _protocol)
        yield from each([CHAINS], lambda about: _get("/v2/chains", about=about))
        if since and clock.now() - since > MISSED_AFTER:
            for part in self.parts(since):
                yield from (_missed(answer, since) for answer in self.fetch_past(part, since))

    def parse(self, page: Page, observed_at: datetime) -> Parsed:
        if page.about == CHAINS:
            return defillama.parse_chains(page.body, observed_at)
        part, _, missed_since = page.about.partition(SINCE)
        if missed_since:
            past = self.parse_past(
                replace(page, about=part), datetime.fromisoformat(missed_since), observed_at
            )
            items = (record for record in past.records if isinstance(record, ItemRecord))
            return replace(past, records=tuple(replace(item, only_new=True) for item in items))
        return defillama.parse_protocol(page.body, observed_at, about=page.about)

    def parts(self, since: datetime) -> list[str]:
        return [*PROTOCOLS, *PAST_CHAINS]

    def fetch_past(self, part: str, since: datetime) -> Iterator[Page | Missing]:
        return each([part], _chain_history if part in PAST_CHAINS else _protocol_history)

    def parse_past(self, page: Page, since: datetime, observed_at: datetime) -> Parsed:
        today = observed_at.replace(hour=0, minute=0, second=0, microsecond=0)  # is not over yet
        if symbol := PAST_CHAINS.get(page.about):
            chain = {"name": page.about, "tokenSymbol": symbol}
            return defillama.parse_chain_history(page.body, since, today, chain=chain)
        return defillama.parse_protocol_history(page.body, since, today, about=page.about)


def _missed(answer: Page | Missing, since: datetime) -> Page | Missing:
    """Mark a page of the past as one of days that an outage left out."""
    return (
        answer
        if isinstance(answer, Missing)
        else replace(answer, about=f"{answer.about}{SINCE}{since.isoformat()}")
    )


def _protocol(slug: str) -> Page:
    return _joined(_get(f"/tvl/{slug}", about=slug), slug, chart="true")


def _protocol_history(slug: str) -> Page:
    history = _get(f"/protocol/{slug}", about=slug, total_seconds=PAST_SECONDS, max_bytes=PAST_BYTES)
    return _joined(history, slug, chart="false")


def _chain_history(chain: str) -> Page:
    return _get(f"/v2/historicalChainTvl/{chain}", about=chain)


def _joined(tvl: Page, slug: str, *, chart: str) -> Page:
    """Put the protocol's fees and revenue beside `tvl`; `chart` says whether to leave their past out."""
    fees, revenue = (_fees(slug, kind, chart) for kind in ("dailyFees", "dailyRevenue"))
    return Page(status=200, body=defillama.joined(tvl.body, fees, revenue), about=slug)


def _fees(slug: str, kind: str, chart: str) -> bytes | None:
    params = {"dataType": kind, "excludeTotalDataChart": chart, "excludeTotalDataChartBreakdown": "true"}
    try:
        return _get(f"/summary/fees/{slug}", about=slug, params=params).body
    except PermanentError as error:
        if error.status not in (400, 404):
            raise
        return None  # a protocol whose fees nobody counts


def _get(
    path: str, *, about: str, params: dict[str, str] | None = None, total_seconds: float | None = None,
    max_bytes: int = 8 * 1024 * 1024,
) -> Page:  # fmt: skip
    key = urlsplit(settings.DEFILLAMA_URL).path.strip("/")  # the paid service has it in its address
    site = Site(
        name="defillama", user_agent=settings.DEFILLAMA_USER_AGENT, calls=5, secrets=(key,) if key else ()
    )
    return site.get(
        settings.DEFILLAMA_URL + path,
        params=params,
        about=about,
        total_seconds=total_seconds,
        max_bytes=max_bytes,
    )
