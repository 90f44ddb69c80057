"""React to events: buy once on good news of weight, sell after a while, or at once on bad news."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from apps.trading.algorithms.base import Coin, Input, Parameters, Series, Signal, Stake, hold, refs
from apps.trading.algorithms.rows import Happened
from apps.trading.algorithms.view import View
from apps.trading.records import BUY, SELL

MAX_AGE = timedelta(days=5)
"""Filings bear business days and are read the next morning: over a long weekend nothing happens."""
A_DAY = timedelta(days=1)
EventType = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,50}$")]


class CatalystReactionParameters(Parameters):
    coin_type: Coin = Field(default="BTC", description="What to trade, and whose events to watch.")
    buy_on: tuple[EventType, ...] = Field(
        default=("listing",), min_length=1, max_length=20, description="Event types that are good for it."
    )
    sell_on: tuple[EventType, ...] = Field(
        default=("delisting", "trading_halt", "suspension"), max_length=20,
        description="Event types that are bad for it. What is in neither list, such as a filing, is ignored.",
    )  # fmt: skip
    minimum_impact: int = Field(default=8, ge=1, le=10, description="The least impact that counts, of 10.")
    window_hours: int = Field(default=36, ge=1, le=719, description="How old an event may be to react to it.")
    hold_hours: int = Field(
        default=72, ge=2, le=720, description="Sell so long after the purchase, or after a later good event."
    )
    fraction: Stake = Decimal(1)

    @model_validator(mode="after")
    def _once_an_event(self) -> "CatalystReactionParameters":
        if both := sorted(set(self.buy_on) & set(self.sell_on)):
            raise ValueError(f"{', '.join(both)} cannot be both good (buy_on) and bad (sell_on)")
        self.require_less("window_hours", "hold_hours", ", or the same event would be bought on twice")
        return self


class CatalystReaction:
    """Buys when something good and weighty happens to a coin; sells all after a set time, or at once on bad news.

    The newest event decides. It buys once an event: what it bought is sold only when that event is too old to
    react to, or when a worse and newer one stands above it.
    Why: an announcement reaches people over hours, not at once.
    Where it fails: much of the move is over before the event is read (announcements hourly, filings daily); good
    news is often sold by those who knew; what kind of event it is is told from a headline.
    """

    slug = "catalyst_reaction"
    title = "Catalyst reaction"
    version = "1"
    parameters = CatalystReactionParameters

    def inputs(self, parameters: CatalystReactionParameters) -> tuple[Input, ...]:
        within = _remembered(parameters)
        return (Input(series=Series.EVENTS, of=parameters.coin_type, max_age=MAX_AGE, within=within),)

    def decide(self, view: View) -> Signal:
        wanted: CatalystReactionParameters = view.parameters
        events = _weighty(view.events(wanted.coin_type, _remembered(wanted)), wanted)
        since = view.now - timedelta(hours=wanted.window_hours)
        last = events[-1] if events and events[-1].occurred_at >= since else None
        is_bad = last is not None and last.event_type in wanted.sell_on
        position = view.book.positions.get(wanted.coin_type)
        if position is None or position.quantity <= 0:
            if last is None:
                return hold(f"nothing of weight happened within {wanted.window_hours} h")
            if is_bad:
                return hold(f"{last.event_type}, and nothing is held")
            return _signal(BUY, wanted, last, _said(last))
        if last is not None and is_bad:
            return _signal(SELL, wanted, last, _said(last))
        good = next((event for event in reversed(events) if event.event_type in wanted.buy_on), None)
        held_since = max(filter(None, (position.bought_at, good.occurred_at if good else None)), default=None)
        if held_since and view.now - held_since < timedelta(hours=wanted.hold_hours):
            return hold(f"held since {held_since:%Y-%m-%d %H:%M}, for {wanted.hold_hours} h")
        return _signal(SELL, wanted, good, f"{wanted.hold_hours} h are over")


def _remembered(wanted: CatalystReactionParameters) -> timedelta:
    """Give how far back the event lies, at most, that a holding to be sold was bought on."""
    return timedelta(hours=wanted.window_hours + wanted.hold_hours) + A_DAY


def _weighty(events: Iterable[Happened], wanted: CatalystReactionParameters) -> list[Happened]:
    """Give the events that count, the newest last; of one instant, a bad one."""
    counted = (*wanted.buy_on, *wanted.sell_on)
    found = [
        each for each in events if each.event_type in counted and each.impact_score >= wanted.minimum_impact
    ]
    return sorted(found, key=lambda each: (each.occurred_at, each.event_type in wanted.sell_on, each.ref.id))


def _said(event: Happened) -> str:
    return f"{event.event_type}, impact {event.impact_score}: {event.title[:200]}"


def _signal(action: str, wanted: CatalystReactionParameters, event: Happened | None, reason: str) -> Signal:
    return Signal(
        action=action, coin_type=wanted.coin_type, fraction=wanted.fraction if action == BUY else Decimal(1),
        confidence=Decimal(event.impact_score) / 10 if event else Decimal(1),
        reason=reason, evidence=refs([event] if event else []),
    )  # fmt: skip
