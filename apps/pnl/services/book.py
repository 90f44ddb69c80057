"""Book fills into lots, matches and sums, once each, in the transaction that recorded them.

Written as one prepared statement per fill (two for a sale, which reads its lots first): measured against a
bare INSERT, ORM instances cost 22 times as much and this a fraction of that (docs/performance.md). The
arithmetic is in `fifo`; SQL only adds what it is given.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from django.db import connection, transaction

from apps.pnl import fifo
from apps.pnl.models import BookingFailure
from apps.pnl.periods import local_day
from apps.pnl.services.equity import end_days_anew, last_due, revalue
from apps.pnl.services.rebuild import rebuild_coin
from apps.pnl.services.rollups import combined, rebuild_sums
from apps.trading.models import Account
from apps.trading.records import BUY, TRADE, FillRecord
from ohmycoins.core import clock
from ohmycoins.core.money import ZERO

log = structlog.get_logger(__name__)

RETRY_SECONDS = (5, 30, 180, 1080, 3600)
ACCOUNT = ""  # in a coin's place: the account's past

# Whether others of its coin happened after the fill, or coins came or went by no fill.
LATE = """
    late AS (SELECT EXISTS (SELECT FROM trading_fill WHERE account_id = %(account)s AND coin_type = %(coin)s
                   AND (executed_at, sequence, venue_fill_id) > (%(at)s, %(sequence)s, %(ref)s))
                 OR EXISTS (SELECT FROM trading_movement WHERE account_id = %(account)s AND coin_type = %(coin)s
                   AND (occurred_at, sequence, coalesce(venue_ref, '')) >= (%(at)s, %(sequence)s, %(ref)s)) AS is_late)
"""
OPEN_LOTS = f"""
    WITH {LATE}
    SELECT is_late, lot.id, lot.algorithm_id, lot.remaining_quantity, lot.remaining_cost, lot.ledger
    FROM late LEFT JOIN pnl_lot lot ON lot.account_id = %(account)s AND lot.coin_type = %(coin)s AND lot.remaining_quantity > 0
    ORDER BY lot.acquired_at, lot.id
"""  # noqa: S608 - constants only
PURCHASE = ("in_kind_aud", "buys", "buy_volume", "fees")
BOUGHT = "%(in_kind_aud)s::numeric, 1, %(value)s::numeric, fee_aud"
OPEN_LOT = f"""
    WITH {LATE}, lot AS (
        INSERT INTO pnl_lot (fill_id, account_id, algorithm_id, ledger, coin_type, quantity, remaining_quantity,
                             cost, remaining_cost, fee_aud, acquired_at, cost_unknown)
        SELECT %(fill)s, %(account)s, %(algorithm)s, %(ledger)s, %(coin)s, %(quantity)s::numeric, %(quantity)s::numeric,
               %(amount)s::numeric, %(amount)s::numeric, %(fee)s, %(at)s, false FROM late WHERE NOT is_late
        RETURNING account_id, algorithm_id, ledger, coin_type, quantity, cost, fee_aud
    ), grown AS (
        INSERT INTO pnl_position AS held (account_id, algorithm_id, ledger, coin_type, quantity, cost, in_kind_aud, fees)
        SELECT account_id, algorithm_id, ledger, coin_type, quantity, cost, %(in_kind_aud)s::numeric, fee_aud FROM lot
        ON CONFLICT (account_id, coin_type, algorithm_id, ledger) DO UPDATE SET
            quantity = held.quantity + EXCLUDED.quantity, cost = held.cost + EXCLUDED.cost,
            in_kind_aud = held.in_kind_aud + EXCLUDED.in_kind_aud, fees = held.fees + EXCLUDED.fees
    ), traded AS (
        INSERT INTO pnl_dailyresult AS known (account_id, day, coin_type, algorithm_id, ledger, {", ".join(PURCHASE)})
        SELECT account_id, %(day)s::date, coin_type, algorithm_id, ledger, {BOUGHT} FROM lot
        ON CONFLICT (account_id, coin_type, day, algorithm_id, ledger) DO UPDATE SET {combined(PURCHASE)}
    )
    INSERT INTO pnl_dailytotal AS known (account_id, day, {", ".join(PURCHASE)})
    SELECT account_id, %(day)s::date, {BOUGHT} FROM lot
    ON CONFLICT (account_id, day) DO UPDATE SET {combined(PURCHASE)}
"""  # noqa: S608 - constants only
OPEN_POSITION = """
    INSERT INTO pnl_position (account_id, algorithm_id, ledger, coin_type)
    VALUES (%(account)s, %(algorithm)s, %(ledger)s, %(coin)s) ON CONFLICT DO NOTHING
"""
# What a sale adds to its seller's sums; the realised P&L is added to theirs who opened the lots.
SALE = {
    "in_kind_aud": "%(in_kind_aud)s::numeric", "sells": "1", "sell_volume": "%(value)s::numeric",
    "fees": "%(fee)s::numeric", "sales": "%(is_sale)s::int", "winning_sales": "(gain > 0)::int",
    "losing_sales": "(gain < 0)::int", "profit": "greatest(gain, 0)", "loss": "least(gain, 0)",
    "largest_win": "greatest(gain, 0)", "largest_loss": "least(gain, 0)",
}  # fmt: skip
SOLD = ", ".join(f"{value} AS {name}" for name, value in SALE.items())
SELLER_S = ", ".join(f"is_seller * sold.{name}" for name in SALE)
CLOSE_LOTS = f"""
    WITH closing AS (
        INSERT INTO pnl_closing (fill_id, account_id, algorithm_id, ledger, coin_type, quantity, unmatched_quantity,
                                 unmatched_proceeds, proceeds, cost, realized_pnl, fee_aud, closed_at)
        VALUES (%(fill)s, %(account)s, %(algorithm)s, %(ledger)s, %(coin)s, %(quantity)s, %(unmatched_quantity)s,
                %(unmatched_proceeds)s, %(proceeds)s, %(cost)s, %(gain)s, %(fee)s, %(at)s)
        RETURNING id
    ), slice AS (
        SELECT * FROM unnest(%(lots)s::bigint[], %(quantities)s::numeric[], %(costs)s::numeric[],
                             %(all_proceeds)s::numeric[]) AS part (lot_id, quantity, cost, proceeds)
    ), closed AS (
        UPDATE pnl_lot AS lot SET remaining_quantity = lot.remaining_quantity - slice.quantity,
                                  remaining_cost = lot.remaining_cost - slice.cost
        FROM slice WHERE lot.id = slice.lot_id
        RETURNING lot.id, lot.algorithm_id, lot.ledger, lot.acquired_at
    ), matched AS (
        INSERT INTO pnl_match (closing_id, lot_id, account_id, algorithm_id, ledger, coin_type, quantity, cost,
                               proceeds, realized_pnl, acquired_at, disposed_at)
        SELECT closing.id, closed.id, %(account)s, closed.algorithm_id, closed.ledger, %(coin)s, slice.quantity,
               slice.cost, slice.proceeds, slice.proceeds - slice.cost, closed.acquired_at, %(at)s
        FROM slice JOIN closed ON closed.id = slice.lot_id CROSS JOIN closing
        RETURNING algorithm_id, ledger, quantity, cost, realized_pnl
    ), earned AS (
        SELECT algorithm_id, ledger, sum(quantity) AS quantity, sum(cost) AS cost, sum(realized_pnl) AS realized_pnl,
               max(is_seller) AS is_seller
        FROM (SELECT *, 0 AS is_seller FROM matched
              UNION ALL SELECT %(algorithm)s::bigint, %(ledger)s::text, 0, 0, 0, 1) AS party
        GROUP BY algorithm_id, ledger
    ), sold AS (
        SELECT {SOLD} FROM (SELECT %(gain)s::numeric AS gain) AS result
    ), shrunk AS (
        UPDATE pnl_position AS held SET quantity = held.quantity - earned.quantity, cost = held.cost - earned.cost,
            realized_pnl = held.realized_pnl + earned.realized_pnl,
            in_kind_aud = held.in_kind_aud + is_seller * sold.in_kind_aud,
            fees = held.fees + is_seller * sold.fees, sales = held.sales + is_seller * sold.sales
        FROM earned, sold WHERE held.account_id = %(account)s AND held.coin_type = %(coin)s
                      AND held.algorithm_id IS NOT DISTINCT FROM earned.algorithm_id AND held.ledger = earned.ledger
    ), booked AS (
        INSERT INTO pnl_dailyresult AS known (account_id, day, coin_type, algorithm_id, ledger, realized_pnl, {", ".join(SALE)})
        SELECT %(account)s, %(day)s::date, %(coin)s, algorithm_id, ledger, realized_pnl, {SELLER_S} FROM earned, sold
        ON CONFLICT (account_id, coin_type, day, algorithm_id, ledger) DO UPDATE SET {combined(("realized_pnl", *SALE))}
    )
    INSERT INTO pnl_dailytotal AS known (account_id, day, realized_pnl, {", ".join(SALE)})
    SELECT %(account)s, %(day)s::date, %(gain)s::numeric, sold.* FROM sold
    ON CONFLICT (account_id, day) DO UPDATE SET {combined(("realized_pnl", *SALE))}
"""  # noqa: S608 - constants only


def on_fill_recorded(*, fill: FillRecord, **_: Any) -> None:
    """Book a fill inside the transaction that records it; a failure leaves the fill, unbooked."""
    with _kept_unbooked(fill.account_id, fill.coin_type, since=fill.executed_at, fill_id=fill.id):
        book_fill(fill)


def on_history_recorded(*, account: Account, coins: Collection[str], since: datetime, **_: Any) -> None:
    """Keep the books anew of coins of which much was recorded at once, or what is no fill."""
    for coin_type in sorted(coins):
        with _kept_unbooked(account.pk, coin_type, since=since):
            since = min(since, rebuild_coin(account, coin_type) or since)
    with _kept_unbooked(account.pk, ACCOUNT, since=since):
        revalue(account, since)


def on_timezone_changed(*, account: Account, **_: Any) -> None:
    """Cut the account's past into its new days."""
    end_days_anew(account)
    rebuild_sums(account)


def book_fill(fill: FillRecord) -> None:
    """Book a purchase as a lot, or a sale against lots.

    One that happened before others of its coin changes what those closed: the coin's book is kept anew then.
    One that happened before the account was last valued changes what it was worth. Runs in the caller's
    transaction with the account locked. Raises IntegrityError when the fill is booked already.
    """
    since, booked = fill.executed_at, _open_lot(fill) if fill.side == BUY else _close_lots(fill)
    if booked and since >= last_due(clock.now(), fill.timezone):
        return
    account = Account.objects.get(pk=fill.account_id)
    if not booked:
        since = min(since, rebuild_coin(account, fill.coin_type) or since)
    revalue(account, since)


def book_overdue(*, limit: int = 100) -> int:
    """Keep the books anew of coins that lack something; return how many. Accounts that are held come later."""
    due = BookingFailure.objects.filter(next_at__lte=clock.now()).order_by("next_at")
    return sum(
        _book_again(account_id, coin_type)
        for account_id, coin_type in list(due.values_list("account_id", "coin_type")[:limit])
    )


@transaction.atomic
def _book_again(account_id: int, coin_type: str) -> bool:
    account = Account.objects.locked(skip_locked=True).filter(pk=account_id).first()
    failure = BookingFailure.objects.filter(account=account, coin_type=coin_type).first()
    if account is None or failure is None:
        return False
    try:
        with transaction.atomic():
            if coin_type != ACCOUNT:
                rebuild_coin(account, coin_type)
            revalue(account, failure.since)
            failure.delete()
    except Exception as error:  # whatever it is: the row says why, and when it is tried again
        pause = RETRY_SECONDS[min(failure.attempts, len(RETRY_SECONDS) - 1)]
        failure.attempts += 1
        failure.error = _text(error)
        failure.next_at = clock.now() + timedelta(seconds=pause)
        failure.save()
        log.exception("booking.failed", account_id=account_id, coin=coin_type, attempts=failure.attempts)
        return False
    return True


@contextmanager
def _kept_unbooked(
    account_id: int, coin_type: str, *, since: datetime, fill_id: int | None = None
) -> Iterator[None]:
    """Let what was recorded stand if booking it fails, whatever the reason, and have it made up for soon."""
    try:
        with transaction.atomic():
            yield
    except Exception as error:
        log.exception("booking.failed", account_id=account_id, coin=coin_type, fill_id=fill_id)
        failure, _ = BookingFailure.objects.get_or_create(
            account_id=account_id, coin_type=coin_type,
            defaults={"since": since, "fill_id": fill_id, "error": _text(error),
                      "next_at": clock.now() + timedelta(seconds=RETRY_SECONDS[0])},
        )  # fmt: skip
        if since < failure.since:
            failure.since = since
            failure.save(update_fields=["since"])


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _open_lot(fill: FillRecord) -> bool:
    """Book a purchase, unless it is late; tell whether it was booked."""
    return _execute(OPEN_LOT, _common(fill)).rowcount == 1


def _close_lots(fill: FillRecord) -> bool:
    """Book a sale, unless it is late; tell whether it was booked."""
    common = _common(fill)
    lots, ledgers = [], {}
    for is_late, lot_id, algorithm_id, quantity, cost, ledger in _execute(OPEN_LOTS, common):
        if is_late:
            return False
        if lot_id is not None:
            lots.append(fifo.OpenLot(lot_id, algorithm_id, quantity, cost))
            ledgers[lot_id] = ledger
    closing = fifo.match(fill.quantity, common["amount"], fifo.lots_for(fill.algorithm_id, lots))
    own = (fill.algorithm_id, fill.ledger)
    if all((part.lot.book, ledgers[part.lot.id]) != own for part in closing.slices):
        _execute(OPEN_POSITION, common)  # where the sale is counted
    closed = common | {
        "unmatched_quantity": closing.unmatched_quantity,
        "unmatched_proceeds": closing.unmatched_proceeds,
        "proceeds": closing.proceeds,
        "cost": closing.cost,
        "gain": closing.realized_pnl,
        "is_sale": int(bool(closing.slices)),
        "lots": [part.lot.id for part in closing.slices],
        "quantities": [part.quantity for part in closing.slices],
        "costs": [part.cost for part in closing.slices],
        "all_proceeds": [part.proceeds for part in closing.slices],
    }
    _execute(CLOSE_LOTS, closed)
    return True


def _common(fill: FillRecord) -> dict[str, Any]:
    buying = fill.side == BUY
    amount = fill.value_aud + fill.fee_aud if buying else fill.value_aud - fill.fee_aud
    came = amount if buying else -amount
    return {
        "fill": fill.id,
        "account": fill.account_id,
        "algorithm": fill.algorithm_id,
        "ledger": fill.ledger,
        "coin": fill.coin_type,
        "quantity": fill.quantity,
        "value": fill.value_aud,
        "fee": fill.fee_aud,
        "amount": amount,
        "in_kind_aud": ZERO if fill.kind == TRADE else came,
        "at": fill.executed_at,
        "sequence": fill.sequence,
        "ref": fill.venue_fill_id,
        "day": local_day(fill.executed_at, fill.timezone),
    }


def _execute(statement: str, values: dict[str, Any]) -> psycopg.Cursor[Any]:
    """Run a statement that PostgreSQL has planned before: these are long, and planning is half their cost."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor = psycopg.Cursor(connection.connection)
        return cursor.execute(statement, values, prepare=True)
