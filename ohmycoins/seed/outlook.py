"""Read back from the ledgers what seeded algorithms go by."""

from collections import defaultdict

from django.db import connection

from ohmycoins.sandbox.market import Market
from ohmycoins.seed.entries import Window
from ohmycoins.seed.ideas import Outlook

MOODS = """
    SELECT coin, (occurred_at AT TIME ZONE 'UTC')::date AS day, avg(sentiment_score)::float
    FROM (
        SELECT unnest(currencies) AS coin, occurred_at, sentiment_score FROM ledgers_news WHERE origin = 'seed'
        UNION ALL SELECT unnest(currencies), occurred_at, sentiment_score FROM ledgers_socialpost WHERE origin = 'seed'
    ) AS text
    GROUP BY coin, day
"""
EVENTS = """
    SELECT coin, (occurred_at AT TIME ZONE 'UTC')::date AS day, sum(CASE
        WHEN event_type IN ('listing', 'feature', 'sec_filing_8k') THEN 1
        WHEN event_type IN ('delisting', 'trading_halt', 'suspension', 'sec_filing_s1') THEN -1 ELSE 0 END)::int
    FROM (SELECT unnest(currencies) AS coin, occurred_at, event_type FROM ledgers_catalystevent WHERE origin = 'seed') AS event
    GROUP BY coin, day
"""


def read_outlook(market: Market, window: Window) -> Outlook:
    """Give the market with what the seeded texts and events said of each coin, day by day (UTC)."""
    outlook = Outlook(market, window.since, window.until, defaultdict(dict), defaultdict(dict))
    with connection.cursor() as cursor:
        for statement, found in ((MOODS, outlook.moods), (EVENTS, outlook.events)):
            cursor.execute(statement)
            for coin, day, value in cursor.fetchall():
                found[coin][day] = value
    return outlook
