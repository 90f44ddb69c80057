"""Keep a coin's book anew, from its first entry: what comes late changes what every later sale closed.

One transaction, under the account's lock: whoever reads sees the book before or after. Lots, closings
and matches get new ids; every sum that they enter is recomputed from them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog

from apps.pnl import fifo
from apps.pnl.models import BookingFailure, Closing, GivenCost, Lot, Match
from apps.pnl.services.rollups import rebuild_sums
from apps.trading.models import Account, Fill, Movement
from apps.trading.records import BUY
from ohmycoins.core.money import ZERO, round_aud

log = structlog.get_logger(__name__)

BATCH = 5000


@dataclass(frozen=True, slots=True)
class Source:
    """Coins that came or went: a fill or a movement, and what the book makes of it."""

    key: tuple[datetime, int, str]
    """Its place: the instant (UTC), the source's own number, its reference."""
    fill_id: int | None
    movement_id: int | None
    algorithm_id: int | None
    ledger: str
    coming: bool
    quantity: Decimal
    amount: Decimal | None
    fee_aud: Decimal
    cost_unknown: bool = False

    @property
    def at(self) -> datetime:
        return self.key[0]


def rebuild_coin(account: Account, coin_type: str) -> None:
    """Book everything that happened to the account's coin, in the order in which it happened.

    Runs in the caller's transaction with the account locked; the same facts give the same book in
    whatever order they arrived.
    """
    sources = sorted(
        [*_fills(account, coin_type), *_movements(account, coin_type)], key=lambda source: source.key
    )
    replay = fifo.replay(
        fifo.Entry(number, source.algorithm_id, source.coming, source.quantity, source.amount)
        for number, source in enumerate(sources)
    )
    for rows in (Match, Closing, Lot):
        rows.objects.filter(account=account, coin_type=coin_type).delete()
    lots = _write_lots(account, coin_type, sources, replay)
    _write_closings(account, coin_type, sources, replay, lots)
    rebuild_sums(account, coin_type)
    BookingFailure.objects.filter(account=account, coin_type=coin_type).delete()
    log.info("book.rebuilt", account_id=account.pk, coin=coin_type, entries=len(sources))


def _fills(account: Account, coin_type: str) -> Iterable[Source]:
    rows = Fill.objects.filter(account=account, coin_type=coin_type).values_list(
        "executed_at", "sequence", "venue_fill_id", "pk", "algorithm_id", "ledger", "side", "quantity",
        "value_aud", "fee_aud",
    )  # fmt: skip
    for at, sequence, ref, pk, algorithm_id, ledger, side, quantity, value_aud, fee_aud in rows.iterator():
        amount = value_aud + fee_aud if side == BUY else value_aud - fee_aud
        yield Source(
            (at, sequence, ref), pk, None, algorithm_id, ledger, side == BUY, quantity, amount, fee_aud
        )


def _movements(account: Account, coin_type: str) -> Iterable[Source]:
    """Give the movements of coins; what a coin opened with is one, however many rows say it."""
    rows = Movement.objects.filter(account=account, coin_type=coin_type).order_by(
        "occurred_at", "sequence", "pk"
    )
    given = {
        cost.movement_id: cost for cost in GivenCost.objects.filter(movement__in=rows).order_by("pk")
    }  # the newest word is the last
    openings = [row for row in rows if row.kind == Movement.Kind.OPENING]
    for row in rows:
        if row not in openings:
            yield _moved(row, row.quantity, given.get(row.pk))
    if quantity := sum((row.quantity for row in openings), ZERO):
        yield _moved(openings[0], quantity, given.get(openings[0].pk))


def _moved(movement: Movement, quantity: Decimal, given: GivenCost | None) -> Source:
    cost = given.cost_aud if given else round_aud(quantity * (movement.unit_price or ZERO))
    at = (given.acquired_at if given else None) or movement.occurred_at
    return Source(
        key=(at, movement.sequence, movement.venue_ref or ""), fill_id=None, movement_id=movement.pk, algorithm_id=None,
        ledger="", coming=quantity > 0, quantity=abs(quantity), amount=cost if quantity > 0 else None, fee_aud=ZERO,
        cost_unknown=quantity > 0 and given is None,
    )  # fmt: skip


def _write_lots(
    account: Account, coin_type: str, sources: list[Source], replay: fifo.Replay
) -> dict[int, Lot]:
    lots = {
        number: Lot(
            **_of(account, coin_type, sources[number]), remaining_quantity=left.remaining_quantity,
            cost=sources[number].amount or ZERO, remaining_cost=left.remaining_cost, acquired_at=sources[number].at,
            cost_unknown=sources[number].cost_unknown,
        )
        for number, left in sorted(replay.lots.items())
    }  # fmt: skip
    Lot.objects.bulk_create(lots.values(), batch_size=BATCH)
    return lots


def _write_closings(
    account: Account, coin_type: str, sources: list[Source], replay: fifo.Replay, lots: dict[int, Lot]
) -> None:
    closings = {
        number: Closing(
            **_of(account, coin_type, sources[number]), unmatched_quantity=closing.unmatched_quantity,
            unmatched_proceeds=closing.unmatched_proceeds, proceeds=closing.proceeds, cost=closing.cost,
            realized_pnl=closing.realized_pnl, closed_at=sources[number].at,
        )
        for number, closing in replay.closings.items()
    }  # fmt: skip
    Closing.objects.bulk_create(closings.values(), batch_size=BATCH)
    Match.objects.bulk_create(
        (
            Match(
                closing=row, lot=lots[part.lot.id], account=account, coin_type=coin_type,
                algorithm_id=part.lot.book, ledger=lots[part.lot.id].ledger, quantity=part.quantity, cost=part.cost,
                proceeds=part.proceeds, realized_pnl=part.realized_pnl,
                acquired_at=lots[part.lot.id].acquired_at, disposed_at=row.closed_at,
            )
            for number, row in closings.items()
            for part in replay.closings[number].slices
        ),
        batch_size=BATCH,
    )  # fmt: skip


def _of(account: Account, coin_type: str, source: Source) -> dict[str, Any]:
    return {
        "fill_id": source.fill_id, "movement_id": source.movement_id, "account": account, "coin_type": coin_type,
        "algorithm_id": source.algorithm_id, "ledger": source.ledger, "quantity": source.quantity,
        "fee_aud": source.fee_aud,
    }  # fmt: skip
