"""What a round of watching takes on a large database: 10 million prices and a million matches.

The target is the clock's, not the CPU's: a round holds up the worker that does it.
"""

import statistics

from django.db import connection

from apps.accounts.models import User
from apps.monitoring.models import Incident
from apps.monitoring.services.watch import watch
from benchmarks import data
from benchmarks.measure import Row

COINS, MINUTES, MATCHES, ORDERS, ALGORITHMS = 1000, 10_000, 1_000_000, 200_000, 20
ROUNDS = 12
LIMIT_MS = 2000


def rows() -> list[Row]:
    """Measure rounds: the first on a cold database, which sees all of it for the first time, and those after it."""
    user = User.objects.create_user("watch@example.com", None)
    data.load_prices(COINS)
    data.load_past_prices(COINS, MINUTES)
    account = data.load_history(user, coins=COINS, matches=MATCHES, algorithms=ALGORITHMS)
    data.load_orders(account, ORDERS)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    rounds = [watch() for _ in range(ROUNDS)]
    if failed := [done.failed for done in rounds if done.failed]:
        raise RuntimeError(f"a round could not look at everything: {failed[0]}")
    if incident := Incident.objects.first():
        raise RuntimeError(f"what was loaded breaks an invariant: {incident}")
    took = [done.took_ms for done in rounds]
    size = f"{COINS * MINUTES:,} prices and {MATCHES:,} matches"
    return [
        Row.below(f"round of watching, {size}: the first", took[0], LIMIT_MS, unit="ms"),
        Row.below("the same: median of those after it", statistics.median(took[1:]), LIMIT_MS, unit="ms"),
        Row.below("the same: longest of those after it", max(took[1:]), LIMIT_MS, unit="ms"),
    ]
