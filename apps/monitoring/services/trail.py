"""Remember the heads of the chains of events: what no chain shows by itself is a rewrite from some event to its end."""

from datetime import datetime

from django.db import connection

from apps.trading.invariant import Breach
from apps.trading.services.audit import CHAIN, NO_ACCOUNT, verify_heads

KEPT = "kept"
# A chain may go as a whole with its account; that of no account stays.
REWRITTEN = """
    SELECT mark.chain, mark.seq, mark.at FROM monitoring_trailmark mark
    LEFT JOIN trading_event e ON coalesce(e.account_id, 0) = mark.chain AND e.seq = mark.seq
    WHERE e.digest IS DISTINCT FROM mark.digest
      AND (mark.chain = 0 OR EXISTS (SELECT FROM trading_account account WHERE account.id = mark.chain))
"""
KEEP = """
    INSERT INTO monitoring_trailmark AS known (chain, seq, digest, at)
    SELECT id, seq, digest, %(now)s FROM trading_chain WHERE id <> ALL(%(broken)s::bigint[])
    ON CONFLICT (chain) DO UPDATE SET seq = EXCLUDED.seq, digest = EXCLUDED.digest, at = EXCLUDED.at
    WHERE EXCLUDED.seq > known.seq
"""


def look_at_heads(now: datetime) -> list[Breach]:
    """Give the chains whose end is not what their heads say, or not what it was; and remember the heads of the others."""
    found = verify_heads()
    with connection.cursor() as cursor:
        cursor.execute(REWRITTEN)
        for chain, seq, at in cursor.fetchall():
            what = f"seq {seq} is not what it was at {at:%Y-%m-%d %H:%M:%S}: the trail was rewritten from there or before"
            found.append(Breach(CHAIN, chain if chain != NO_ACCOUNT else None, None, what, KEPT))
        cursor.execute(KEEP, {"now": now, "broken": [breach.account_id or NO_ACCOUNT for breach in found]})
    return found
