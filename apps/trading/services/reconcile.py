"""Bring our rows up to what the venue shows: fills, orders made elsewhere, transfers, late orders.

What the venue reports is fact and is recorded whatever our limits say. What does not add up is looked at
again after the settle time, and then is for a person. Balances are compared, never taken over
(`services.balances`).
"""

from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Min

from apps.trading import matching
from apps.trading.matching import Finding
from apps.trading.models import Account, Order
from apps.trading.querysets import LATE_TRADES
from apps.trading.records import Reading, VenueTrade
from apps.trading.services.balances import compare_balances, open_balances, record_transfers
from apps.trading.services.evidence import DISMISSED, as_wanted, search, trades_as_json, unrecorded
from apps.trading.services.fills import record_trades
from apps.trading.services.reading import read_venue
from apps.trading.services.reservations import reserved_again
from apps.trading.services.resolve import link, settle_time
from apps.trading.services.venue import FAILURES
from apps.trading.states import Status
from apps.trading.transitions import move, record_event
from ohmycoins.core import clock
from ohmycoins.core.money import ZERO, plain

log = structlog.get_logger(__name__)

ACTOR = "reconciler"
IDLE_FACTOR = 10  # without live orders: every five minutes, for the production setting
ONE_DAY = timedelta(days=1)
LIVE = (Status.OPEN, Status.PARTIALLY_FILLED, Status.CANCELLING)
ENDED = (Status.CANCELLED, Status.FILLED)
LOST = (Status.SUBMITTING, Status.UNKNOWN, Status.NEEDS_REVIEW)


def reconcile(account_id: int) -> bool:
    """Compare the account with its venue if that is due; tell whether it was.

    A reading that fails or is not complete changes nothing; it is made again at the next turn.
    """
    now = clock.now()
    turn = now + _period()
    due = Account.objects.filter(pk=account_id, mode=Account.Mode.LIVE, next_reconcile_at__lte=now)
    if not due.update(next_reconcile_at=turn):
        return False
    account = Account.objects.get(pk=account_id)
    try:
        reading = read_venue(account, since=_since(account, now), whole=True)
    except FAILURES as error:
        log.warning("account.unread", account_id=account_id, error=str(error))
        return True
    log.info("account.read", account_id=account_id)
    with transaction.atomic():
        locked = Account.objects.locked().get(pk=account_id)
        apply(locked, reading)
        if locked.next_reconcile_at == turn:  # else somebody asked for a look meanwhile
            Account.objects.filter(pk=account_id).update(next_reconcile_at=_next_turn(locked, clock.now()))
    log.info("account.reconciled", account_id=account_id)
    return True


def _period() -> timedelta:
    return timedelta(seconds=settings.OMC_RECONCILE_SECONDS)


def _next_turn(account: Account, now: datetime) -> datetime:
    """Say when to look again: soon with live orders, and when one has not added up for long enough."""
    orders = Order.objects.filter(account=account)
    odd: datetime | None = (
        orders.filter(looked_at__isnull=False).watched(now).aggregate(at=Min("looked_at"))["at"]
    )
    period = _period() * (1 if orders.at_venue().exists() else IDLE_FACTOR)
    return min(now + period, max(odd + settle_time(), now)) if odd else now + period


def _since(account: Account, now: datetime) -> datetime:
    """Give the time since when trades at the venue may be new to us.

    What rests had its trades read while it rested; what ended, or was not placed, may have late ones.
    """
    recent = Order.objects.filter(account=account, submitted_at__gte=now - LATE_TRADES)
    ended = recent.filter(status__in=(*ENDED, Status.NOT_PLACED, Status.NEEDS_REVIEW)).exists()
    read_before = (account.reconciled_at or account.connected_at or now) - ONE_DAY
    return min(read_before, now - LATE_TRADES) if ended else read_before


def apply(account: Account, reading: Reading) -> None:
    """Record what a reading shows; runs in the caller's transaction with the account locked."""
    now = clock.now()
    doubtful: list[str] = []
    if account.connected_at is None:
        open_balances(account, reading, now)
    else:
        doubtful = record_transfers(account, reading, now)
    watched = Order.objects.watched(now, reading.venue_ids).filter(account=account).with_end()
    orders = [order for order in watched.order_by("id") if order.venue_order_id]
    for order in orders:
        order.account = account
    new = unrecorded(account, reading)
    findings, foreign = matching.attribute([as_wanted(order) for order in orders], reading.orders, new)
    for order in orders:
        _judge(order, findings[order.pk], account, reading, now)
    _sweep(account, reading, now)
    left = {trade.key for trade in unrecorded(account, reading)}
    # The sweep may have found whose they are; what was before the account was connected is in its opening balances.
    foreign = [trade for trade in foreign if trade.key in left and trade.at >= (account.connected_at or now)]
    _import_orders(account, reading, foreign)
    _import_trades(account, reading, foreign)
    account.refresh_from_db()
    loose = {trade.key for finding in findings.values() for trade in finding.loose}  # less what was dismissed
    open_trades = loose | {trade.key for trade in foreign}
    unclaimed = [trade.key for trade in unrecorded(account, reading) if trade.key in open_trades] + doubtful
    if not unclaimed:
        compare_balances(account, reading, now, actor=ACTOR)
    Account.objects.filter(pk=account.pk).update(reconciled_at=reading.began_at, unclaimed=unclaimed)


def _sweep(account: Account, reading: Reading, now: datetime) -> None:
    """Find orders that were given up as not placed and show up after all; a person is told."""
    lost = Order.objects.filter(
        account=account, status=Status.NOT_PLACED, submitted_at__gte=now - LATE_TRADES
    )
    unclear = _open_questions(account)
    for order in lost.order_by("id"):
        if (order.coin_type, order.side) in unclear:
            continue
        order.account = account
        if only := search(order, reading).only:
            link(order, only, actor="sweep", reason="it showed up after it was given up as not placed")
            log.error("order.found_late", order_id=order.pk, account_id=account.pk)


def _judge(order: Order, finding: Finding, account: Account, reading: Reading, now: datetime) -> None:
    """Record an order's new trades, and move it on when what is listed of it does not add up for long."""
    record_trades(order, finding.trades, actor=ACTOR)
    dismissed = _dismissed(order)
    finding.loose = [trade for trade in finding.loose if trade.key not in dismissed]
    finding.doubtful = finding.doubtful and bool(finding.loose)
    if order.status == Status.NEEDS_REVIEW and order.next_at and finding.remaining is None:
        Order.objects.filter(pk=order.pk).update(next_at=None)  # there is nothing left to cancel
    if order.status not in (*LIVE, *ENDED) or (order.submitted_at or now) > reading.began_at:
        return
    if _adds_up(order, finding):
        if order.looked_at:
            Order.objects.filter(pk=order.pk).update(looked_at=None)
    elif order.looked_at is None:
        Order.objects.filter(pk=order.pk).update(looked_at=now)
    elif now - order.looked_at >= settle_time():
        _settle(order, finding, account, now)


def _dismissed(order: Order) -> set[str]:
    """Give the trades of which a person has said that they are not the order's."""
    said = [candidate["trades"] for candidate in order.candidates if candidate["name"] == DISMISSED]
    return {trade["key"] for trades in said for trade in trades}


def _adds_up(order: Order, finding: Finding) -> bool:
    """Tell whether an order rests with just what we have not recorded of it, or is gone as it should be."""
    if finding.doubtful or finding.loose:
        return False
    if order.status in ENDED:
        return finding.remaining is None
    return finding.remaining is not None and finding.remaining + order.filled_quantity == order.quantity


def _settle(order: Order, finding: Finding, account: Account, now: datetime) -> None:
    """Say what became of an order whose listing has not added up for the settle time."""
    if order.status in LIVE and finding.remaining is None and not finding.doubtful:
        # Only what was listed before, too: a row may be listed twice by mistake.
        record_trades(
            order, [trade for trade in finding.loose if trade.key in account.unclaimed], actor=ACTOR
        )
        if order.status in LIVE:
            move(
                order,
                Status.CANCELLED,
                at=now,
                actor=ACTOR,
                reason="gone from the venue's book",
                looked_at=None,
            )
        return
    move(
        order, Status.NEEDS_REVIEW, at=now, actor=ACTOR, looked_at=None, next_at=None,
        reason="what the venue lists of it does not add up",
        inputs={"listed": None if finding.remaining is None else plain(finding.remaining)},
        **({} if finding.remaining is None else reserved_again(order)),
        candidates=[{"name": "trades", "trades": trades_as_json(finding.loose)}],
    )  # fmt: skip
    log.error("order.needs_review", order_id=order.pk)


def _import_orders(account: Account, reading: Reading, trades: list[VenueTrade]) -> None:
    """Take in orders made elsewhere, once they cannot be one of ours whose fate is open."""
    ours, lost = _linked(account, reading), _open_questions(account)
    for listed in reading.orders:
        if listed.id in ours or (listed.coin_type, listed.side) in lost:
            continue
        # What was traded after the book was read is in what it said was left; the next reading tells.
        own = [trade for trade in trades if trade.order_id == listed.id and trade.at <= reading.began_at]
        filled = sum((trade.quantity for trade in own), ZERO)
        order = _external(
            account, side=listed.side, coin_type=listed.coin_type, quantity=listed.remaining + filled,
            rate=listed.rate, at=listed.created_at, venue_order_id=listed.id,
        )  # fmt: skip
        record_trades(order, own, actor=ACTOR)


def _import_trades(account: Account, reading: Reading, trades: list[VenueTrade]) -> None:
    """Take in trades made elsewhere: listed twice over the settle time, and nobody's whose fate is open."""
    ours, lost = _linked(account, reading), _open_questions(account)
    live = set(Order.objects.filter(account=account, status__in=LIVE).values_list("coin_type", "side"))
    settled = reading.began_at - settle_time()
    for trade in trades:
        kind = (trade.coin_type, trade.side)
        if trade.key not in account.unclaimed or kind in lost or trade.order_id in ours:
            continue
        if kind in live and trade.at > settled:
            continue
        order = _external(
            account, side=trade.side, coin_type=trade.coin_type, quantity=trade.quantity, rate=trade.price,
            at=trade.at, venue_order_id=None,
        )  # fmt: skip
        record_trades(order, [trade], actor=ACTOR)


def _linked(account: Account, reading: Reading) -> set[str | None]:
    known = Order.objects.filter(account=account, venue_order_id__in=reading.venue_ids)
    return set(known.values_list("venue_order_id", flat=True))


def _open_questions(account: Account) -> set[tuple[str, str]]:
    """Give the coins and sides of which something at the venue may yet turn out to be ours."""
    return set(Order.objects.filter(account=account, status__in=LOST).values_list("coin_type", "side"))


def _external(
    account: Account, *, side: str, coin_type: str, quantity: Decimal, rate: Decimal, at: datetime,
    venue_order_id: str | None,
) -> Order:  # fmt: skip
    """Store an order that was made elsewhere, as it enters: at the venue."""
    order = Order(
        account=account, user_id=account.user_id, origin=Order.Origin.EXTERNAL, coin_type=coin_type, side=side,
        order_type=Order.Type.LIMIT, requested_quantity=quantity, quantity=quantity, price=rate,
        limit_price=rate, valued_price=rate, status=Status.OPEN, venue_order_id=venue_order_id,
        created_at=at, submitted_at=at,
    )  # fmt: skip
    for name, value in reserved_again(order).items():
        setattr(order, name, value)
    order.save(force_insert=True)
    record_event(order, "", Status.OPEN, at=clock.now(), actor=ACTOR, reason="made elsewhere")
    log.info("order.imported", order_id=order.pk, account_id=account.pk)
    return order
