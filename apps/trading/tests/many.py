"""Store decisions by the hundred thousand, and count what a statement reads of them."""

from datetime import datetime
from typing import Any

from django.db import connection

from apps.trading.models import Deployment
from apps.trading.services.algorithms import digest_of

MANY = """
    INSERT INTO trading_decision (
        deployment_id, user_id, slot, status, attempts, created_at, nudged_at, decided_at, code_digest, code_version,
        parameters, book, reads, quality, action, coin_type, ledger, reason, denials, error
    )
    SELECT deployment.id, deployment.user_id, %(since)s + number * interval '1 second', 'done', 1, now(), now(),
        %(since)s + number * interval '1 second', %(digest)s, '1', deployment.parameters, '{}', '{}', '[]',
        CASE WHEN number %% 50 = 0 THEN 'buy' ELSE 'hold' END, CASE WHEN number %% 50 = 0 THEN 'BTC' ELSE '' END, '', '', '[]', ''
    FROM trading_deployment deployment, generate_series(1, %(count)s) number WHERE deployment.id = %(deployment)s
"""


def make_many(deployment: Deployment, count: int, since: datetime, digest: str = "") -> None:
    """Store a decision a second, every fiftieth of them to buy, made by the code of now unless `digest` says otherwise."""
    with connection.cursor() as cursor:
        said = {
            "deployment": deployment.pk,
            "count": count,
            "since": since,
            "digest": digest or digest_of(deployment.algorithm.slug),
        }
        cursor.execute(MANY, said)
        cursor.execute("ANALYZE trading_decision")


def _rows_of(plan: dict[str, Any]) -> int:
    """Count what a plan's steps read of decisions, what they threw away with it."""
    own = 0
    if plan.get("Relation Name") == "trading_decision":
        assert plan["Node Type"] != "Seq Scan"
        thrown = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
        own = int((plan["Actual Rows"] + thrown) * plan["Actual Loops"])
    return own + sum(_rows_of(each) for each in plan.get("Plans", ()))


def rows_read(sql: str) -> int:
    """Run a statement, and count the decisions that it read; it may not read the table from end to end."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        return _rows_of(cursor.fetchone()[0][0]["Plan"])
