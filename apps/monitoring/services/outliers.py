"""Find the prices that jumped out of their market's past, and keep them."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection

from apps.monitoring.models import Outlier, QualityCheck
from apps.monitoring.outliers import LEAST_JUMP, MOST_DEVIATIONS, READINGS, find_jump

log = structlog.get_logger(__name__)

OVERLAP = timedelta(minutes=5)  # a price may be stored that long after its minute
FARTHEST = timedelta(hours=1)  # after an outage of watching, what is older concerns nobody any more
LONGEST_STEP = timedelta(minutes=15)  # across a longer gap a price may have gone anywhere
TRUSTED_AFTER = timedelta(minutes=15)

# Only what moved by enough since the reading before is compared with its past: a probe of the index a new
# price, and a second one for the few that jumped.
JUMPED = """
    WITH jumped AS MATERIALIZED (
        SELECT price.id, price.coin_type, price.market, price.occurred_at, price.last
        FROM ledgers_price AS price
        CROSS JOIN LATERAL (
            SELECT last, occurred_at FROM ledgers_price
            WHERE coin_type = price.coin_type AND market = price.market AND occurred_at < price.occurred_at
            ORDER BY occurred_at DESC LIMIT 1
        ) AS before
        WHERE price.market = 'AUD' AND price.occurred_at >= %(since)s AND before.occurred_at >= price.occurred_at - %(step)s
          AND abs(price.last - before.last) > before.last * %(least)s
    )
    SELECT jumped.*, ARRAY(
        SELECT last FROM ledgers_price
        WHERE coin_type = jumped.coin_type AND market = jumped.market AND occurred_at < jumped.occurred_at
        ORDER BY occurred_at DESC LIMIT %(readings)s
    )
    FROM jumped ORDER BY jumped.occurred_at, jumped.id
"""


def find_outliers(now: datetime) -> list[Outlier]:
    """Judge the AUD prices that came since the last check, and store those that are outliers, each once."""
    last = QualityCheck.objects.values_list("checked_at", flat=True).first()
    since = max(last or now - FARTHEST, now - FARTHEST) - OVERLAP
    found = []
    for pk, coin_type, market, occurred_at, price, newest_first in _jumped(since):
        if jump := find_jump(newest_first[::-1], price):
            found.append(
                Outlier(
                    price_id=pk, coin_type=coin_type, market=market, occurred_at=occurred_at, before=jump.before,
                    last=price, score=jump.deviations, bound=MOST_DEVIATIONS, found_at=now,
                )
            )  # fmt: skip
    Outlier.objects.bulk_create(found, ignore_conflicts=True)
    return found


def doubted(now: datetime) -> list[Outlier]:
    """Give each coin's newest outlier, while it is too young to trust the coin's price again."""
    young = Outlier.objects.filter(occurred_at__gt=now - TRUSTED_AFTER)
    return list(young.order_by("coin_type", "-occurred_at", "-id").distinct("coin_type"))


def _jumped(since: datetime) -> list[tuple[Any, ...]]:
    parameters: dict[str, Any] = {
        "since": since, "step": LONGEST_STEP, "least": LEAST_JUMP, "readings": READINGS,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(JUMPED, parameters)
        return list(cursor.fetchall())
