"""Count how an account stands: what it is worth, has free, and has at stake.

All of it is read under the account's lock, so that what is in flight cannot grow meanwhile.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from apps.trading.models import Account, DayStart, Decision, Deployment, Limits, Order, VolatileMarket
from apps.trading.records import SELL, Bounds, Standing, Ticket
from apps.trading.services.control import standing_stop
from apps.trading.services.readiness import refusal_of
from apps.trading.states import IN_FLIGHT, values
from ohmycoins.core.money import ZERO, round_aud

# A holding is marked at the last price held within bid and ask (`records.Quote.mark` in SQL).
MARK = "least(greatest(p.last, least(p.bid, p.ask)), greatest(p.bid, p.ask))"
# Half to even, as `money.round_aud` does; PostgreSQL's own round() takes halves away from zero. Of `units` of 10^-8.
ROUNDED = """CASE WHEN abs(units - trunc(units)) = 0.5 AND trunc(units) %% 2 = 0 THEN trunc(units) ELSE round(units)
    END * 0.00000001"""
HELD = f"""
    held AS (
        SELECT coin_type, algorithm_id, quantity, {ROUNDED} AS value
        FROM (SELECT h.*, h.quantity * {MARK} * 100000000 AS units FROM trading_holding h
        LEFT JOIN ledgers_latestprice p ON p.coin_type = h.coin_type AND p.market = 'AUD'
        WHERE h.account_id = %(account)s AND h.quantity <> 0) AS marked
    )
"""  # noqa: S608 - constants only
WORTH = f"""
    WITH {HELD}
    SELECT coalesce(sum(value), 0),
        coalesce(jsonb_object_agg(coin_type, trim_scale(quantity)::text) FILTER (WHERE value IS NULL), '{{}}')
    FROM (SELECT coin_type, sum(quantity) AS quantity, sum(value) AS value FROM held GROUP BY coin_type) AS coins
"""  # noqa: S608 - constants only
# Coins that had no price when the day began are in neither side: what was held of them then counts as it does now.
PRICED_SINCE = f"""
    SELECT coalesce(sum(round(start.quantity::numeric * {MARK}, 8)), 0)
    FROM jsonb_each_text(%(unpriced)s::jsonb) AS start (coin_type, quantity)
    JOIN ledgers_latestprice p ON p.coin_type = start.coin_type AND p.market = 'AUD'
"""  # noqa: S608 - constants only
STAKES = f"""
    WITH {HELD}, flying AS (
        SELECT coin_type, algorithm_id, status, side, reserved_aud, reserved_quantity,
               (quantity - filled_quantity) * valued_price AS value
        FROM trading_order
        WHERE account_id = %(account)s AND status = ANY(%(in_flight)s) AND id <> %(besides)s
    )
    SELECT
        (SELECT coalesce(sum(quantity), 0) FROM held WHERE coin_type = %(coin)s),
        (SELECT coalesce(sum(quantity), 0) FROM held
            WHERE coin_type = %(coin)s AND algorithm_id IS NOT DISTINCT FROM %(algorithm)s),
        (SELECT coalesce(sum(value), 0) FROM held WHERE coin_type = %(coin)s),
        (SELECT coalesce(sum(value), 0) FROM held WHERE algorithm_id = %(algorithm)s),
        coalesce(sum(reserved_aud), 0),
        coalesce(sum(reserved_quantity) FILTER (WHERE coin_type = %(coin)s), 0),
        coalesce(sum(reserved_quantity) FILTER (
            WHERE coin_type = %(coin)s AND algorithm_id IS NOT DISTINCT FROM %(algorithm)s), 0),
        coalesce(sum(value) FILTER (WHERE coin_type = %(coin)s AND side = 'buy'), 0),
        coalesce(sum(value) FILTER (WHERE algorithm_id = %(algorithm)s AND side = 'buy'), 0),
        coalesce(bool_or(status = 'needs_review' AND coin_type = %(coin)s), false)
    FROM flying
"""  # noqa: S608 - constants only
IMPORTED = "fills.imported"
# What came and went by no trade since then; coins at their price of that day or, without one, today's. An
# import of history says itself by how much it would change the day's loss otherwise.
MOVED = f"""
    SELECT coalesce(sum(m.amount_aud + round(m.quantity * coalesce(m.unit_price, {MARK}, 0), 8)), 0)
        + (SELECT coalesce(sum((e.inputs ->> 'day_base_aud')::numeric), 0) FROM trading_event e
           WHERE e.order_id IS NULL AND e.account_id = %(account)s AND e.type = '{IMPORTED}' AND e.at > %(since)s)
    FROM trading_movement m
    LEFT JOIN ledgers_latestprice p ON p.coin_type = m.coin_type AND p.market = 'AUD'
    WHERE m.account_id = %(account)s AND m.recorded_at > %(since)s
"""  # noqa: S608 - constants only
# The same of many accounts since their beginning, and what each is worth: of one moment, so that neither runs ahead.
WORTHS = f"""
    WITH held AS (
        SELECT account_id, sum({ROUNDED}) AS value FROM (
            SELECT h.account_id, h.quantity * {MARK} * 100000000 AS units FROM trading_holding h
            JOIN ledgers_latestprice p ON p.coin_type = h.coin_type AND p.market = 'AUD'
            WHERE h.account_id = ANY(%(accounts)s) AND h.quantity <> 0) AS marked GROUP BY account_id
    ), moved AS (
        SELECT account_id, sum(m.amount_aud + round(m.quantity * coalesce(m.unit_price, {MARK}, 0), 8)) AS aud
        FROM trading_movement m LEFT JOIN ledgers_latestprice p ON p.coin_type = m.coin_type AND p.market = 'AUD'
        WHERE m.account_id = ANY(%(accounts)s) GROUP BY account_id
    ), imported AS (
        SELECT account_id, sum((inputs ->> 'day_base_aud')::numeric) AS aud FROM trading_event
        WHERE order_id IS NULL AND type = '{IMPORTED}' AND account_id = ANY(%(accounts)s) GROUP BY account_id
    )
    SELECT id, cash_aud + coalesce(held.value, 0), coalesce(moved.aud, 0) + coalesce(imported.aud, 0)
    FROM trading_account LEFT JOIN held ON held.account_id = id LEFT JOIN moved ON moved.account_id = id
        LEFT JOIN imported ON imported.account_id = id
    WHERE id = ANY(%(accounts)s)
"""  # noqa: S608 - constants only
# What an algorithm's book is worth, and what it spent on coins less what it got for some, fees counted, since an
# instant. A fill counts when it was recorded, which its order's trail says: a venue may tell of one late, by two days.
BOOK = f"""
    WITH {HELD}
    SELECT (SELECT coalesce(sum(value), 0) FROM held WHERE algorithm_id = %(algorithm)s),
        (SELECT coalesce(sum(CASE side WHEN 'buy' THEN value_aud + fee_aud ELSE fee_aud - value_aud END), 0)
         FROM trading_fill fill
         WHERE account_id = %(account)s AND algorithm_id = %(algorithm)s
           AND executed_at >= %(since)s::timestamptz - interval '3 days'
           AND coalesce((SELECT max(at) FROM trading_event e
                         WHERE e.order_id = fill.order_id AND e.inputs -> 'fill_id' = to_jsonb(fill.id)), executed_at)
               >= %(since)s)
"""  # noqa: S608 - constants only
IN_FLIGHT_VALUES = values(IN_FLIGHT)
NO_ORDER = 0


@dataclass(frozen=True, slots=True)
class Worth:
    """An account at market, in AUD; coins that never had a price are left out and named."""

    equity_aud: Decimal
    unpriced: dict[str, str]
    """Coins without a price, and how many of each."""


@dataclass(frozen=True, slots=True)
class Day:
    """How an account does today; AUD."""

    start: DayStart
    worth: Worth
    base_aud: Decimal
    """What the day began with, and what came or went since by no trade; losses are a share of it."""

    @property
    def loss_aud(self) -> Decimal:
        """Give what was lost so far; negative is a gain."""
        return self.base_aud - self.worth.equity_aud


@dataclass(frozen=True, slots=True)
class BookDay:
    """How the book of a deployment does today; AUD."""

    deployment: Deployment
    start_value_aud: Decimal
    """What it was worth when somebody first looked on this local day."""
    spent_aud: Decimal
    """What its purchases since then cost, less what its sales brought; fees counted."""
    value_aud: Decimal

    @property
    def loss_aud(self) -> Decimal:
        """Give what it lost since then, open positions at market; negative is a gain."""
        return self.start_value_aud + self.spent_aud - self.value_aud


def read_worth(account: Account) -> Worth:
    """Value what the account has."""
    value, unpriced = _row(WORTH, account=account.pk)
    return Worth(equity_aud=account.cash_aud + value, unpriced=json.loads(unpriced))


def read_worths(account_ids: Collection[int]) -> dict[int, tuple[Decimal, Decimal]]:
    """Give by account what it is worth, and what came to it by no trade so far less what went, in AUD; one query.

    The difference moves by what trading and the market do, and by nothing else: not by imported history either.
    """
    with connection.cursor() as cursor:
        cursor.execute(WORTHS, {"accounts": list(account_ids)})
        return {account_id: (equity, came) for account_id, equity, came in cursor.fetchall()}


def read_day(account: Account, now: datetime) -> Day:
    """Measure the account's local day; store what it began with if nobody did yet.

    Needs the account's lock. A coin that had no price when the day began is no gain when it gets one,
    and buying it is no loss.
    """
    day, worth = local_day(account, now), read_worth(account)
    start = DayStart.objects.filter(account=account, day=day).first()
    if start is None:
        start = DayStart.objects.create(
            account=account, day=day, equity_aud=worth.equity_aud, unpriced=worth.unpriced, at=now
        )
        return Day(start, worth, base_aud=worth.equity_aud)
    (moved,) = _row(MOVED, account=account.pk, since=start.at)
    base = start.equity_aud + moved
    if start.unpriced:
        (priced,) = _row(PRICED_SINCE, unpriced=json.dumps(start.unpriced))
        base += priced
    return Day(start, worth, base_aud=base)


def read_book_day(account: Account, deployment_id: int, now: datetime) -> BookDay:
    """Measure the local day of a deployment's book; store what it began with if nobody did yet.

    Needs the account's lock. Cash and coins that come or go by no order of the algorithm are in neither side.
    """
    deployment = Deployment.objects.get(pk=deployment_id)
    book = {"account": account.pk, "algorithm": deployment.algorithm_id}
    day = local_day(account, now)
    if deployment.day == day and deployment.day_value_aud is not None:
        value, spent = _row(BOOK, **book, since=deployment.day_began_at)
        return BookDay(deployment, deployment.day_value_aud, round_aud(spent), value)
    value, _ = _row(BOOK, **book, since=now)
    deployment.day, deployment.day_value_aud, deployment.day_began_at = day, value, now
    deployment.save(update_fields=["day", "day_value_aud", "day_began_at"])
    return BookDay(deployment, value, ZERO, value)


def local_day(account: Account, now: datetime) -> date:
    """Give the day that it is where the account is."""
    return now.astimezone(ZoneInfo(account.timezone)).date()


def bounds_of(account: Account) -> Bounds:
    """Give the limits that apply: the account's newest, or the defaults."""
    limits = Limits.objects.filter(account=account).order_by("-id").first()
    if limits is None:
        return Bounds()
    return Bounds(
        max_position_percent=limits.max_position_percent,
        max_daily_loss_percent=limits.max_daily_loss_percent,
        max_algorithm_percent=limits.max_algorithm_percent,
        max_order_aud=limits.max_order_aud,
    )


def read_standing(
    account: Account, ticket: Ticket, *, now: datetime, algorithm_id: int | None = None,
    decision: Decision | None = None, besides: Order | None = None,
) -> Standing:  # fmt: skip
    """Count how the locked account stands towards an order, its other orders in flight counted.

    `decision` is what the order follows from: its deployment's status and limits count too. `besides` is the order itself
    when it is in flight already. Day and limits are measured for purchases only: sales pass them.
    """
    stop = standing_stop(
        user_id=account.user_id, account_id=account.pk, algorithm_id=algorithm_id, coin_type=ticket.coin_type, now=now
    )  # fmt: skip
    (held, own, position, book, reserved_aud, reserved, own_reserved, coming, book_coming, in_review) = _row(
        STAKES, account=account.pk, coin=ticket.coin_type, algorithm=algorithm_id,
        in_flight=IN_FLIGHT_VALUES, besides=besides.pk if besides else NO_ORDER,
    )  # fmt: skip
    free = held - reserved
    state: dict[str, Any] = {
        "stop": stop.state,
        "stop_scope": stop.scope,
        "brakes": stop.brakes,
        "status": account.status,
        "status_reason": account.status_reason,
        "refusal": refusal_of(account),
        "in_review": in_review,
        "available_aud": account.cash_aud - reserved_aud,
        # An algorithm sells from its own book, which a manual sale may have drawn on.
        "available_quantity": free if algorithm_id is None else min(free, own - own_reserved),
    }
    # A sale is a look at the book's day as well: what it loses is of that day.
    own_day = read_book_day(account, decision.deployment_id, now) if decision else None
    if ticket.side == SELL:
        return Standing(**state)
    if own_day:
        state["deployment_status"] = own_day.deployment.status
        state["position_limit_aud"] = own_day.deployment.position_limit_aud
        state["loss_limit_aud"] = own_day.deployment.daily_loss_limit_aud
        state["book_loss_aud"] = own_day.loss_aud
    day = read_day(account, now)
    return Standing(
        **state,
        equity_aud=day.worth.equity_aud,
        position_aud=(position or ZERO) + coming,
        algorithm_aud=None if algorithm_id is None else (book or ZERO) + book_coming,
        day_start_aud=day.base_aud,
        day_loss_aud=round_aud(day.loss_aud),
        volatile=VolatileMarket.objects.filter(coin_type=ticket.coin_type).exists(),
        bounds=bounds_of(account),
    )


def _row(statement: str, **values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()
