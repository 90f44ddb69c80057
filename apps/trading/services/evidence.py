"""Look in a reading of the venue for what may be an order of ours."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from apps.trading import matching
from apps.trading.matching import Candidate, Unsearchable, Wanted
from apps.trading.models import Fill, Order
from apps.trading.records import Reading, VenueTrade
from apps.trading.states import Status
from ohmycoins.core import clock
from ohmycoins.core.money import ZERO, plain


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
        for other in Order.objects.watched(clock.now(), reading.venue_ids).filter(account_id=order.account_id)
        if other.venue_order_id and other.pk != order.pk
    ]
    findings, foreign = matching.attribute(others, reading.orders, unrecorded(order.account_id, reading))
    ids = {other.venue_order_id for other in others}
    free = [listed for listed in reading.orders if listed.id not in ids]
    disputed = [trade for finding in findings.values() for trade in finding.loose]
    try:
        found = matching.candidates(as_wanted(order), free, foreign)
        contested = matching.candidates(as_wanted(order), free, [*foreign, *disputed])
    except Unsearchable:
        return Search([], sure=False)
    return Search(contested or found, sure=found == contested)


def unrecorded(account_id: int, reading: Reading) -> list[VenueTrade]:
    """Give the trades of a reading that are no fills of ours yet."""
    keys = [trade.key for trade in reading.trades]
    known = set(
        Fill.objects.filter(account_id=account_id, venue_fill_id__in=keys).values_list(
            "venue_fill_id", flat=True
        )
    )
    return [trade for trade in reading.trades if trade.key not in known]


def as_wanted(order: Order) -> Wanted:
    """Give the order as `matching` looks for it."""
    return Wanted(
        id=order.pk, side=order.side, coin_type=order.coin_type, quantity=order.quantity or ZERO,
        limit_price=order.limit_price or ZERO, since=order.submitted_at or order.created_at,
        until=order.fenced_at, venue_order_id=order.venue_order_id, filled=order.filled_quantity,
        ended=order.status in (Status.FILLED, Status.CANCELLED), in_review=order.status == Status.NEEDS_REVIEW,
    )  # fmt: skip


def as_json(candidate: Candidate) -> dict[str, Any]:
    """Give a candidate as it is kept for the person who chooses; its name tells it from the others."""
    keys = ",".join(trade.key for trade in candidate.trades)
    digest = hashlib.blake2b(keys.encode(), digest_size=4).hexdigest()
    return {
        "name": candidate.venue_order_id or f"trades-{digest}", "venue_order_id": candidate.venue_order_id,
        "remaining": plain(candidate.remaining), "at": candidate.at.isoformat(),
        "trades": trades_as_json(candidate.trades),
    }  # fmt: skip


def trades_as_json(trades: Iterable[VenueTrade]) -> list[dict[str, str]]:
    """Give trades as they are kept for the person who says whose they are."""
    return [
        {"key": trade.key, "quantity": plain(trade.quantity), "price": plain(trade.price),
         "value_aud": plain(trade.value_aud), "fee_aud": plain(trade.fee_aud), "at": trade.at.isoformat()}
        for trade in trades
    ]  # fmt: skip
