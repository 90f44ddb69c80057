"""What every simulated venue in VENUES must do."""

from datetime import UTC, datetime
from decimal import Decimal as D

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from apps.trading.records import Quote
from apps.trading.venues.base import SimulatedVenue
from ohmycoins.core import seams

PRICES = st.decimals("0.00000001", 10**9, places=8)


MODES = {slug: seams.load("VENUES")[slug].mode for slug in sorted(settings.VENUES)}


@pytest.fixture(params=[slug for slug, mode in MODES.items() if mode == "paper"], scope="module")
def venue(request: pytest.FixtureRequest) -> SimulatedVenue:
    return seams.load("VENUES")[request.param]


@pytest.mark.parametrize("slug", MODES)
def test_names_itself_as_the_setting_does(slug: str) -> None:
    venue = seams.load("VENUES")[slug]
    assert seams.load("VENUES")[venue.slug] is venue
    assert venue.mode in ("paper", "live")
    assert 0 <= venue.fee_rate < D("0.1")


@given(bid=PRICES, ask=PRICES, limit_price=PRICES, side=st.sampled_from(["buy", "sell"]))
def test_never_fills_worse_than_the_limit_and_fills_all_or_nothing(
    venue: SimulatedVenue, bid: D, ask: D, limit_price: D, side: str
) -> None:
    quote = Quote(bid=bid, ask=ask, last=bid, observed_at=datetime(2026, 1, 1, tzinfo=UTC))
    for act in (venue.arrive, venue.rest):
        execution = act(side=side, quantity=D(2), limit_price=limit_price, quote=quote)
        reached = ask <= limit_price if side == "buy" else bid >= limit_price
        assert (execution is not None) == reached
        if execution:
            assert execution.quantity == 2
            assert execution.price <= limit_price if side == "buy" else execution.price >= limit_price
