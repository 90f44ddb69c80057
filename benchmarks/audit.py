"""What computing the book a second time costs beside reading the same fills.

The floor is the cheapest way to the fills: binary COPY in whatever order they lie, into arrays. What is
measured reads them in FIFO order, which lies elsewhere: they were recorded coin by coin in turn.
"""

import subprocess
import sys
from decimal import Decimal

from django.db import connection, transaction

from apps.accounts.models import User
from apps.pnl import exact, fifo
from apps.pnl.services.audit import audit_account, recompute
from apps.pnl.services.columns import ENTRIES, FILLS, NARROW, Query, Scope, read_all, wide_coins
from apps.pnl.services.rollups import rebuild_sums
from apps.pnl.tally import Columns, as_entries
from apps.trading.models import Account
from apps.trading.services.accounts import open_account
from benchmarks.measure import Row, cpu_side_by_side

EMAIL = "audit@example.com"
COINS, EACH = 1000, 1000
PEER = 100_000

# Of five fills of a coin three are purchases of 2 and two are sales of 3, so that a sale closes two lots,
# one of them in part; the last five are purchases. Each share comes out even, so that it can be written here.
HISTORY = """
    INSERT INTO trading_fill (account_id, coin_type, side, quantity, price, value_aud, fee_aud, executed_at, sequence,
                              venue_fill_id)
    SELECT %(account)s, 'C' || coin, CASE WHEN buys THEN 'buy' ELSE 'sell' END, CASE WHEN buys THEN 2 ELSE 3 END, 45,
           CASE WHEN buys THEN 90 ELSE 135 END, CASE WHEN buys THEN 0.09 ELSE 0.135 END,
           timestamptz '2025-01-01 00:00Z' + interval '365 days' * n / %(each)s + interval '1 second' * coin, n,
           'bench-' || n || '-' || coin
    FROM generate_series(0, %(each)s - 1) AS n CROSS JOIN generate_series(1, %(coins)s) AS coin,
         LATERAL (SELECT n %% 5 < 3 OR n >= %(each)s - 5 AS buys) AS side
    ORDER BY n, coin;
    ANALYZE trading_fill;
    INSERT INTO pnl_lot (fill_id, account_id, coin_type, quantity, remaining_quantity, cost, remaining_cost, fee_aud,
                         acquired_at, cost_unknown)
    SELECT id, account_id, coin_type, 2, 2 * is_open, 90.09, 90.09 * is_open, 0.09, executed_at, false
    FROM (SELECT *, (sequence >= %(each)s - 5)::int AS is_open FROM trading_fill
          WHERE account_id = %(account)s AND side = 'buy' ORDER BY id) AS bought;
    INSERT INTO pnl_closing (fill_id, account_id, coin_type, quantity, unmatched_quantity, unmatched_proceeds, proceeds,
                             cost, realized_pnl, fee_aud, closed_at)
    SELECT id, account_id, coin_type, 3, 0, 0, 134.865, 135.135, -0.27, 0.135, executed_at
    FROM trading_fill WHERE account_id = %(account)s AND side = 'sell' ORDER BY id;
    ANALYZE pnl_lot; ANALYZE pnl_closing;
    INSERT INTO pnl_match (closing_id, lot_id, account_id, coin_type, quantity, cost, proceeds, realized_pnl, acquired_at,
                           disposed_at)
    SELECT closing.id, lot.id, closing.account_id, coin_type, taken, 45.045 * taken, 44.955 * taken, -0.09 * taken,
           lot.acquired_at, closing.closed_at
    FROM (SELECT *, row_number() OVER (PARTITION BY coin_type ORDER BY id) - 1 AS i FROM pnl_closing
          WHERE account_id = %(account)s) AS closing
    CROSS JOIN LATERAL generate_series(3 * i / 2, (3 * i + 2) / 2) AS j
    CROSS JOIN LATERAL (SELECT least(2 * j + 2, 3 * i + 3) - greatest(2 * j, 3 * i) AS taken) AS share
    JOIN (SELECT *, row_number() OVER (PARTITION BY coin_type ORDER BY id) - 1 AS j FROM pnl_lot
          WHERE account_id = %(account)s) AS lot USING (coin_type, j)
    ORDER BY closing.id, lot.id;
    ANALYZE
"""


def rows() -> list[Row]:
    """Measure the recomputation, with and without the comparison, and its memory."""
    account = _load()
    scope = Scope(account, (), among=False, places=NARROW)
    unordered = Query(ENTRIES.columns, f"({FILLS}) AS entry")
    floor, computed = cpu_side_by_side(
        [lambda: read_all(unordered, scope), lambda: (wide_coins(account), recompute(scope))],
        rounds=3,
        batch=1,
    )
    (compared,) = cpu_side_by_side([lambda: _agreeing(account)], rounds=1, batch=1)
    some = {name: column[:PEER] for name, column in read_all(ENTRIES, scope).items()}
    trades = _trades(some)
    peer, settled = cpu_side_by_side(
        [lambda: [fifo.replay(coin) for coin in trades], lambda: exact.settle(as_entries(some))],
        rounds=3,
        batch=1,
    )
    size = f"{COINS * EACH:,} fills"
    return [
        Row.at_most(f"rebuild_pnl of {size}: computed / reading them by binary COPY", computed, floor, 2),
        Row.at_most(f"rebuild_pnl of {size}: computed and compared / the same", compared, floor, 6),
        Row.below(f"rebuild_pnl of {size}: peak memory", _peak_megabytes(), 512, unit="MB"),
        Row.at_most(f"matching {PEER:,} fills / one by one with Decimals", settled, peer, 0.1),
    ]


def _load() -> Account:
    user = User.objects.create_user(EMAIL, None)
    account = open_account(user=user, name="audit", venue="paper")
    with connection.cursor() as cursor:
        # One process does it all, so that its CPU is counted.
        cursor.execute("SET statement_timeout = 0; SET max_parallel_workers_per_gather = 0")
        for statement in HISTORY.split(";"):
            cursor.execute(statement, {"account": account.pk, "coins": COINS, "each": EACH})
    with transaction.atomic():
        rebuild_sums(account)
    return account


def _agreeing(account: Account) -> None:
    audit = audit_account(account)
    if audit.count or audit.fills != COINS * EACH:
        raise RuntimeError(f"{audit.count} differences in {audit.fills} fills: {audit.differences[:3]}")


def _trades(fills: Columns) -> list[list[fifo.Entry]]:
    """Give the fills of each coin as `fifo` takes them."""
    entries = as_entries(fills)
    columns = (entries.comes.tolist(), entries.quantity.tolist(), entries.amount.tolist())
    trades = [
        fifo.Entry(number, None, comes, Decimal(quantity).scaleb(-8), Decimal(amount).scaleb(-8))
        for number, (comes, quantity, amount) in enumerate(zip(*columns, strict=True))
    ]
    return [trades[start : start + EACH] for start in range(0, len(trades), EACH)]


def _peak_megabytes() -> float:
    """Run the command in a process of its own: this one has had a past."""
    script = (
        "import django, pathlib, re; django.setup()\n"
        "from django.core.management import call_command\n"
        f"call_command('rebuild_pnl', '--check', '--user', {EMAIL!r})\n"
        "print(re.findall(r'VmHWM:\\s+(\\d+) kB', pathlib.Path('/proc/self/status').read_text())[0])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[-1]) / 1024
