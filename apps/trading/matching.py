"""Tell which of the venue's orders and trades are ours; pure.

The problem: the venue takes no name of ours for an order, the answer to a submit may be lost, and
trades may be listed without saying whose they are. What there is: the exact amount, which we make
unique among our own orders of a coin, side and price for two days (`safety.unlike`), the price, and
the time. So a lost order is looked for by what it asked for (`candidates`), and trades without an
order's id are dealt out so that every order's amount adds up (`attribute`). Where more than one answer
fits, none is chosen: a person looks.

Declined: taking the nearest amount or the latest trade, which is right most of the time.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice

from apps.trading.records import BUY, VenueOrder, VenueTrade
from ohmycoins.core.money import ZERO

# How far the venue's clock may lie from ours.
CLOCK_SKEW = timedelta(seconds=60)
# Beyond so many trades that could be meant, looking for those that add up is not worth it.
MOST_TRADES = 14


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order of ours, as it is looked for at the venue."""

    id: int
    side: str
    coin_type: str
    quantity: Decimal
    limit_price: Decimal
    since: datetime
    """When it may have reached the venue at the earliest, by our clock."""
    until: datetime | None = None
    """When at the latest; None for an order known to be there."""
    venue_order_id: str | None = None
    filled: Decimal = ZERO
    """What we recorded of it already."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something at the venue that a lost order may have become."""

    venue_order_id: str | None
    remaining: Decimal
    trades: tuple[VenueTrade, ...]
    at: datetime

    @property
    def name(self) -> str:
        """Tell it from the others: the venue's id, or the first trade's key."""
        return self.venue_order_id or self.trades[0].key


@dataclass(slots=True)
class Finding:
    """What a reading says of one order of ours."""

    remaining: Decimal | None
    """Coins still on the book; None when the order is not listed."""
    trades: list[VenueTrade] = field(default_factory=list)
    """New trades of its own: with them, what is left and what is filled come to its amount."""
    loose: list[VenueTrade] = field(default_factory=list)
    """New trades that may be its own, but that do not make its amount come out."""
    doubtful: bool = False
    """Whether the loose ones are too many, or may be another order's."""


def candidates(wanted: Wanted, orders: Iterable[VenueOrder], trades: Sequence[VenueTrade]) -> list[Candidate]:
    """Give everything at the venue that the order may have become, oldest first.

    `orders` and `trades` are those that no order of ours is linked to. An order on the book counts when
    what is left of it and trades that could be its own come to the exact amount.
    """
    fitting = [trade for trade in trades if _could_be(trade, wanted)]
    named = defaultdict(list)
    for trade in fitting:
        if trade.order_id is not None:
            named[trade.order_id].append(trade)
    nameless = [trade for trade in fitting if trade.order_id is None]
    found = []
    for order in orders:
        own = named.pop(order.id, [])
        if not _is_like(order, wanted):
            continue
        missing = wanted.quantity - order.remaining - _sum(own)
        for part in _summing_to(missing, [] if own else nameless):
            found.append(Candidate(order.id, order.remaining, (*own, *part), order.created_at))
            break  # the same order however its trades are chosen
    for order_id, own in named.items():
        if _sum(own) == wanted.quantity:
            found.append(Candidate(order_id, ZERO, tuple(own), own[0].at))
    if not found:
        found = [
            Candidate(None, ZERO, part, part[0].at) for part in _summing_to(wanted.quantity, nameless) if part
        ]
    return sorted(found, key=lambda candidate: candidate.at)


def attribute(
    wanted: Sequence[Wanted], orders: Iterable[VenueOrder], trades: Sequence[VenueTrade]
) -> tuple[dict[int, Finding], list[VenueTrade]]:
    """Deal new trades out to orders that are known to be at the venue; give what nobody can own, too.

    Trades that name an order are its own. The others are dealt out, coin by coin and side by side,
    so that each order's trades and what is left of it come to its amount. Where that cannot be done,
    or in several ways, the trades stay loose: a list may lag behind, or hold a row twice.
    """
    remaining = {order.id: order.remaining for order in orders}
    findings = {order.id: Finding(remaining=remaining.get(order.venue_order_id or "")) for order in wanted}
    by_venue_id = {order.venue_order_id: order for order in wanted if order.venue_order_id}
    named, nameless, foreign = defaultdict(list), defaultdict(list), []
    for trade in trades:
        if trade.order_id is None:
            nameless[trade.coin_type, trade.side].append(trade)
        elif trade.order_id in by_venue_id:
            named[by_venue_id[trade.order_id]].append(trade)
        else:
            foreign.append(trade)
    for order, own in named.items():
        _give(order, own, findings[order.id])
    for (coin_type, side), group in nameless.items():
        owners = [order for order in wanted if (order.coin_type, order.side) == (coin_type, side)]
        foreign += _deal(owners, group, findings)
    return findings, foreign


def _missing(order: Wanted, finding: Finding) -> Decimal:
    """Give the coins that left the book and that no trade accounts for yet; negative if too many do."""
    return order.quantity - order.filled - (finding.remaining or ZERO) - _sum(finding.trades)


def _give(order: Wanted, own: list[VenueTrade], finding: Finding) -> None:
    """Give an order the trades that name it, unless they are more than it can have made."""
    if _sum(own) > _missing(order, finding):
        finding.loose, finding.doubtful = own, True
    else:
        finding.trades = own


def _deal(owners: list[Wanted], trades: list[VenueTrade], findings: dict[int, Finding]) -> list[VenueTrade]:
    """Deal trades without an order's id out to `owners`; give those that fit none of them."""
    missing = {order.id: _missing(order, findings[order.id]) for order in owners}
    hungry = [order for order in owners if missing[order.id] > 0]
    ways = list(islice(_ways(hungry, trades, missing), 2))
    if len(ways) == 1:
        for order_id, part in ways[0].items():
            findings[order_id].trades += part
        dealt = {trade.key for part in ways[0].values() for trade in part}
        return [trade for trade in trades if trade.key not in dealt]
    for order in hungry:
        finding = findings[order.id]
        finding.loose = [trade for trade in trades if _could_be(trade, order)]
        # Alone, and gone from the book with less than it asked for, it may have been cancelled.
        alone = len(hungry) == 1 and finding.remaining is None
        finding.doubtful = bool(finding.loose) and not (alone and _sum(finding.loose) < missing[order.id])
    claimed = {trade.key for order in hungry for trade in findings[order.id].loose}
    return [trade for trade in trades if trade.key not in claimed]


def _ways(
    orders: list[Wanted], trades: list[VenueTrade], missing: dict[int, Decimal]
) -> Iterator[dict[int, tuple[VenueTrade, ...]]]:
    """Give the ways in which every order gets trades that come to what it misses."""
    if not orders:
        yield {}
        return
    order, *others = orders
    for part in _summing_to(missing[order.id], [trade for trade in trades if _could_be(trade, order)]):
        keys = {trade.key for trade in part}
        for rest in _ways(others, [trade for trade in trades if trade.key not in keys], missing):
            yield {order.id: part} | rest


def _summing_to(total: Decimal, trades: Sequence[VenueTrade]) -> Iterator[tuple[VenueTrade, ...]]:
    """Give the sets of trades that come to exactly `total`: a single one if there is, else any."""
    if total == 0:
        yield ()
        return
    single = [(trade,) for trade in trades if trade.quantity == total]
    if single:
        yield from single
    elif total > 0 and len(trades) <= MOST_TRADES:
        yield from _subsets(total, tuple(trades))


def _subsets(total: Decimal, trades: tuple[VenueTrade, ...]) -> Iterator[tuple[VenueTrade, ...]]:
    for place, trade in enumerate(trades):
        left = total - trade.quantity
        if left == 0:
            yield (trade,)
        elif left > 0:
            for rest in _subsets(left, trades[place + 1 :]):
                yield (trade, *rest)


def _is_like(order: VenueOrder, wanted: Wanted) -> bool:
    late = wanted.until is not None and order.created_at > wanted.until + CLOCK_SKEW
    return (
        (order.coin_type, order.side, order.rate) == (wanted.coin_type, wanted.side, wanted.limit_price)
        and order.remaining <= wanted.quantity
        and order.created_at >= wanted.since - CLOCK_SKEW
        and not late
    )


def _could_be(trade: VenueTrade, wanted: Wanted) -> bool:
    """Tell whether the order could have made the trade: no worse than its limit, not before its time."""
    within = trade.price <= wanted.limit_price if wanted.side == BUY else trade.price >= wanted.limit_price
    return (
        (trade.coin_type, trade.side) == (wanted.coin_type, wanted.side)
        and within
        and trade.at >= wanted.since - CLOCK_SKEW
    )


def _sum(trades: Iterable[VenueTrade]) -> Decimal:
    return sum((trade.quantity for trade in trades), ZERO)
