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
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain, islice

from apps.trading.records import BUY, VenueOrder, VenueTrade
from ohmycoins.core.money import ZERO

# How far the venue's clock may lie from ours.
CLOCK_SKEW = timedelta(seconds=60)
# By how much a venue's rounding may change an amount or a price.
MOST_ROUNDING = Decimal("0.01")
# How many sets of trades are looked at before a search is given up; a second's work.
MOST_STEPS = 100_000
# Among more trades nothing is searched for, but whether all of them are meant.
MOST_TRADES = 300
# Of ways that a person is to choose from.
MOST_SHOWN = 10


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
    """When at the latest, or, of one that ended, when it did; None for an order that rests there."""
    venue_order_id: str | None = None
    filled: Decimal = ZERO
    """What we recorded of it already."""
    ended: bool = False
    """Whether it is filled or cancelled as far as we know: a late trade may still complete it."""
    in_review: bool = False
    """Whether a person is looking at it: it takes trades that name it, and no others."""


class Unsearchable(Exception):
    """There are too many ways to add the trades up; which is the right one was not found out."""


class Budget:
    """Count the steps of a search, and end it when it takes too many."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self.steps = steps

    def spend(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise Unsearchable


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something at the venue that a lost order may have become."""

    venue_order_id: str | None
    remaining: Decimal
    trades: tuple[VenueTrade, ...]
    at: datetime
    rate: Decimal | None = None
    """The venue's own, where it differs from the order's."""


@dataclass(slots=True)
class Finding:
    """What a reading says of one order of ours."""

    remaining: Decimal | None
    """Coins still on the book; None when the order is not listed."""
    trades: list[VenueTrade] = field(default_factory=list)
    """New trades of its own."""
    loose: list[VenueTrade] = field(default_factory=list)
    """New trades that may be its own, but that do not make its amount come out."""
    doubtful: bool = False
    """Whether the loose ones are too many, or may be another order's."""


def candidates(wanted: Wanted, orders: Iterable[VenueOrder], trades: Sequence[VenueTrade]) -> list[Candidate]:
    """Give everything at the venue that the order may have become, oldest first.

    `orders` and `trades` are those that no order of ours is linked to. An order on the book counts when
    what is left of it and trades that could be its own come to the exact amount; it takes trades that do
    not name it only where there is one way to. Raises Unsearchable.
    """
    budget = Budget()
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
        ways = list(islice(_summing_to(missing, [] if own else nameless, budget), 2))
        if ways:
            part = ways[0] if len(ways) == 1 else ()
            found.append(Candidate(order.id, order.remaining, (*own, *part), order.created_at))
    for order_id, own in named.items():
        if _sum(own) == wanted.quantity:
            found.append(Candidate(order_id, ZERO, tuple(own), own[0].at))
    if not found:
        ways = list(islice(_summing_to(wanted.quantity, nameless, budget), MOST_SHOWN))
        found = [Candidate(None, ZERO, part, part[0].at) for part in ways]
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
    """Deal trades without an order's id out to `owners`; give those that fit none of them.

    What left the book must have been traded; an order that is gone from it may also have been cancelled,
    and take nothing. Of all ways to deal, those that leave the fewest orders without an
    explanation count; what they agree on is dealt, and what they do not is doubtful.
    """
    missing = {order.id: _missing(order, findings[order.id]) for order in owners}
    hungry = [
        order
        for order in owners
        if missing[order.id] > 0 and not order.in_review and any(_could_be(trade, order) for trade in trades)
    ]
    try:
        best = _best_ways(hungry, trades, missing, findings)
    except Unsearchable:
        best = []
    for order in hungry:
        finding = findings[order.id]
        if len({_worth(way[order.id]) for way in best}) == 1:
            finding.trades += best[0][order.id]
        else:
            finding.doubtful = True
    dealt = {trade.key for order in hungry for trade in findings[order.id].trades}
    left = [trade for trade in trades if trade.key not in dealt]
    for order in hungry:
        finding = findings[order.id]
        if _missing(order, finding) > 0 and (finding.doubtful or not order.ended):
            finding.loose = [trade for trade in left if _could_be(trade, order)]
            if finding.remaining is not None or _sum(finding.loose) > _missing(order, finding):
                finding.doubtful = finding.doubtful or bool(finding.loose)
        finding.doubtful = finding.doubtful and bool(finding.loose)
    claimed = {trade.key for order in hungry for trade in findings[order.id].loose}
    return [trade for trade in left if trade.key not in claimed]


def _worth(part: tuple[VenueTrade, ...]) -> tuple[tuple[Decimal, Decimal, Decimal], ...]:
    """Give what trades come to: those that are alike may stand for each other."""
    return tuple(sorted((trade.quantity, trade.value_aud, trade.fee_aud) for trade in part))


def _best_ways(
    hungry: list[Wanted], trades: list[VenueTrade], missing: dict[int, Decimal], findings: dict[int, Finding]
) -> list[dict[int, tuple[VenueTrade, ...]]]:
    """Give the ways to deal that explain the most orders, those that have not ended first. Raises Unsearchable."""
    must = {order.id for order in hungry if findings[order.id].remaining is not None}
    ways = list(_ways(hungry, trades, missing, must, Budget()))
    alive = {order.id for order in hungry if not order.ended}

    def explained(way: dict[int, tuple[VenueTrade, ...]]) -> tuple[int, int]:
        got = {order_id for order_id, part in way.items() if part}
        return len(got & alive), len(got)

    most = max(map(explained, ways), default=(0, 0))
    return [way for way in ways if explained(way) == most]


def _ways(
    orders: list[Wanted],
    trades: list[VenueTrade],
    missing: dict[int, Decimal],
    must: set[int],
    budget: Budget,
) -> Iterator[dict[int, tuple[VenueTrade, ...]]]:
    """Give the ways in which orders get trades that come to what they miss, or, unless they must, none."""
    if not orders:
        yield {}
        return
    order, *others = orders
    fitting = [trade for trade in trades if _could_be(trade, order)]
    for part in chain(_summing_to(missing[order.id], fitting, budget), [] if order.id in must else [()]):
        keys = {trade.key for trade in part}
        rest = [trade for trade in trades if trade.key not in keys]
        for way in _ways(others, rest, missing, must, budget):
            yield {order.id: part} | way


def _summing_to(
    total: Decimal, trades: Sequence[VenueTrade], budget: Budget
) -> Iterator[tuple[VenueTrade, ...]]:
    """Give the sets of trades that come to exactly `total`. Raises Unsearchable."""
    if total in (ZERO, _sum(trades)):
        yield tuple(trades) if total else ()
        return
    if len(trades) > MOST_TRADES:
        raise Unsearchable
    ordered = sorted(trades, key=lambda trade: trade.quantity, reverse=True)
    rests = [ZERO]
    for trade in reversed(ordered):
        rests.append(rests[-1] + trade.quantity)
    rests.reverse()  # rests[n] is what the trades from the nth on come to

    def search(left: Decimal, place: int) -> Iterator[tuple[VenueTrade, ...]]:
        budget.spend()
        if left == 0:
            yield ()
        elif left > 0 and rests[place] >= left:
            trade = ordered[place]
            for others in search(left - trade.quantity, place + 1):
                yield (trade, *others)
            yield from search(left, place + 1)

    for part in search(total, 0):
        yield tuple(sorted(part, key=lambda trade: trade.at))


def near_misses(wanted: Wanted, orders: Iterable[VenueOrder]) -> list[Candidate]:
    """Give orders on the book that are like the wanted one, but for an amount or price that does not come out.

    The venue may have rounded either, or its list of trades may lag behind.
    """
    near = wanted.limit_price * MOST_ROUNDING
    return [
        Candidate(order.id, order.remaining, (), order.created_at, rate=order.rate)
        for order in orders
        if abs(order.rate - wanted.limit_price) <= near
        and _is_like(replace(order, rate=wanted.limit_price), wanted)
    ]


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
        and not (wanted.ended and wanted.until is not None and trade.at > wanted.until + CLOCK_SKEW)
    )


def _sum(trades: Iterable[VenueTrade]) -> Decimal:
    return sum((trade.quantity for trade in trades), ZERO)
