"""Read the recorded order book that orders on paper are filled from."""

from dataclasses import dataclass
from datetime import datetime

from apps.ledgers.models import LatestDepth
from apps.ledgers.records import Level, levels_of
from apps.trading.records import BUY
from apps.trading.safety import STALE_AFTER


@dataclass(frozen=True, slots=True)
class OtherSide:
    """The levels that an order meets, best first, and when the book was first seen as it is."""

    levels: tuple[Level, ...]
    observed_at: datetime


def read_depth(coin_type: str, side: str, *, mode: str, now: datetime) -> OtherSide | None:
    """Read what stands against an order, in one query.

    None when there is no depth to go by: none is recorded, or it was last seen longer ago than a price
    may be old to buy by.
    """
    fresh = LatestDepth.objects.in_aud().seen_since(now - STALE_AFTER[mode])
    levels = "depth__asks" if side == BUY else "depth__bids"
    row = fresh.filter(coin_type=coin_type).values_list(levels, "depth__observed_at").first()
    return OtherSide(levels=levels_of(row[0]), observed_at=row[1]) if row else None
