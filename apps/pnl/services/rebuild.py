"""Keep a coin's book anew, from its first entry: what comes late changes what every later sale closed.

One transaction, under the account's lock: whoever reads sees the book before or after. Lots, closings
and matches get new ids; every sum that they enter is recomputed from them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.db import connection

from apps.pnl import fifo
from apps.pnl.models import BookingFailure, GivenCost
from apps.pnl.services.rollups import rebuild_sums
from apps.trading.models import Account, Fill, Movement
from apps.trading.records import BUY
from ohmycoins.core.money import ZERO, round_aud

log = structlog.get_logger(__name__)

FIRST = -1  # before every sequence that a source gives


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


def rebuild_coin(account: Account, coin_type: str) -> datetime | None:
    """Book everything that happened to the account's coin, in the order in which it happened.

    Gives the instant since when its book lacked something, if it was waiting to be booked: what the account
    was worth since then is the caller's to compute anew (`equity.revalue`).

    Runs in the caller's transaction with the account locked; the same facts give the same book in
    whatever order they arrived.
    """
    take_time()
    # Of one key, fills come first, then movements as they were recorded.
    fills, moved, opening = _read(account, coin_type)
    sources = sorted([*fills, *moved, *opening], key=lambda source: (source.key, source.movement_id or 0))
    replay = fifo.replay(
        fifo.Entry(number, source.algorithm_id, source.coming, source.quantity, source.amount)
        for number, source in enumerate(sources)
    )
    forget_coin(account, coin_type)
    lot_ids = _write_lots(account, coin_type, sources, replay)
    _write_closings(account, coin_type, sources, replay, lot_ids)
    rebuild_sums(account, coin_type)
    failures = BookingFailure.objects.filter(account=account, coin_type=coin_type)
    since = failures.values_list("since", flat=True).first()
    failures.delete()
    log.info("book.rebuilt", account_id=account.pk, coin=coin_type, entries=len(sources))
    return since


def _read(account: Account, coin_type: str) -> tuple[list[Source], list[Source], list[Source]]:
    """Give the fills, the movements, and what the coin opened with: one entry, however many rows say it.

    Where history lets go of more than it knows of, the coins it opened with were there before.
    """
    fills = list(_fills(account, coin_type))
    rows = list(
        Movement.objects.filter(account=account, coin_type=coin_type).order_by(
            "occurred_at", "sequence", "pk"
        )
    )
    given = {
        cost.movement_id: cost for cost in GivenCost.objects.filter(movement__in=rows).order_by("pk")
    }  # the newest word is the last
    openings = [row for row in rows if row.kind == Movement.Kind.OPENING]
    moved = [_moved(row, row.quantity, given.get(row.pk)) for row in rows if row not in openings]
    quantity = sum((row.quantity for row in openings), ZERO)
    if not quantity:
        return fills, moved, []
    opening = _moved(openings[0], quantity, given.get(openings[0].pk))
    if opening.coming and opening.cost_unknown and (short_at := _first_short([*fills, *moved], opening.at)):
        opening = replace(opening, key=(short_at, FIRST, ""))
    return fills, moved, [opening]


def _first_short(sources: list[Source], until: datetime) -> datetime | None:
    """Give when more had left than had come for the first time before `until`."""
    held = ZERO
    for source in sorted(sources, key=lambda source: (source.key, source.movement_id or 0)):
        held += source.quantity if source.coming else -source.quantity
        if held < 0 and source.at < until:
            return source.at
    return None


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


def _moved(movement: Movement, quantity: Decimal, said: GivenCost | None) -> Source:
    given = said if said and said.quantity == quantity else None
    cost = given.cost_aud if given else round_aud(quantity * (movement.unit_price or ZERO))
    at = (given.acquired_at if given else None) or movement.occurred_at
    return Source(
        key=(at, movement.sequence, movement.venue_ref or ""), fill_id=None, movement_id=movement.pk, algorithm_id=None,
        ledger="", coming=quantity > 0, quantity=abs(quantity), amount=cost if quantity > 0 else None, fee_aud=ZERO,
        cost_unknown=quantity > 0 and given is None,
    )  # fmt: skip


FORGET = tuple(
    f"DELETE FROM {table} WHERE account_id = %s AND coin_type = %s"  # noqa: S608 - constants only
    for table in ("pnl_match", "pnl_closing", "pnl_lot")
)
OF = "id, fill_id, movement_id, account_id, coin_type, algorithm_id, ledger, quantity, fee_aud"
LOT = f"pnl_lot ({OF}, remaining_quantity, cost, remaining_cost, acquired_at, cost_unknown)"
CLOSING = (
    f"pnl_closing ({OF}, unmatched_quantity, unmatched_proceeds, proceeds, cost, realized_pnl, closed_at)"
)
MATCH = """pnl_match (closing_id, lot_id, account_id, coin_type, algorithm_id, ledger, quantity, cost, proceeds,
                      realized_pnl, acquired_at, disposed_at)"""


def take_time() -> None:
    """Let the rest of the transaction take longer than a request's may: there may be a million rows."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")


def forget_coin(account: Account, coin_type: str) -> None:
    """Delete the coin's lots, closings and matches, to be written anew."""
    with connection.cursor() as cursor:
        for statement in FORGET:
            cursor.execute(statement, [account.pk, coin_type])


def _write_lots(
    account: Account, coin_type: str, sources: list[Source], replay: fifo.Replay
) -> dict[int, int]:
    """Write the lots, oldest first; give the id of each by its source's number."""
    ids = dict(zip(replay.lots, _new_ids("pnl_lot", len(replay.lots)), strict=True))
    _copy(LOT, (
        (*_of(lot_id, account, coin_type, source), left.remaining_quantity, source.amount, left.remaining_cost,
         source.at, source.cost_unknown)
        for number, lot_id in ids.items()
        for source, left in [(sources[number], replay.lots[number])]
    ))  # fmt: skip
    return ids


def _write_closings(
    account: Account, coin_type: str, sources: list[Source], replay: fifo.Replay, lot_ids: dict[int, int]
) -> None:
    ids = dict(zip(replay.closings, _new_ids("pnl_closing", len(replay.closings)), strict=True))
    _copy(CLOSING, (
        (*_of(ids[number], account, coin_type, sources[number]), closing.unmatched_quantity, closing.unmatched_proceeds,
         closing.proceeds, closing.cost, closing.realized_pnl, sources[number].at)
        for number, closing in replay.closings.items()
    ))  # fmt: skip
    _copy(MATCH, (
        (ids[number], lot_ids[part.lot.id], account.pk, coin_type, lot.algorithm_id, lot.ledger, part.quantity, part.cost,
         part.proceeds, part.realized_pnl, lot.at, sources[number].at)
        for number, closing in replay.closings.items()
        for part in closing.slices
        for lot in [sources[part.lot.id]]
    ))  # fmt: skip


def _of(row_id: int, account: Account, coin_type: str, source: Source) -> tuple[Any, ...]:
    """Give the columns that lots and closings share, as OF names them."""
    return (
        row_id, source.fill_id, source.movement_id, account.pk, coin_type, source.algorithm_id, source.ledger,
        source.quantity, source.fee_aud,
    )  # fmt: skip


def _new_ids(table: str, count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, count]
        )
        return [new_id for (new_id,) in cursor.fetchall()]


def _copy(into: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
