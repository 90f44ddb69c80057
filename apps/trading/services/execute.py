"""Execute queued orders, and fill resting ones that the market has reached.

The orders themselves are the queue. A nudge drains one account; the poller drains every account that
has work, passing over those that another worker holds. One order is one transaction, so a worker
that dies leaves an order either untouched or done.

An order takes a recorded order book once: its fills are dated no earlier than the book they were taken
from, so a book observed after its last fill is one that it has taken nothing of.
"""

import time
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Max

from apps.trading.models import Account, Order
from apps.trading.records import Execution
from apps.trading.services import live, stopping
from apps.trading.services.claims import Cleared, next_cleared
from apps.trading.services.control import standing_stop
from apps.trading.services.depth import OtherSide, read_depth
from apps.trading.services.fills import record_execution
from apps.trading.services.place import read_market
from apps.trading.states import Status
from apps.trading.transitions import move
from apps.trading.venues.base import SimulatedVenue
from ohmycoins.core import clock, seams
from ohmycoins.core.money import ZERO

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20.0
LONGEST_PAUSE_SECONDS = 300
BOOK_EVERY = timedelta(minutes=1)  # the ledger keeps one order book a minute
LOOK_AGAIN_AFTER = timedelta(seconds=15)  # when the next one is due at any moment
ACTOR = "worker"


class OrderFailed(Exception):
    """Executing an order raised something unforeseen; its transaction was rolled back."""

    def __init__(self, order_id: int) -> None:
        super().__init__(f"order {order_id}")
        self.order_id = order_id


def drain_account(account_id: int, *, wait: bool = True, deadline: float | None = None) -> int:
    """Execute the account's orders, oldest first, until none is due; return how many moved.

    Waits for a worker that holds the account, unless `wait` is false. Stops after 20 s, or at
    `deadline` (monotonic): the poller goes on. An order whose execution raises is put off with growing
    pauses, so that it holds up no other.
    """
    deadline = deadline or time.monotonic() + DRAIN_SECONDS
    moved = 0
    while time.monotonic() < deadline:
        try:
            step = _execute_next(account_id, wait=wait)
            if step is None:
                break
            moved += step
        except OrderFailed as error:
            log.exception("order.failed", order_id=error.order_id, account_id=account_id)
            _put_off(error.order_id)
        except OperationalError as error:
            if "lock timeout" not in str(error):
                raise
            log.info("account.busy", account_id=account_id)
            break
    return moved


def execute(account_id: int) -> None:
    """Do what is due for one account, on paper or live."""
    mode = Account.objects.filter(pk=account_id).values_list("mode", flat=True).first()
    if mode == Account.Mode.LIVE:
        live.work(account_id)
    elif mode:
        drain_account(account_id)


def poll() -> int:
    """Go on with stops, drain paper accounts with work waiting, nudge for live ones; return how many orders moved."""
    stopping.sweep_stops()
    live.nudge_due()
    now, deadline = clock.now(), time.monotonic() + DRAIN_SECONDS
    on_paper = Order.objects.filter(account__mode=Account.Mode.PAPER).order_by()
    waiting = on_paper.due(now).values_list("account_id", flat=True)
    reached = on_paper.reached(now).values_list("account_id", flat=True)
    accounts = sorted(set(waiting) | set(reached))
    return sum(drain_account(account_id, wait=False, deadline=deadline) for account_id in accounts)


def _put_off(order_id: int) -> None:
    order = Order.objects.get(pk=order_id)
    pause = timedelta(seconds=min(2**order.attempts, LONGEST_PAUSE_SECONDS))
    Order.objects.filter(pk=order_id, status=order.status).update(
        attempts=order.attempts + 1, next_at=clock.now() + pause
    )


@transaction.atomic
def _execute_next(account_id: int, *, wait: bool) -> bool | None:
    """Execute one order of the account in this transaction, and tell whether it moved or was put off.

    None when there is no order, or another worker holds the account.
    """
    account = Account.objects.locked(skip_locked=not wait).filter(pk=account_id).first()
    if account is None:
        return None
    now = clock.now()
    cleared = next_cleared(account, now, actor=ACTOR)
    order = cleared.order if cleared else Order.objects.reached(now).filter(account=account).first_locked()
    if order is None:
        return None
    order.account = account
    venue: SimulatedVenue = seams.load("VENUES")[account.venue]
    try:
        if cleared:
            _submit(cleared, venue, now)
            return True
        return _fill_resting(order, venue, now)
    except (OperationalError, InterfaceError):  # the database's trouble, not the order's
        raise
    except Exception as error:
        raise OrderFailed(order.pk) from error


def _submit(cleared: Cleared, venue: SimulatedVenue, now: datetime) -> None:
    order = cleared.order
    move(
        order, Status.SUBMITTING, at=now, actor=ACTOR, reason="claimed",
        submitted_at=now, attempts=order.attempts + 1, next_at=None,
    )  # fmt: skip
    depth = read_depth(order.coin_type, order.side, mode=venue.mode, now=now)
    executions = venue.arrive(
        side=order.side, quantity=order.quantity or ZERO, limit_price=order.limit_price or ZERO,
        quote=cleared.quote, levels=depth.levels if depth else None,
    )  # fmt: skip
    if executions:
        _record(order, executions, venue, now, depth)
    else:
        move(order, Status.OPEN, at=now, actor=ACTOR, reason="resting until the market reaches its price")


def _fill_resting(order: Order, venue: SimulatedVenue, now: datetime) -> bool:
    """Fill what the market has reached of an order; put it off, and return false, when that is nothing.

    Under an emergency stop nothing is filled: the sweep is about to cancel the order. A purchase that a brake
    holds back goes on resting, and is filled when the brake is gone.
    """
    account = order.account
    stop = standing_stop(
        user_id=account.user_id,
        account_id=account.pk,
        algorithm_id=order.algorithm_id,
        coin_type=order.coin_type,
        now=now,
    )
    if stop.refuses(order.side):
        _await_book(order, now, None)
        return False
    depth = read_depth(order.coin_type, order.side, mode=venue.mode, now=now)
    market = read_market(order.coin_type)
    if market.quote is None or order.limit_price is None or (depth and _taken(order, depth)):
        _await_book(order, now, depth)
        return False
    executions = venue.rest(
        side=order.side, quantity=order.open_quantity, limit_price=order.limit_price, quote=market.quote,
        levels=depth.levels if depth else None,
    )  # fmt: skip
    if executions:
        _record(order, executions, venue, now, depth)
    else:
        _await_book(order, now, depth)
    return bool(executions)


def _taken(order: Order, depth: OtherSide) -> bool:
    """Tell whether the order's last fill took from this book, or from a later one."""
    if not order.filled_quantity:
        return False
    last: datetime = order.fills.aggregate(at=Max("executed_at"))["at"]
    return depth.observed_at <= last


def _await_book(order: Order, now: datetime, depth: OtherSide | None) -> None:
    """Put the order off until another book can be there; what its own book held is spent."""
    next_at = max(now + LOOK_AGAIN_AFTER, depth.observed_at + BOOK_EVERY if depth else now)
    Order.objects.filter(pk=order.pk, status=order.status).update(next_at=next_at)


def _record(
    order: Order,
    executions: Iterable[Execution],
    venue: SimulatedVenue,
    now: datetime,
    depth: OtherSide | None,
) -> None:
    before = order.fills.count() if order.filled_quantity else 0
    executed_at = max(now, depth.observed_at) if depth else now
    for number, execution in enumerate(executions, start=before + 1):
        record_execution(
            order, execution, fee_rate=venue.fee_rate, executed_at=executed_at, number=number, actor=ACTOR
        )
    if order.open_quantity:
        _await_book(order, now, depth)
