"""Look in a reading of the venue for what may be an order of ours."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.trading import matching
from apps.trading.matching import CLOCK_SKEW, Candidate, Unsearchable, Wanted
from apps.trading.models import Account, Fill, Order
from apps.trading.records import Reading, VenueTrade
from apps.trading.states import Status
from ohmycoins.core import clock
from ohmycoins.core.money import ZERO, plain

# The name under which an order keeps trades that a person has said are not its own.
DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Search:
    """What at the venue a lost order may be."""

    candidates: list[Candidate]
    sure: bool
    """Whether that is all, and no other order of ours may be it, too."""

    @property
    def only(self) -> Candidate | None:
        """Give the one thing that it must be, if there is one."""
        return self.candidates[0] if self.sure and len(self.candidates) == 1 else None

    @property
    def nothing(self) -> bool:
        """Tell whether there is certainly no trace of it."""
        return self.sure and not self.candidates


def search(order: Order, reading: Reading) -> Search:
    """Look for a lost order among what no other order of ours is linked to, or misses trades of."""
    others = [
        as_wanted(other)
        for other in Order.objects.watched(clock.now(), reading.venue_ids)
        .filter(account_id=order.account_id)
        .with_end()
        .select_related("account")
        if other.venue_order_id and other.pk != order.pk
    ]
    wanted, account = as_wanted(order), order.account
    findings, foreign = matching.attribute(others, reading.orders, unrecorded(account, reading))
    ids = {other.venue_order_id for other in others}
    free = [listed for listed in reading.orders if listed.id not in ids]
    disputed = [trade for finding in findings.values() for trade in finding.loose]
    try:
        found = matching.candidates(wanted, free, foreign)
        contested = matching.candidates(wanted, free, [*foreign, *disputed])
    except Unsearchable:
        return Search([], sure=False)
    names = {candidate.venue_order_id for candidate in contested}
    near = [
        candidate for candidate in matching.near_misses(wanted, free) if candidate.venue_order_id not in names
    ]
    sure = found == contested and not near and not any(_is_late(candidate, wanted) for candidate in found)
    return Search([*(contested or found), *near], sure)


def _is_late(candidate: Candidate, wanted: Wanted) -> bool:
    """Tell whether something that was filled whole was so after the order could have arrived."""
    latest = (wanted.until or wanted.since) + CLOCK_SKEW
    return not candidate.remaining and any(trade.at > latest for trade in candidate.trades)


def unrecorded(account: Account, reading: Reading) -> list[VenueTrade]:
    """Give the trades of a reading that are no fills of ours yet.

    What was traded before the account was connected is in its opening balances: left out but for the
    venue's clock, which may be behind, and wholly where it names an order that was made elsewhere.
    """
    keys = [trade.key for trade in reading.trades]
    known = set(
        Fill.objects.filter(account=account, venue_fill_id__in=keys).values_list("venue_fill_id", flat=True)
    )
    elsewhere = set(
        Order.objects.filter(
            account=account, origin=Order.Origin.EXTERNAL, venue_order_id__in=reading.venue_ids
        ).values_list("venue_order_id", flat=True)
    )
    since = account.connected_at or reading.began_at
    return [
        trade
        for trade in reading.trades
        if trade.key not in known
        and trade.at >= (since if trade.order_id in elsewhere else since - CLOCK_SKEW)
    ]


def as_wanted(order: Order) -> Wanted:
    """Give the order as `matching` looks for it."""
    return Wanted(
        id=order.pk, side=order.side, coin_type=order.coin_type, quantity=order.quantity or ZERO,
        limit_price=order.limit_price or ZERO, since=_since(order),
        until=getattr(order, "ended_at", None) or order.fenced_at, venue_order_id=order.venue_order_id, filled=order.filled_quantity,
        ended=order.status in (Status.FILLED, Status.CANCELLED), in_review=order.status == Status.NEEDS_REVIEW,
    )  # fmt: skip


def _since(order: Order) -> datetime:
    """Give when trades may be the order's own; one made elsewhere has older ones in the opening balances."""
    since = order.submitted_at or order.created_at
    connected_at = order.account.connected_at
    if order.origin == Order.Origin.EXTERNAL and connected_at:
        return max(since, connected_at + CLOCK_SKEW)
    return since


def as_json(candidate: Candidate) -> dict[str, Any]:
    """Give a candidate as it is kept for the person who chooses; its name tells it from the others."""
    keys = ",".join(trade.key for trade in candidate.trades)
    digest = hashlib.blake2b(keys.encode(), digest_size=4).hexdigest()
    return {
        "name": candidate.venue_order_id or f"trades-{digest}", "venue_order_id": candidate.venue_order_id,
        "remaining": plain(candidate.remaining), "at": candidate.at.isoformat(),
        "trades": trades_as_json(candidate.trades),
    } | ({} if candidate.rate is None else {"rate": plain(candidate.rate)})  # fmt: skip


def trades_as_json(trades: Iterable[VenueTrade]) -> list[dict[str, str]]:
    """Give trades as they are kept for the person who says whose they are."""
    return [
        {"key": trade.key, "quantity": plain(trade.quantity), "price": plain(trade.price),
         "value_aud": plain(trade.value_aud), "fee_aud": plain(trade.fee_aud), "at": trade.at.isoformat()}
        for trade in trades
    ]  # fmt: skip
