"""Append parsed records to their ledger."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from apps.ledgers.models import CollectionRun
from apps.ledgers.records import PriceRecord

# One statement for a whole tick. The latest price only moves forward: an entry of an earlier minute
# never replaces a later one.
STORE_PRICES = """
    WITH stored AS (
        INSERT INTO ledgers_price (coin_type, market, bid, ask, last, crossed, occurred_at,
                                   observed_at, run_id, origin)
        SELECT coin_type, market, bid, ask, last, bid > ask, occurred_at, %(observed_at)s, %(run)s, 'observed'
        FROM unnest(%(coin_types)s::text[], %(markets)s::text[], %(bids)s::numeric[], %(asks)s::numeric[],
                    %(lasts)s::numeric[], %(times)s::timestamptz[])
             AS tick (coin_type, market, bid, ask, last, occurred_at)
        ON CONFLICT (coin_type, market, occurred_at) DO NOTHING
        RETURNING id, coin_type, market, bid, ask, last, occurred_at, observed_at
    ), moved AS (
        INSERT INTO ledgers_latestprice AS known (price_id, coin_type, market, bid, ask, last,
                                                  occurred_at, observed_at)
        SELECT DISTINCT ON (coin_type, market) * FROM stored ORDER BY coin_type, market, occurred_at DESC
        ON CONFLICT (coin_type, market) DO UPDATE SET
            price_id = EXCLUDED.price_id, bid = EXCLUDED.bid, ask = EXCLUDED.ask, last = EXCLUDED.last,
            occurred_at = EXCLUDED.occurred_at, observed_at = EXCLUDED.observed_at
        WHERE known.occurred_at < EXCLUDED.occurred_at
    )
    SELECT count(*) FROM stored
"""


def store_prices(records: Sequence[PriceRecord], *, run: CollectionRun, observed_at: datetime) -> int:
    """Append prices and move the latest ones; return how many were new.

    A market that already has a price in that minute keeps it. Runs in the caller's transaction, under
    the source's advisory lock.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            STORE_PRICES,
            {
                "run": run.pk,
                "observed_at": observed_at,
                "coin_types": [record.coin_type for record in records],
                "markets": [record.market for record in records],
                "bids": [record.bid for record in records],
                "asks": [record.ask for record in records],
                "lasts": [record.last for record in records],
                "times": [record.occurred_at for record in records],
            },
        )
        return int(cursor.fetchone()[0])
