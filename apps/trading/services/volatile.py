"""Mark markets volatile, which halves the limits for their coin, and record who did it and why."""

from django.db import transaction

from apps.trading.models import Event, VolatileMarket
from ohmycoins.core import clock


@transaction.atomic
def mark_market(coin_type: str, *, reason: str, actor: str) -> VolatileMarket:
    """Mark a coin's market; one that is marked already stays as it is."""
    now = clock.now()
    row, made = VolatileMarket.objects.get_or_create(
        coin_type=coin_type, defaults={"reason": reason, "marked_by": actor, "marked_at": now}
    )
    if made:
        _record("market.marked", coin_type, reason=reason, actor=actor)
    return row


@transaction.atomic
def unmark_market(coin_type: str, *, actor: str) -> None:
    """Take the mark off a coin's market; one that has none stays as it is."""
    row = VolatileMarket.objects.select_for_update().filter(coin_type=coin_type).first()
    if row:
        row.delete()
        _record("market.unmarked", coin_type, reason=f"was marked: {row.reason}", actor=actor)


def _record(type_: str, coin_type: str, *, reason: str, actor: str) -> None:
    Event.objects.create(
        type=type_, at=clock.now(), actor=actor, reason=reason[:300], inputs={"coin_type": coin_type}
    )
