"""Book fills into lots, matches and sums, once each, in the transaction that recorded them.

Written as one statement per fill (two for a sale, which reads its lots first): measured against a bare
INSERT, ORM instances cost 22 times as much and this a fraction of that (docs/performance.md). The
arithmetic is in `fifo`; SQL only adds what it is given.
"""

from datetime import timedelta
from typing import Any

import structlog
from django.db import connection, transaction

from apps.pnl import fifo
from apps.pnl.models import BookingFailure, Lot
from apps.pnl.periods import local_day
from apps.trading.models import Account, Fill
from apps.trading.records import BUY, FillRecord
from apps.trading.services.fills import as_record
from ohmycoins.core import clock

log = structlog.get_logger(__name__)

RETRY_SECONDS = (5, 30, 180, 1080, 3600)

ADD_TO_DAY = """
    INSERT INTO pnl_dailytotal AS known (account_id, day, realized_pnl, sales, winning_sales, losing_sales,
                                         profit, loss, largest_win, largest_loss, volume, fees)
    VALUES (%(account)s, %(day)s, %(realized_pnl)s, %(sales)s, %(won)s, %(lost)s,
            %(profit)s, %(loss)s, %(profit)s, %(loss)s, %(value)s, %(fee)s)
    ON CONFLICT (account_id, day) DO UPDATE SET
        realized_pnl = known.realized_pnl + EXCLUDED.realized_pnl,
        sales = known.sales + EXCLUDED.sales,
        winning_sales = known.winning_sales + EXCLUDED.winning_sales,
        losing_sales = known.losing_sales + EXCLUDED.losing_sales,
        profit = known.profit + EXCLUDED.profit,
        loss = known.loss + EXCLUDED.loss,
        largest_win = greatest(known.largest_win, EXCLUDED.largest_win),
        largest_loss = least(known.largest_loss, EXCLUDED.largest_loss),
        volume = known.volume + EXCLUDED.volume,
        fees = known.fees + EXCLUDED.fees
"""

OPEN_LOT = f"""
    WITH lot AS (
        INSERT INTO pnl_lot (fill_id, account_id, algorithm_id, coin_type, quantity, remaining_quantity,
                             cost, remaining_cost, fee_aud, acquired_at)
        VALUES (%(fill)s, %(account)s, %(algorithm)s, %(coin)s, %(quantity)s, %(quantity)s,
                %(cost)s, %(cost)s, %(fee)s, %(at)s)
    ), grown AS (
        INSERT INTO pnl_position AS held (account_id, algorithm_id, coin_type, quantity, cost)
        VALUES (%(account)s, %(algorithm)s, %(coin)s, %(quantity)s, %(cost)s)
        ON CONFLICT (account_id, coin_type, algorithm_id) DO UPDATE SET
            quantity = held.quantity + EXCLUDED.quantity, cost = held.cost + EXCLUDED.cost
    )
    {ADD_TO_DAY}
"""  # noqa: S608 - constants only

CLOSE_LOTS = f"""
    WITH closing AS (
        INSERT INTO pnl_closing (fill_id, account_id, algorithm_id, coin_type, quantity, unmatched_quantity,
                                 unmatched_proceeds, proceeds, cost, realized_pnl, fee_aud, closed_at)
        VALUES (%(fill)s, %(account)s, %(algorithm)s, %(coin)s, %(quantity)s, %(unmatched_quantity)s,
                %(unmatched_proceeds)s, %(proceeds)s, %(cost)s, %(realized_pnl)s, %(fee)s, %(at)s)
        RETURNING id
    ), slice AS (
        SELECT * FROM unnest(%(lots)s::bigint[], %(quantities)s::numeric[], %(costs)s::numeric[],
                             %(all_proceeds)s::numeric[]) AS part (lot_id, quantity, cost, proceeds)
    ), closed AS (
        UPDATE pnl_lot AS lot SET remaining_quantity = lot.remaining_quantity - slice.quantity,
                                  remaining_cost = lot.remaining_cost - slice.cost
        FROM slice WHERE lot.id = slice.lot_id
        RETURNING lot.id, lot.algorithm_id, lot.acquired_at
    ), matched AS (
        INSERT INTO pnl_match (closing_id, lot_id, account_id, algorithm_id, coin_type, quantity, cost,
                               proceeds, realized_pnl, acquired_at, disposed_at)
        SELECT closing.id, closed.id, %(account)s, closed.algorithm_id, %(coin)s, slice.quantity, slice.cost,
               slice.proceeds, slice.proceeds - slice.cost, closed.acquired_at, %(at)s
        FROM slice JOIN closed ON closed.id = slice.lot_id CROSS JOIN closing
        RETURNING algorithm_id, quantity, cost, realized_pnl
    ), book AS (
        SELECT algorithm_id, sum(quantity) AS quantity, sum(cost) AS cost, sum(realized_pnl) AS realized_pnl
        FROM matched GROUP BY algorithm_id
    ), shrunk AS (
        UPDATE pnl_position AS held SET quantity = held.quantity - book.quantity, cost = held.cost - book.cost
        FROM book WHERE held.account_id = %(account)s AND held.coin_type = %(coin)s
                    AND held.algorithm_id IS NOT DISTINCT FROM book.algorithm_id
    ), earned AS (
        INSERT INTO pnl_dailyresult AS known (account_id, day, coin_type, algorithm_id, realized_pnl)
        SELECT %(account)s, %(day)s, %(coin)s, algorithm_id, realized_pnl FROM book
        ON CONFLICT (account_id, coin_type, day, algorithm_id) DO UPDATE SET
            realized_pnl = known.realized_pnl + EXCLUDED.realized_pnl
    )
    {ADD_TO_DAY}
"""  # noqa: S608 - constants only


def on_fill_recorded(*, fill: FillRecord, **_: Any) -> None:
    """Book a fill inside the transaction that records it; a failure leaves the fill, unbooked."""
    try:
        with transaction.atomic():
            book_fill(fill)
    except Exception as error:  # whatever it is, the fill happened and must be kept
        log.exception("booking.failed", fill_id=fill.id)
        BookingFailure.objects.create(
            fill_id=fill.id, error=f"{type(error).__name__}: {error}"[:500],
            next_at=clock.now() + timedelta(seconds=RETRY_SECONDS[0]),
        )  # fmt: skip


def book_fill(fill: FillRecord) -> None:
    """Book a purchase as a lot, or a sale against lots.

    Runs in the caller's transaction with the account locked. Raises IntegrityError when the fill is
    booked already.
    """
    if fill.side == BUY:
        _execute(OPEN_LOT, _common(fill) | {"cost": fill.value_aud + fill.fee_aud})
    else:
        _close_lots(fill)


def book_overdue(*, limit: int = 100) -> int:
    """Try again to book the fills that could not be; return how many were."""
    booked = 0
    due = (
        BookingFailure.objects.filter(next_at__lte=clock.now())
        .order_by("next_at")
        .values_list("fill_id", flat=True)
    )
    for fill_id in list(due[:limit]):
        booked += _book_again(fill_id)
    return booked


@transaction.atomic
def _book_again(fill_id: int) -> bool:
    fill = Fill.objects.get(pk=fill_id)
    account = Account.objects.locked().get(pk=fill.account_id)
    failure = BookingFailure.objects.select_for_update().filter(fill_id=fill_id).first()
    if failure is None:
        return False
    try:
        with transaction.atomic():
            book_fill(as_record(fill, account))
    except Exception as error:  # as above; the row says why, and when it is tried again
        pause = RETRY_SECONDS[min(failure.attempts, len(RETRY_SECONDS) - 1)]
        failure.attempts += 1
        failure.error = f"{type(error).__name__}: {error}"[:500]
        failure.next_at = clock.now() + timedelta(seconds=pause)
        failure.save()
        log.exception("booking.failed", fill_id=fill_id, attempts=failure.attempts)
        return False
    failure.delete()
    return True


def _close_lots(fill: FillRecord) -> None:
    rows = (
        Lot.objects.open()
        .filter(account_id=fill.account_id, coin_type=fill.coin_type)
        .oldest_first()
        .values_list("id", "algorithm_id", "remaining_quantity", "remaining_cost")
    )
    lots = fifo.lots_for(fill.algorithm_id, (fifo.OpenLot(*row) for row in rows.iterator()))
    closing = fifo.match(fill.quantity, fill.value_aud - fill.fee_aud, lots)
    gain = closing.realized_pnl
    _execute(
        CLOSE_LOTS,
        _common(fill)
        | {
            "unmatched_quantity": closing.unmatched_quantity,
            "unmatched_proceeds": closing.unmatched_proceeds if closing.unmatched_quantity else 0,
            "proceeds": closing.proceeds,
            "cost": closing.cost,
            "realized_pnl": gain,
            "sales": int(bool(closing.slices)),
            "won": int(gain > 0),
            "lost": int(gain < 0),
            "profit": max(gain, 0),
            "loss": min(gain, 0),
            "lots": [part.lot.id for part in closing.slices],
            "quantities": [part.quantity for part in closing.slices],
            "costs": [part.cost for part in closing.slices],
            "all_proceeds": [part.proceeds for part in closing.slices],
        },
    )


def _common(fill: FillRecord) -> dict[str, Any]:
    return {
        "fill": fill.id,
        "account": fill.account_id,
        "algorithm": fill.algorithm_id,
        "coin": fill.coin_type,
        "quantity": fill.quantity,
        "value": fill.value_aud,
        "fee": fill.fee_aud,
        "at": fill.executed_at,
        "day": local_day(fill.executed_at, fill.timezone),
        **dict.fromkeys(("realized_pnl", "sales", "won", "lost", "profit", "loss"), 0),
    }


def _execute(statement: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
