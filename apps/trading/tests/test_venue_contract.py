"""What every simulated venue in VENUES must do."""

from datetime import UTC, datetime
from decimal import Decimal as D

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from apps.ledgers.records import Level
from apps.trading.records import Quote
from apps.trading.venues.base import SimulatedVenue
from ohmycoins.core import seams
from ohmycoins.core.money import floor_quantity

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


def quoted(bid: D, ask: D) -> Quote:
    return Quote(bid=bid, ask=ask, last=bid, observed_at=datetime(2026, 1, 1, tzinfo=UTC))


@given(bid=PRICES, ask=PRICES, limit_price=PRICES, side=st.sampled_from(["buy", "sell"]))
def test_without_depth_never_fills_worse_than_the_limit_and_fills_all_or_nothing(
    venue: SimulatedVenue, bid: D, ask: D, limit_price: D, side: str
) -> None:
    for act in (venue.arrive, venue.rest):
        executions = act(
            side=side, quantity=D(2), limit_price=limit_price, quote=quoted(bid, ask), levels=None
        )
        reached = ask <= limit_price if side == "buy" else bid >= limit_price
        assert sum(execution.quantity for execution in executions) == (2 if reached else 0)
        for execution in executions:
            assert execution.price <= limit_price if side == "buy" else execution.price >= limit_price


# Few prices, so that limits meet levels; quantities with more decimals than an order has.
STEPS = st.integers(1, 12).map(D)
HELD = st.decimals("0.000000001", 5, places=9)


@given(
    bid=STEPS, ask=STEPS, limit_price=STEPS, side=st.sampled_from(["buy", "sell"]),
    quantity=st.decimals("0.00000001", 20, places=8), held=st.dictionaries(STEPS, HELD, max_size=12),
)  # fmt: skip
def test_with_depth_never_fills_worse_than_the_limit_nor_more_than_ordered_or_offered(
    venue: SimulatedVenue, bid: D, ask: D, limit_price: D, side: str, quantity: D, held: dict[D, D]
) -> None:
    best_first = sorted(held, reverse=side == "sell")
    levels = [Level(price, held[price]) for price in best_first]
    within = {
        price: amount
        for price, amount in held.items()
        if (price <= limit_price if side == "buy" else price >= limit_price)
    }
    for act in (venue.arrive, venue.rest):
        executions = act(
            side=side, quantity=quantity, limit_price=limit_price, quote=quoted(bid, ask), levels=levels
        )
        filled = sum(execution.quantity for execution in executions)
        assert filled <= min(quantity, sum(within.values()))
        for execution in executions:
            assert execution.quantity > 0
            assert execution.quantity == floor_quantity(execution.quantity), "an order has 8 decimals"
            assert execution.price <= limit_price if side == "buy" else execution.price >= limit_price
        if act == venue.arrive:
            prices = [execution.price for execution in executions]
            assert prices == [price for price in best_first if price in prices], "best first, each once"
            assert all(execution.quantity <= within[execution.price] for execution in executions)
            assert filled == min(quantity, sum(floor_quantity(amount) for amount in within.values()))
        else:
            reached = ask <= limit_price if side == "buy" else bid >= limit_price
            assert reached or not executions
            assert {execution.price for execution in executions} <= {limit_price}
