"""Find sources that are read again and again and always say the same: something stands still before them."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

MARKETS_LOOK_BACK = timedelta(minutes=45)
FIGURES_LOOK_BACK = timedelta(days=3)
"""Further than what may stand still; since when it did before that, the last check knows."""

# From now backwards until a price differs from its market's latest: a tick or two where markets move.
MARKETS = """
    WITH moved AS (
        SELECT price.occurred_at FROM ledgers_price AS price
        JOIN ledgers_latestprice AS latest USING (coin_type, market)
        WHERE price.occurred_at >= %(since)s
          AND (price.bid, price.ask, price.last) IS DISTINCT FROM (latest.bid, latest.ask, latest.last)
        ORDER BY price.occurred_at DESC LIMIT 1
    )
    SELECT observed_at FROM ledgers_price
    WHERE occurred_at >= %(since)s AND occurred_at > coalesce((SELECT occurred_at FROM moved), '-infinity')
    ORDER BY occurred_at, id LIMIT 1
"""

# A source that is read once a day gives each day as an item of its own, whether its figures moved or not.
FIGURES = """
    WITH said AS (
        SELECT collector_id, protocol AS series, id, observed_at,
               ARRAY[tvl_usd, fees_24h_usd, revenue_24h_usd] AS figures
        FROM ledgers_fundamental WHERE occurred_at >= %(since)s AND origin <> 'backfill'
        UNION ALL
        SELECT collector_id, concat_ws(':', asset, network, metric_name), id, observed_at, ARRAY[metric_value]
        FROM ledgers_onchainmetric WHERE occurred_at >= %(since)s AND origin <> 'backfill'
    ), compared AS (
        SELECT *, figures IS DISTINCT FROM last_value(figures) OVER (
            PARTITION BY collector_id, series ORDER BY observed_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS has_moved FROM said
    ), moved AS (
        SELECT collector_id, max(observed_at) FILTER (WHERE has_moved) AS at, count(DISTINCT series) AS number
        FROM compared GROUP BY collector_id
    )
    SELECT collector_id, min(observed_at), max(number) FROM compared JOIN moved USING (collector_id)
    WHERE observed_at > coalesce(at, '-infinity') GROUP BY collector_id
"""


def prices_still_since(now: datetime) -> datetime | None:
    """Give when the first price was observed since which no market has moved; None if none was read lately."""
    found = _rows(MARKETS, now - MARKETS_LOOK_BACK)
    return found[0][0] if found else None


def figures_still_since(now: datetime) -> list[tuple[str, datetime, int]]:
    """Give each source of the Glass ledger, since when none of its figures has moved, and how many it has."""
    return _rows(FIGURES, now - FIGURES_LOOK_BACK)


def _rows(sql: str, since: datetime) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"since": since})
        return list(cursor.fetchall())
