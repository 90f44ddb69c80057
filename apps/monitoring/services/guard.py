"""Look at sales as they are booked, and engage what follows from them: every five seconds, and idle for one probe.

Closings are numbered before they are committed, and books that are kept anew give theirs new numbers. So a mark
follows behind (`models.ClosingMark`), what is beyond it is looked at again, and a brake is engaged once a sale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection

from apps.monitoring.models import ClosingMark, Protection
from apps.monitoring.protections import Cooldown, LosingSales, LowProfit, Parameters, Sale, pauses
from apps.monitoring.services.braking import engage_for, rule_of
from apps.trading.models import Account

log = structlog.get_logger(__name__)

KINDS = (Protection.Kind.COOLDOWN, Protection.Kind.LOSING_SALES, Protection.Kind.LOW_PROFIT)
LOOK = """
    SELECT mark.done_id, mark.seen_id, mark.seen_xid, coalesce((SELECT max(id) FROM pnl_closing), 0),
           pg_snapshot_xmin(snapshot)::text::bigint, pg_snapshot_xmax(snapshot)::text::bigint
    FROM monitoring_closingmark mark, pg_current_snapshot() AS snapshot
"""
NEWS = """
    SELECT account_id, min(closed_at) FROM pnl_closing WHERE id > %(done)s AND closed_at > %(since)s
    GROUP BY account_id ORDER BY account_id
"""
# What one order sold is one sale, in however many fills, those of before the window too. What moved without cash, or
# closed no lot, is none.
SALES = """
    WITH sold AS MATERIALIZED (
        SELECT DISTINCT fill.order_id, CASE WHEN fill.order_id IS NULL THEN fill.id END AS fill_id
        FROM pnl_closing closing JOIN trading_fill fill ON fill.id = closing.fill_id
        WHERE closing.account_id = %(account)s AND closing.closed_at > %(since)s
    ), part AS (
        SELECT id, 'order:' || order_id AS key FROM trading_fill JOIN sold USING (order_id) WHERE kind = 'trade'
        UNION ALL SELECT id, 'fill:' || id FROM trading_fill JOIN sold ON sold.fill_id = id WHERE kind = 'trade'
    )
    SELECT part.key, closing.algorithm_id, closing.coin_type, sum(closing.realized_pnl), sum(closing.cost), max(closing.closed_at)
    FROM part JOIN pnl_closing closing ON closing.fill_id = part.id
    WHERE closing.account_id = %(account)s AND closing.quantity > closing.unmatched_quantity
    GROUP BY part.key, closing.algorithm_id, closing.coin_type
"""


@dataclass(frozen=True, slots=True)
class _Mark:
    done_id: int
    seen_id: int
    seen_xid: int
    newest_id: int
    """Of the closings that this look can see."""
    first_running: int
    """Every transaction before it has ended."""
    next_xid: int


def guard(now: datetime) -> int:
    """Engage the brakes that follow from sales booked since the last look; return how many.

    Two at once engage nothing twice. What fails is looked at again: the mark is moved last.
    """
    mark = _read_mark()
    if mark.newest_id <= mark.done_id:
        return 0
    rules = [(protection, rule_of(protection)) for protection in _protections()]
    engaged = _look_at_news(mark.done_id, rules, now) if rules else 0
    _move(mark)
    return engaged


def _protections() -> Sequence[Protection]:
    return list(
        Protection.objects.enabled().filter(kind__in=KINDS).select_related("deployment").order_by("id")
    )


def _read_mark() -> _Mark:
    with connection.cursor() as cursor:
        cursor.execute(LOOK)
        row = cursor.fetchone()
    if row is None:
        ClosingMark.objects.get_or_create(id=1)
        return _read_mark()
    return _Mark(*row)


def _move(mark: _Mark) -> None:
    """Follow to what was seen once all that was under way then has ended, and note what is seen now."""
    if mark.first_running < mark.seen_xid:
        return
    ClosingMark.objects.filter(done_id=mark.done_id, seen_id=mark.seen_id, seen_xid=mark.seen_xid).update(
        done_id=mark.seen_id, seen_id=mark.newest_id, seen_xid=mark.next_xid
    )


def _look_at_news(done_id: int, rules: Sequence[tuple[Protection, Parameters]], now: datetime) -> int:
    longest = max(_pause_of(rule) for _, rule in rules)
    with connection.cursor() as cursor:
        cursor.execute(NEWS, {"done": done_id, "since": now - longest})
        news = dict(cursor.fetchall())
    engaged = 0
    for account in Account.objects.filter(pk__in=news).order_by("id"):
        own = [(protection, rule) for protection, rule in rules if _watches(protection, account)]
        if own:
            since = news[account.pk] - max(_window_of(rule) for _, rule in own)
            sales = _sales(account, since - timedelta.resolution)
            engaged += sum(_apply(protection, rule, account, sales, now) for protection, rule in own)
    return engaged


def _pause_of(rule: Parameters) -> timedelta:
    """Give how long after a sale it can still matter."""
    if isinstance(rule, Cooldown):
        return timedelta(minutes=rule.minutes)
    return (
        timedelta(minutes=rule.pause_minutes) if isinstance(rule, LosingSales | LowProfit) else timedelta(0)
    )


def _window_of(rule: Parameters) -> timedelta:
    return (
        timedelta(minutes=rule.window_minutes) if isinstance(rule, LosingSales | LowProfit) else timedelta(0)
    )


def _watches(protection: Protection, account: Account) -> bool:
    if protection.deployment:
        return protection.deployment.account_id == account.pk
    if protection.account_id:
        return protection.account_id == account.pk
    return protection.user_id in (None, account.user_id)


def _sales(account: Account, since: datetime) -> list[Sale]:
    with connection.cursor() as cursor:
        cursor.execute(SALES, {"account": account.pk, "since": since})
        return [Sale(*row) for row in cursor.fetchall()]


def _apply(
    protection: Protection, rule: Parameters, account: Account, sales: Sequence[Sale], now: datetime
) -> int:
    if protection.deployment:
        sales = [sale for sale in sales if sale.algorithm_id == protection.deployment.algorithm_id]
    engaged = [
        engage_for(
            protection, about=f"{pause.cause}:{pause.coin_type}", reason=pause.reason, now=now, inputs=pause.inputs,
            account_id=account.pk, coin_type=pause.coin_type, until=pause.until,
        )
        for pause in pauses(rule, sales)
    ]  # fmt: skip
    return len([brake for brake in engaged if brake])
