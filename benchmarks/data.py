"""Load accounts with a long history, straight into the tables and in agreement with each other."""

from django.db import connection

from apps.accounts.models import User
from apps.pnl.services.rollups import rebuild_sums
from apps.trading.models import Account
from apps.trading.models.event import TEXT
from apps.trading.services.accounts import open_account

PRICES = """
    INSERT INTO ledgers_price (coin_type, market, bid, ask, last, crossed, occurred_at, observed_at, origin)
    SELECT 'C' || n, 'AUD', 99, 100, 99.5, false, date_trunc('minute', now()), now(), 'seed'
    FROM generate_series(1, %(coins)s) AS n ON CONFLICT DO NOTHING;
    INSERT INTO ledgers_latestprice (coin_type, market, bid, ask, last, price_id, occurred_at, observed_at)
    SELECT coin_type, market, bid, ask, last, id, occurred_at, observed_at FROM ledgers_price
    ON CONFLICT DO NOTHING;
"""

# A price of each coin a minute, before now.
PAST_PRICES = """
    INSERT INTO ledgers_price (coin_type, market, bid, ask, last, crossed, occurred_at, observed_at, origin)
    SELECT 'C' || n, 'AUD', 99, 100, 99.5 + 0.1 * sin(minute / 60.0), false, at, at + interval '5 seconds', 'seed'
    FROM generate_series(1, %(minutes)s) AS minute CROSS JOIN generate_series(1, %(coins)s) AS n
    CROSS JOIN LATERAL (SELECT date_trunc('minute', now()) - minute * interval '1 minute' AS at) AS moment
    ON CONFLICT DO NOTHING
"""

# Every coin: one open lot, and an equal share of sales over a year, each closing a lot of its own.
HISTORY = """
    INSERT INTO trading_fill (account_id, algorithm_id, coin_type, side, quantity, price, value_aud, fee_aud, executed_at,
                              venue_fill_id)
    SELECT %(account)s, 1 + n %% %(coins)s %% %(algorithms)s, 'C' || (1 + n %% %(coins)s), 'buy', 1, 90, 90, 0.09, now() - interval '366 days',
           'bench-buy-' || n FROM generate_series(1, %(coins)s + %(matches)s) AS n;
    INSERT INTO trading_fill (account_id, algorithm_id, coin_type, side, quantity, price, value_aud, fee_aud, executed_at,
                              venue_fill_id)
    SELECT %(account)s, 1 + n %% %(coins)s %% %(algorithms)s, 'C' || (1 + n %% %(coins)s), 'sell', 1, 95, 95, 0.095,
           now() - interval '365 days' * (n::float / %(matches)s), 'bench-sell-' || n
    FROM generate_series(1, %(matches)s) AS n;
    INSERT INTO pnl_lot (fill_id, account_id, algorithm_id, coin_type, quantity, remaining_quantity, cost, remaining_cost, fee_aud,
                         acquired_at, cost_unknown)
    SELECT id, account_id, algorithm_id, coin_type, 1, left_over, 90.09, 90.09 * left_over, 0.09, executed_at, false
    FROM (SELECT *, (row_number() OVER (PARTITION BY coin_type ORDER BY id DESC) = 1)::int AS left_over
          FROM trading_fill WHERE account_id = %(account)s AND side = 'buy') AS bought;
    INSERT INTO pnl_closing (fill_id, account_id, algorithm_id, coin_type, quantity, unmatched_quantity, unmatched_proceeds, proceeds,
                             cost, realized_pnl, fee_aud, closed_at)
    SELECT id, account_id, algorithm_id, coin_type, 1, 0, 0, 94.905, 90.09, 4.815, 0.095, executed_at
    FROM trading_fill WHERE account_id = %(account)s AND side = 'sell';
    ANALYZE pnl_lot; ANALYZE pnl_closing;
    INSERT INTO pnl_match (closing_id, lot_id, account_id, algorithm_id, coin_type, quantity, cost, proceeds, realized_pnl, acquired_at,
                           disposed_at)
    SELECT closing.id, lot.id, closing.account_id, lot.algorithm_id, closing.coin_type, 1, 90.09, 94.905, 4.815, lot.acquired_at,
           closing.closed_at
    FROM (SELECT *, row_number() OVER (PARTITION BY coin_type ORDER BY id) AS n FROM pnl_closing
          WHERE account_id = %(account)s) AS closing
    JOIN (SELECT *, row_number() OVER (PARTITION BY coin_type ORDER BY id) AS n FROM pnl_lot
          WHERE account_id = %(account)s AND remaining_quantity = 0) AS lot USING (coin_type, n);
    INSERT INTO trading_holding (account_id, algorithm_id, coin_type, quantity)
    SELECT account_id, algorithm_id, coin_type, sum(CASE side WHEN 'buy' THEN quantity ELSE -quantity END)
    FROM trading_fill WHERE account_id = %(account)s GROUP BY account_id, algorithm_id, coin_type;
    UPDATE trading_account SET cash_aud = cash_aud + (
        SELECT sum(CASE side WHEN 'buy' THEN -value_aud ELSE value_aud END - fee_aud)
        FROM trading_fill WHERE account_id = %(account)s)
    WHERE id = %(account)s;
"""

# Orders of the first purchases, each with its three events. No trigger runs: each would count all the others.
ORDERS = """
    SET session_replication_role = replica;
    INSERT INTO trading_order (account_id, user_id, algorithm_id, origin, coin_type, side, order_type, requested_quantity, quantity,
                               limit_price, status, filled_quantity, average_fill_price, fee_aud, reserved_aud, reserved_quantity,
                               denials, error, request_digest, venue_order_id, attempts, body, candidates, created_at, filled_at)
    SELECT account_id, %(user)s, algorithm_id, 'ours', coin_type, side, 'market', quantity, quantity, price, 'filled', quantity, price,
           fee_aud, 0, 0, '[]', '', '', 'bench-' || id, 1, '', '[]', executed_at, executed_at
    FROM trading_fill WHERE account_id = %(account)s AND side = 'buy' ORDER BY id LIMIT %(orders)s;
    UPDATE trading_fill fill SET order_id = made.id FROM trading_order made
    WHERE made.account_id = %(account)s AND fill.account_id = %(account)s AND made.venue_order_id = 'bench-' || fill.id
"""
EVENTS = f"""
    DO $$
    DECLARE e trading_event; row record; digest text := ''; n bigint := 0; states text[] := ARRAY['', 'pending', 'submitting', 'filled'];
    BEGIN
        FOR row IN SELECT order_id, id, executed_at FROM trading_fill
                   WHERE account_id = {{account}} AND order_id IS NOT NULL ORDER BY id LOOP
            FOR step IN 1..3 LOOP
                n := n + 1;
                e := ROW(nextval('trading_event_id_seq'), CASE step WHEN 1 THEN 'order.made' ELSE 'order.moved' END,
                         states[step], states[step + 1], row.executed_at, 'benchmark', 'loaded',
                         CASE step WHEN 3 THEN jsonb_build_object('fill_id', row.id) ELSE '{{{{}}}}' END,
                         n, '', {{account}}, row.order_id);
                digest := encode(sha256(convert_to(digest || {TEXT.format("e").strip()}, 'UTF8')), 'hex');
                e.digest := digest;
                INSERT INTO trading_event SELECT (e).*;
            END LOOP;
        END LOOP;
        INSERT INTO trading_chain (id, seq, digest) VALUES ({{account}}, n, digest);
    END $$
"""

# A year of days that ended with something.
WORTH = """
    INSERT INTO pnl_dailytotal AS known (account_id, day, valued_at, equity_aud, unrealized_pnl, paid_in_aud)
    SELECT %(account)s, day, now(), 100000 + 1000 * sin(n) + n, 100, 100000
    FROM (SELECT n, (now() - interval '1 day' * n)::date AS day FROM generate_series(1, 366) AS n) AS year
    ON CONFLICT (account_id, day) DO UPDATE SET valued_at = EXCLUDED.valued_at, equity_aud = EXCLUDED.equity_aud,
        unrealized_pnl = EXCLUDED.unrealized_pnl, paid_in_aud = EXCLUDED.paid_in_aud;
"""


def load_prices(coins: int) -> None:
    """Price the coins C1, C2, … in AUD."""
    _run(PRICES, coins=coins)


def load_past_prices(coins: int, minutes: int) -> None:
    """Price the coins once in each of the last minutes."""
    _run(PAST_PRICES, coins=coins, minutes=minutes)


def load_history(user: User, *, coins: int, matches: int, algorithms: int) -> Account:
    """Open an account with `coins` open positions in `algorithms` books, and `matches` closed over the last year."""
    account = open_account(user=user, name=f"{matches} matches", venue="paper")
    _run(HISTORY, account=account.pk, coins=coins, matches=matches, algorithms=algorithms)
    rebuild_sums(account)
    _run(WORTH, account=account.pk)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return account


def load_orders(account: Account, orders: int) -> None:
    """Give as many of the account's first purchases an order each, and all its events in one chain."""
    _run(ORDERS, account=account.pk, user=account.user_id, orders=orders)
    with connection.cursor() as cursor:
        cursor.execute(EVENTS.format(account=account.pk))
        cursor.execute("SET session_replication_role = origin; ANALYZE")


def _run(script: str, **values: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in script.split(";"):
            if statement.strip():
                cursor.execute(statement, values)
