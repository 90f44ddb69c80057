"""Take PostgreSQL advisory locks by name."""

from django.db import connection


def advisory_lock(name: str, *, shared: bool = False) -> None:
    """Hold the lock `name` until the current transaction ends.

    Waits for holders that exclude us; shared holders do not exclude each other. Must be called
    inside `transaction.atomic`, before the rows it guards are read.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"advisory lock {name!r} taken outside a transaction: it would hold nothing")
    kind = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {kind}(hashtextextended(%s, 0))", [name])
