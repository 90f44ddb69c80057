"""The simulated sources, one module each."""

from typing import Protocol

from ohmycoins.sandbox.market import Market
from ohmycoins.sandbox.messages import Answer, Request
from ohmycoins.sandbox.sources.coinspot import Coinspot
from ohmycoins.sandbox.sources.cryptopanic import Cryptopanic
from ohmycoins.sandbox.sources.defillama import Defillama
from ohmycoins.sandbox.sources.help_centre import HelpCentre
from ohmycoins.sandbox.sources.news import News
from ohmycoins.sandbox.sources.reddit import Reddit
from ohmycoins.sandbox.sources.sec import Sec

KINDS = (Coinspot, HelpCentre, Sec, Reddit, Defillama, Cryptopanic, News)
NAMES = tuple(kind.name for kind in KINDS)


class Source(Protocol):
    """One outside host; what it answers follows from the market's seed and the request alone."""

    name: str

    def answer(self, request: Request) -> Answer | None:
        """Answer as the host would; None for a path that is not the host's."""
        ...


def sources_of(market: Market) -> tuple[Source, ...]:
    """Set up every source around one market."""
    return tuple(kind(market) for kind in KINDS)
