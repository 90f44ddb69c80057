"""Value accounts: now, every hour and at their local midnight; and in the past, from what is known of it.

A past value is what was held then, marked at the prices recorded by then. It is computed anew from an
instant on when something older is recorded, such as imported history.
"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.db import connection, transaction
from django.db.models import Min

from apps.pnl.models import EquitySnapshot, Lot
from apps.pnl.periods import local_day, midnight
from apps.pnl.services.rebuild import take_time
from apps.pnl.services.valuation import VALUED
from apps.trading.models import Account, Fill, Movement
from apps.trading.services.standing import MARK, ROUNDED
from ohmycoins.core import clock

log = structlog.get_logger(__name__)

HOUR, MONTH = timedelta(hours=1), timedelta(days=31)

# Every account of a time zone at once that nobody holds: a fill being booked is in the next minute's.
TAKE = f"""
    INSERT INTO pnl_equitysnapshot (account_id, at, cash_aud, value_aud, cost_aud, paid_in_aud, unpriced)
    SELECT account.id, %(at)s, account.cash_aud, held.value, held.cost, held.in_kind + moved.cash, to_jsonb(held.unpriced)
    FROM (
        SELECT id, cash_aud FROM trading_account a
        WHERE timezone = %(timezone)s AND created_at < %(at)s
          AND NOT EXISTS (SELECT FROM pnl_equitysnapshot known WHERE known.account_id = a.id AND known.at = %(at)s)
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ) AS account
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(value), 0) AS value, coalesce(sum(cost) FILTER (WHERE value IS NOT NULL), 0) AS cost,
               coalesce(sum(in_kind_aud), 0) - coalesce(sum(cost) FILTER (WHERE value IS NULL), 0) AS in_kind,
               coalesce(array_agg(DISTINCT coin_type) FILTER (WHERE value IS NULL), '{{}}') AS unpriced
        FROM ({VALUED.replace("%(account)s", "account.id")}) AS valued
    ) AS held
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount_aud), 0) AS cash FROM trading_movement WHERE account_id = account.id
    ) AS moved
"""  # noqa: S608 - constants only
# What an account had at each instant: everything that happened before it, added up in one pass; coins that had
# no price by then leave the instant unvalued. Lots and matches say what was held and what it had cost.
REVALUE = f"""
    WITH instant AS (SELECT unnest(%(instants)s::timestamptz[]) AS at),
    cash AS (
        SELECT at, is_instant, sum(amount) OVER before AS cash, sum(paid_in) OVER before AS paid_in FROM (
            SELECT at, true AS is_instant, 0 AS amount, 0 AS paid_in FROM instant
            UNION ALL SELECT occurred_at, false, amount_aud, amount_aud FROM trading_movement WHERE account_id = %(account)s
            UNION ALL SELECT executed_at, false,
                CASE WHEN kind <> 'trade' THEN 0 WHEN side = 'buy' THEN -value_aud - fee_aud ELSE value_aud - fee_aud END,
                CASE WHEN kind = 'trade' THEN 0 WHEN side = 'buy' THEN value_aud + fee_aud ELSE fee_aud - value_aud END
                FROM trading_fill WHERE account_id = %(account)s
            UNION ALL SELECT acquired_at, false, 0, cost FROM pnl_lot
                WHERE account_id = %(account)s AND movement_id IS NOT NULL
            UNION ALL SELECT closed_at, false, 0, -cost FROM pnl_closing
                WHERE account_id = %(account)s AND movement_id IS NOT NULL
        ) AS happened WINDOW before AS (ORDER BY at, is_instant DESC ROWS UNBOUNDED PRECEDING)
    ), coin AS (
        SELECT at, coin_type, is_instant, sum(quantity) OVER before AS quantity, sum(cost) OVER before AS cost FROM (
            SELECT at, coin_type, algorithm_id, ledger, true AS is_instant, 0 AS quantity, 0 AS cost
                FROM instant, pnl_position WHERE account_id = %(account)s
            UNION ALL SELECT acquired_at, coin_type, algorithm_id, ledger, false, quantity, cost
                FROM pnl_lot WHERE account_id = %(account)s
            UNION ALL SELECT disposed_at, coin_type, algorithm_id, ledger, false, -quantity, -cost
                FROM pnl_match WHERE account_id = %(account)s
        ) AS happened
        WINDOW before AS (PARTITION BY coin_type, algorithm_id, ledger ORDER BY at, is_instant DESC ROWS UNBOUNDED PRECEDING)
    ), priced AS (
        SELECT coin.at, cost, {ROUNDED} AS value FROM (
            SELECT coin.at, coin.cost, coin.quantity * mark * 100000000 AS units
            FROM coin LEFT JOIN LATERAL (
                SELECT {MARK} AS mark FROM ledgers_price p
                WHERE p.coin_type = coin.coin_type AND p.market = 'AUD' AND p.occurred_at <= coin.at
                ORDER BY p.coin_type DESC, p.market DESC, p.occurred_at DESC LIMIT 1
            ) AS price ON true
            WHERE coin.is_instant AND coin.quantity > 0
        ) AS coin
    ), held AS (
        SELECT at, sum(value) AS value, sum(cost) AS cost, bool_or(value IS NULL) AS is_unpriced FROM priced GROUP BY at
    )
    INSERT INTO pnl_equitysnapshot (account_id, at, cash_aud, value_aud, cost_aud, paid_in_aud, unpriced)
    SELECT %(account)s, cash.at, cash, coalesce(value, 0), coalesce(held.cost, 0), paid_in, '[]'
    FROM cash LEFT JOIN held USING (at) WHERE cash.is_instant AND is_unpriced IS NOT TRUE
"""  # noqa: S608 - constants only
# A day's last value is what it ended with: an instant ends the day before it.
END_DAYS = """
    WITH last AS (
        SELECT DISTINCT ON (account_id, day) account_id, day, at, cash_aud + value_aud AS equity,
               value_aud - cost_aud AS unrealized, paid_in_aud
        FROM (
            SELECT shot.*, ((shot.at - interval '1 microsecond') AT TIME ZONE account.timezone)::date AS day
            FROM pnl_equitysnapshot shot JOIN trading_account account ON account.id = shot.account_id
            WHERE (%(account)s::bigint IS NULL OR shot.account_id = %(account)s) AND shot.at >= %(since)s
              AND (%(timezone)s::text IS NULL OR account.timezone = %(timezone)s)
        ) AS shot ORDER BY account_id, day, at DESC
    )
    INSERT INTO pnl_dailytotal AS known (account_id, day, valued_at, equity_aud, unrealized_pnl, paid_in_aud)
    SELECT account_id, day, at, equity, unrealized, paid_in_aud FROM last
    ON CONFLICT (account_id, day) DO UPDATE SET valued_at = EXCLUDED.valued_at, equity_aud = EXCLUDED.equity_aud,
        unrealized_pnl = EXCLUDED.unrealized_pnl, paid_in_aud = EXCLUDED.paid_in_aud
    WHERE known.valued_at IS NULL OR known.valued_at <= EXCLUDED.valued_at
"""
UNVALUE_DAYS = """
    UPDATE pnl_dailytotal SET valued_at = NULL, equity_aud = NULL, unrealized_pnl = NULL, paid_in_aud = NULL
    WHERE account_id = %(account)s AND valued_at > %(since)s
"""


def last_due(now: datetime, timezone: str) -> datetime:
    """Give the last instant up to `now` at which accounts are valued: a full hour, or their local midnight."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return max(hour, midnight(local_day(now, timezone), ZoneInfo(timezone)))


def take_snapshots() -> int:
    """Value every account whose hour or local day ended since it was last valued; return how many were.

    Run every minute. What was missed while nothing ran is left out: `revalue` can make up for it.
    """
    now, taken = clock.now(), 0
    for zone in Account.objects.order_by("timezone").values_list("timezone", flat=True).distinct():
        at = last_due(now, zone)
        given: dict[str, Any] = {"at": at, "since": at, "timezone": zone, "account": None, "coin": None}
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(TAKE, given)
            if cursor.rowcount:
                taken += cursor.rowcount
                cursor.execute(END_DAYS, given)
    return taken


def revalue(account: Account, since: datetime | None = None) -> None:
    """Compute anew what the account was worth after `since` (None: since it began).

    That is at every local midnight, every hour of the last month, and whenever it was valued. An instant at
    which something held had no recorded price has no value. Runs in the caller's transaction with the
    account locked.
    """
    since = since or _beginning(account)
    known = EquitySnapshot.objects.filter(account=account, at__gt=since)
    instants = sorted({
        *_instants(since, clock.now(), account.timezone), *known.values_list("at", flat=True)
    })  # fmt: skip
    if not instants:
        return
    known.delete()
    _value(account, since, instants)
    log.info("equity.revalued", account_id=account.pk, instants=len(instants))


def end_days_anew(account: Account) -> None:
    """Say again what the account's days ended with: its days have moved.

    From when it was valued, at its new midnights too where the prices of then are recorded. Runs in the
    caller's transaction with the account locked.
    """
    since = _beginning(account)
    known = set(EquitySnapshot.objects.filter(account=account).values_list("at", flat=True))
    instants = [at for at in _instants(since, clock.now(), account.timezone) if at not in known]
    _value(account, min([since, *known]) - HOUR, instants)


def _value(account: Account, since: datetime, instants: list[datetime]) -> None:
    """Value the account at instants at which it is not, and say what its days since then ended with."""
    given: dict[str, Any] = {"account": account.pk, "since": since, "timezone": None, "instants": instants}
    take_time()
    with connection.cursor() as cursor:
        for statement in (UNVALUE_DAYS, REVALUE, END_DAYS):
            cursor.execute(statement, given)


def value_days(account: Account) -> None:
    """Compute anew what an account was worth since it began."""
    with transaction.atomic():
        revalue(Account.objects.locked().get(pk=account.pk))


def _beginning(account: Account) -> datetime:
    """Give the instant of the first thing that is known of the account."""
    firsts = (
        Fill.objects.filter(account=account).aggregate(at=Min("executed_at"))["at"],
        Movement.objects.filter(account=account).aggregate(at=Min("occurred_at"))["at"],
        Lot.objects.filter(account=account).aggregate(at=Min("acquired_at"))["at"],
    )
    return min((at for at in firsts if at), default=account.created_at)


def _instants(since: datetime, now: datetime, timezone: str) -> list[datetime]:
    """Give the local midnights after `since` up to `now`, and the full hours of the last month."""
    first = max(since, now - MONTH).replace(minute=0, second=0, microsecond=0)
    hours = [first + HOUR * n for n in range(int((now - first) / HOUR) + 1)]
    day, zone, midnights = local_day(since, timezone), ZoneInfo(timezone), []
    while (start := midnight(day, zone)) <= now:
        midnights.append(start)
        day += timedelta(days=1)
    return sorted({at for at in hours + midnights if at > since})
