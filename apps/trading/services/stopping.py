"""Do what an emergency stop asks for: cancel what is in flight, sell what is held, show what is left.

A stop's work is read from rows alone: stops that stand, orders that they cover. So a sweep that dies is
taken up by the next one, and sweeping twice cancels nothing twice. It runs at once in the process of
whoever stopped, for as long as a person waits, and on from there in workers; with Redis down the cancels
of live orders are sent from here too.

An order in slices ends with the stop, too: what it had still to trade was decided before it, and is not
taken up again when the stop is cleared.

Orders that were made at the venue itself are shown, and left alone: a person may be trading their way
out there while our own trading is stopped. A stop that cannot be read refuses everything and cancels
nothing: there is no row that asks for it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import Q, QuerySet, Sum
from kombu.exceptions import OperationalError as BrokerError

from apps.accounts.models import User
from apps.trading.models import Account, Event, Holding, Order, Stop, Twap
from apps.trading.records import BUY, LIMIT, MARKET, SELL, Ticket
from apps.trading.services.cancel import cancel_order, send_cancels
from apps.trading.services.control import ACTIVE, HALTED, REDUCE_ONLY, actor_name, is_contention, trip
from apps.trading.services.place import place_order
from apps.trading.services.scopes import covered_by, key_of, read_key
from apps.trading.services.twaps import cancel_twap
from apps.trading.states import QUEUED, RESTING
from ohmycoins.core import clock, outbox
from ohmycoins.core.errors import Conflict, Invalid
from ohmycoins.core.money import ZERO, floor_quantity

log = structlog.get_logger(__name__)

ACTOR = "emergency stop"
SWEEP_SECONDS, SALE_SECONDS = 5.0, 10.0
BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Swept:
    """How many orders a sweep cancelled, and how many rows it did not get to; `plans` are orders in slices that it ended."""

    cancelled: int
    left: int
    plans: int = 0


@dataclass(frozen=True, slots=True)
class Stopped:
    """What came of a stop: its row, the sweep, the sales ordered, and holdings not got to."""

    stop: Stop
    swept: Swept
    sales: tuple[Order, ...] = ()
    unsold: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """What a stop would meet now: orders it would cancel, orders in flight, holdings it covers."""

    scope: str
    to_cancel: int
    in_flight: int
    holdings: int


def preview(*, scope: str, state: str, actor: User | None) -> Preview:
    """Count what stopping `scope` would meet, changing nothing. Raises as `control.trip` does."""
    key = read_key(scope, actor)
    stop = Stop(scope=key.scope, target=key.target, user_id=key.user_id, state=state)
    return Preview(key.name, _to_cancel(stop).count(), in_flight(stop=stop).count(), _holdings(stop).count())


def stop_trading(
    *, scope: str, state: str, reason: str, actor: User | None, liquidate: bool = False,
    seconds: float = SWEEP_SECONDS,
) -> Stopped:  # fmt: skip
    """Stop `scope`, cancel what it covers for about `seconds`, and sell what is held if asked to.

    The stop holds when this returns or fails after it; the rest of the sweep is the workers'. Raises as
    `control.trip` does, and Invalid when a halt is to sell: nothing is placed under it.
    """
    if liquidate and state == HALTED:
        raise Invalid("liquidate: nothing is sold while halted; use state reduce_only to sell what is held")
    stop = trip(
        scope=scope, state=state, reason=reason, actor=actor, inputs={"liquidate": True} if liquidate else {}
    )
    swept = sweep_stop(stop.pk, seconds=seconds)
    _hand_over(stop, swept, seconds)
    if not liquidate:
        return Stopped(stop, swept)
    _cancel_sales(stop)
    sales, unsold = _liquidate(stop, actor, max(seconds, SALE_SECONDS))
    return Stopped(stop, swept, sales, unsold)


def sweep_stop(stop_id: int, *, seconds: float = SWEEP_SECONDS) -> Swept:
    """Cancel orders that a standing stop covers, those at venues outside first, then orders in slices; each on its own.

    Begins none after `seconds`. An account that others hold is passed over until the next sweep.
    """
    stop = Stop.objects.filter(pk=stop_id).exclude(state=ACTIVE).first()
    if stop is None:
        return Swept(0, 0)
    deadline = time.monotonic() + seconds
    orders, plans = _to_cancel(stop), _plans_to_end(stop)
    cancelled = _cancel_each(orders, cancel_order, stop, deadline)
    ended = _cancel_each(plans, cancel_twap, stop, deadline)
    return Swept(cancelled, orders.count() + plans.count(), ended)


def sweep_stops(*, seconds: float = SWEEP_SECONDS) -> int:
    """Sweep every stop that stands, for `seconds` in all; return how many orders were cancelled."""
    deadline, cancelled = time.monotonic() + seconds, 0
    for stop_id in Stop.objects.exclude(state=ACTIVE).order_by("id").values_list("pk", flat=True):
        if time.monotonic() >= deadline:
            break
        cancelled += sweep_stop(stop_id, seconds=deadline - time.monotonic()).cancelled
    return cancelled


def in_flight(*, stop: Stop | None = None, user: User | None = None) -> QuerySet[Order]:
    """Give the orders at a venue or on their way to one that a stop covers or a user has, oldest first."""
    orders = Order.objects.in_flight().exclude(status__in=QUEUED)
    if stop is not None:
        orders = orders.filter(covered_by(key_of(stop)))
    if user is not None:
        orders = orders.filter(account__user=user)
    return orders.order_by("id")


def _to_cancel(stop: Stop) -> QuerySet[Order]:
    """Give the orders that a sweep has still to cancel."""
    orders = Order.objects.to_cancel().filter(covered_by(key_of(stop)))
    return orders.filter(side=BUY) if stop.state == REDUCE_ONLY else orders


def _plans_to_end(stop: Stop) -> QuerySet[Twap]:
    """Give the orders in slices that a sweep has still to end."""
    covered = covered_by(key_of(stop), algorithm="decision__deployment__algorithm")
    plans = Twap.objects.active().filter(covered)
    return plans.filter(side=BUY) if stop.state == REDUCE_ONLY else plans


def _cancel_each(rows: QuerySet[Any], cancel: Callable[..., object], stop: Stop, deadline: float) -> int:
    """Cancel rows that a stop covers, beginning none after `deadline` (monotonic); return how many were."""
    busy, cancelled = set(), 0
    in_turn = rows.order_by("account__mode", "account_id", "id").values_list("pk", "account_id")
    for row_id, account_id in list(in_turn):
        if time.monotonic() >= deadline:
            break
        if account_id in busy:
            continue
        with _apart(f"{rows.model.__name__.lower()} {row_id}") as failed:
            try:
                cancel(row_id, actor=ACTOR, reason=f"{stop.name} is {stop.state}: {stop.reason}"[:300])
                cancelled += 1
            except Conflict:  # it was finished meanwhile
                continue
        if BUSY in failed:
            busy.add(account_id)
    return cancelled


def _holdings(stop: Stop) -> QuerySet[Holding]:
    return Holding.objects.filter(covered_by(key_of(stop)), quantity__gt=0).select_related("account__user")


@contextmanager
def _apart(what: str) -> Iterator[list[str]]:
    """Let a failure inside stop nothing but itself; the list that this gives then holds its name.

    A database that is gone is everyone's failure, and raised; a row that others hold is not.
    """
    failed: list[str] = []
    try:
        yield failed
    except (OperationalError, InterfaceError) as error:
        if not is_contention(error):
            raise
        failed.append(BUSY)
    except Exception as error:
        log.exception("stop.failed", what=what)
        failed.append(type(error).__name__)


def _hand_over(stop: Stop, swept: Swept, seconds: float) -> None:
    """Have workers go on; without a broker, ask the venues for the cancels from here."""
    outside = Order.objects.cancel_due(clock.now()).filter(covered_by(key_of(stop)))
    accounts = outside.filter(account__mode=Account.Mode.LIVE).order_by("account_id").distinct("account_id")
    waiting = list(accounts.values_list("account_id", flat=True))
    if not waiting and not swept.left:
        return
    try:
        outbox.publish("trading.sweep_stop", stop.pk, expires=60)
    except (BrokerError, OSError) as error:
        log.warning("nudge.lost", task="trading.sweep_stop", args=(stop.pk,), error=type(error).__name__)
        deadline = time.monotonic() + seconds
        for account_id in waiting:
            if time.monotonic() < deadline:
                with _apart(f"cancels of account {account_id}"):
                    send_cancels(account_id, deadline=deadline)


def _cancel_sales(stop: Stop) -> None:
    """Take back sales that wait for their price; those at a venue outside take a moment to be gone."""
    sales = Order.objects.filter(
        covered_by(key_of(stop)),
        status__in=QUEUED | RESTING,
        side=SELL,
        order_type=LIMIT,
        origin=Order.Origin.OURS,
    )
    for order_id in list(sales.order_by("id").values_list("pk", flat=True)):
        with _apart(f"sale {order_id}"), suppress(Conflict):
            cancel_order(order_id, actor=ACTOR, reason=f"{stop.name} sells at market: {stop.reason}"[:300])


def _liquidate(stop: Stop, actor: User | None, seconds: float) -> tuple[tuple[Order, ...], int]:
    """Order market sales of what the stop covers, book by book; give them and how many were not got to."""
    deadline = time.monotonic() + seconds
    sales, unsold = [], 0
    for holding in _holdings(stop).order_by("account_id", "coin_type", "id"):
        if time.monotonic() >= deadline:
            unsold += 1
            continue
        with _apart(f"sale of {holding.coin_type} of account {holding.account_id}") as failed:
            quantity = _sellable(holding)
            if quantity <= 0:
                unsold += _waits(holding)
            else:
                ticket = Ticket(holding.coin_type, SELL, MARKET, quantity=quantity)
                sales.append(place_order(
                    user=holding.account.user, account=holding.account, ticket=ticket,
                    algorithm_id=holding.algorithm_id, actor=actor_name(actor),
                ))  # fmt: skip
        unsold += len(failed)
    Event.objects.create(
        account_id=key_of(stop).account_id, type="stop.liquidated", at=clock.now(), actor=actor_name(actor),
        reason=stop.reason, inputs={
            "stop": stop.pk, "scope": stop.name, "orders": [sale.pk for sale in sales], "unsold": unsold,
        },
    )  # fmt: skip
    return tuple(sales), unsold


def _waits(holding: Holding) -> bool:
    """Tell whether the coins are in a sale that waits for its price, and so is in the way of selling them."""
    sales = Order.objects.in_flight().filter(account_id=holding.account_id, coin_type=holding.coin_type)
    return sales.filter(side=SELL, order_type=LIMIT).exists()


def _sellable(holding: Holding) -> Decimal:
    """Give what of a book's coins no sale in flight has reserved, nor another book's shortfall taken."""
    coins = {"account": holding.account_id, "coin_type": holding.coin_type}
    book = Q(algorithm_id=holding.algorithm_id)
    held = Holding.objects.filter(**coins).aggregate(all=Sum("quantity"), own=Sum("quantity", filter=book))
    reserved = (
        Order.objects.in_flight()
        .filter(**coins)
        .aggregate(all=Sum("reserved_quantity"), own=Sum("reserved_quantity", filter=book))
    )
    free = [(held[share] or ZERO) - (reserved[share] or ZERO) for share in ("all", "own")]
    return floor_quantity(min(free))
