"""Define an order's states and the moves between them; the database holds the same table.

An order is DENIED by us, REJECTED by the venue, and UNKNOWN when neither has said yet.
"""

from collections.abc import Iterable
from enum import StrEnum


class Status(StrEnum):
    PENDING = "pending"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    DENIED = "denied"
    REJECTED = "rejected"
    EXPIRED = "expired"
    NOT_PLACED = "not_placed"
    NEEDS_REVIEW = "needs_review"


S = Status

QUEUED = frozenset({S.PENDING})
UNRESOLVED = frozenset({S.SUBMITTING, S.UNKNOWN})
RESTING = frozenset({S.OPEN, S.PARTIALLY_FILLED})
IN_FLIGHT = QUEUED | UNRESOLVED | RESTING | {S.CANCELLING, S.NEEDS_REVIEW}
TERMINAL = frozenset(Status) - IN_FLIGHT

# What the venue may show of an order that reached it.
AT_VENUE = frozenset({S.OPEN, S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    S.PENDING: frozenset({S.SUBMITTING, S.DENIED, S.EXPIRED, S.CANCELLED}),
    S.SUBMITTING: frozenset({S.OPEN, S.PARTIALLY_FILLED, S.FILLED, S.REJECTED, S.PENDING, S.UNKNOWN}),
    S.UNKNOWN: frozenset({S.OPEN, S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.NOT_PLACED, S.NEEDS_REVIEW}),
    S.OPEN: frozenset({S.PARTIALLY_FILLED, S.FILLED, S.CANCELLING, S.CANCELLED, S.NEEDS_REVIEW}),
    # To itself: every further fill is a move of its own.
    S.PARTIALLY_FILLED: frozenset({S.PARTIALLY_FILLED, S.FILLED, S.CANCELLING, S.CANCELLED, S.NEEDS_REVIEW}),
    # A fill may arrive while a cancel is under way, or after it: fills win.
    S.CANCELLING: frozenset({S.OPEN, S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.NEEDS_REVIEW}),
    S.CANCELLED: frozenset({S.FILLED, S.NEEDS_REVIEW}),
    S.FILLED: frozenset({S.NEEDS_REVIEW}),
    S.NOT_PLACED: AT_VENUE,
    # A person decides, with a reason; never back into the queue.
    S.NEEDS_REVIEW: frozenset(Status) - {S.NEEDS_REVIEW, S.PENDING, S.SUBMITTING},
    S.DENIED: frozenset(),
    S.REJECTED: frozenset(),
    S.EXPIRED: frozenset(),
}


def values(statuses: Iterable[Status]) -> list[str]:
    """Give the statuses as the database spells them, in order."""
    return sorted(status.value for status in statuses)


def may_move(source: Status | str, target: Status | str) -> bool:
    """Tell whether the table has the move."""
    return Status(target) in TRANSITIONS[Status(source)]
