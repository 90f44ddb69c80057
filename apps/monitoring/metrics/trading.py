"""Measure orders, accounts and what waits to be decided."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily

from apps.monitoring.metrics.families import age, gauge
from apps.pnl.services.valuation import VALUED
from apps.trading.models import Brake
from apps.trading.states import IN_FLIGHT, TERMINAL, values

ENDED_WITHIN = timedelta(hours=1)
MOST_ACCOUNTS = 1_000
"""Accounts with series of their own, those that are oldest; `omc_accounts` counts all."""

FLYING = f"""
    SELECT placed.status, account.mode, count(*), min(placed.created_at), sum(placed.reserved_aud)
    FROM trading_order placed JOIN trading_account account ON account.id = placed.account_id
    WHERE placed.status IN ({", ".join(f"'{status}'" for status in values(IN_FLIGHT))})
    GROUP BY placed.status, account.mode
"""  # noqa: S608 - constants only
# By account, since that is what the index of when orders were made begins with.
ENDED = """
    SELECT recent.status, count(*) FROM trading_account account
    CROSS JOIN LATERAL (
        SELECT status FROM trading_order WHERE account_id = account.id AND created_at >= %(since)s
    ) AS recent GROUP BY recent.status
"""
ACCOUNTS = f"""
    SELECT account.id, account.mode, account.cash_aud + held.value, held.unrealized, held.realized
    FROM (SELECT id, mode, cash_aud FROM trading_account ORDER BY id LIMIT {MOST_ACCOUNTS}) AS account
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(value), 0) AS value, coalesce(sum(value - cost), 0) AS unrealized,
               coalesce(sum(realized_pnl), 0) AS realized
        FROM ({VALUED.replace("%(account)s", "account.id")}) AS valued
    ) AS held
"""  # noqa: S608 - constants only
COUNTED = "SELECT mode, status, count(*) FROM trading_account GROUP BY mode, status"
# Each by an index of what waits alone.
WAITING = """
    SELECT due.count, due.oldest, tests.queued, tests.running, (SELECT count(*) FROM pnl_bookingfailure)
    FROM (SELECT count(*) AS count, min(slot) AS oldest FROM trading_decision WHERE status = 'due') AS due,
         (SELECT count(*) FILTER (WHERE status = 'queued') AS queued, count(*) FILTER (WHERE status = 'running') AS running
          FROM pnl_backtest WHERE status IN ('queued', 'running')) AS tests
"""


def orders_in_flight(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Measure what may still change what an account has, by state."""
    with connection.cursor() as cursor:
        cursor.execute(FLYING)
        rows = cursor.fetchall()
    states = values(IN_FLIGHT)
    yield gauge("omc_orders", "Orders that may still trade, by state.", ["state"],
                [(state, sum(row[2] for row in rows if row[0] == state)) for state in states])  # fmt: skip
    oldest = {state: min((row[3] for row in rows if row[0] == state), default=None) for state in states}
    yield gauge("omc_order_oldest_age_seconds", "Age of the oldest order in each state that is not final.", ["state"],
                [(state, age(at, now)) for state, at in oldest.items()])  # fmt: skip
    modes = {mode: sum(row[4] for row in rows if row[1] == mode) for mode in ("paper", "live")}
    yield gauge(
        "omc_orders_in_flight_aud", "Cash that orders in flight reserve, AUD.", ["mode"], modes.items()
    )


def orders_ended(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Measure what became of the orders of the last hour; older ones are history."""
    with connection.cursor() as cursor:
        cursor.execute(ENDED, {"since": now - ENDED_WITHIN})
        counts = dict(cursor.fetchall())
    yield gauge("omc_orders_ended_last_hour", "Orders accepted in the last hour that ended, by final state.", ["state"],
                [(state, counts.get(state, 0)) for state in values(TERMINAL)])  # fmt: skip


def accounts(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Measure what accounts are worth and have earned, from the sums kept of each position."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTED)
        yield gauge("omc_accounts", "Accounts, by mode and status.", ["mode", "status"], cursor.fetchall())
        cursor.execute(ACCOUNTS, {"coin": None})
        rows = cursor.fetchall()
    labels = ["account", "mode"]
    yield gauge(
        "omc_account_equity_aud",
        "Cash and priced holdings at market, AUD.",
        labels,
        [row[:3] for row in rows],
    )
    yield gauge("omc_account_unrealised_pnl_aud", "What priced holdings are worth above their cost, AUD.", labels,
                [(*row[:2], row[3]) for row in rows])  # fmt: skip
    yield gauge("omc_account_realised_pnl_aud", "What closed lots earned since the beginning, AUD.", labels,
                [(*row[:2], row[4]) for row in rows])  # fmt: skip


def waiting(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Measure what waits for a worker, and what holds purchases back."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        due, oldest, queued, running, unbooked = cursor.fetchone()
    yield gauge("omc_decisions_due", "Slots of deployments that nobody has decided yet.", (), [(due,)])
    yield gauge("omc_decision_oldest_age_seconds", "Age of the oldest slot that nobody has decided yet.", (),
                [(age(oldest, now),)])  # fmt: skip
    yield gauge("omc_backtests", "Backtests that are not done, by status.", ["status"],
                [("queued", queued), ("running", running)])  # fmt: skip
    yield gauge("omc_booking_failures", "Coins whose book lacks something recorded.", (), [(unbooked,)])
    brakes = Brake.objects.engaged(now).order_by().values_list("kind").annotate(count=Count("pk"))
    yield gauge("omc_brakes_engaged", "Brakes that hold purchases back now, by kind.", ["kind"], brakes)
