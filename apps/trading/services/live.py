"""Do whatever is due for an account at a venue outside, one worker at a time.

The lock that keeps workers apart here saves calls; it guards no money. Two workers on one account would
take turns in fencing each other's calls off. What guards money is in `submit`: the account's row lock,
the one unresolved order, the nonce.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db import OperationalError, connection, transaction

from apps.trading.models import Account
from apps.trading.services.cancel import send_cancel
from apps.trading.services.reconcile import reconcile
from apps.trading.services.resolve import resolve
from apps.trading.services.submit import drain_live, reap
from ohmycoins.core import clock, outbox

log = structlog.get_logger(__name__)

# No step begins later. The longest is a reading of 12 s (`venues.coinspot.READING_SECONDS`), and connecting may take
# 5 s more: together they end before a task's 25 s. A call that is cut off by that limit is one whose answer is lost,
# and is treated so.
WORK_SECONDS = 7.0
LOCK = "SELECT pg_try_advisory_lock(hashtextextended('trading.live', %s))"
UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('trading.live', %s))"


def work(account_id: int) -> int:
    """Do what is due for the account; return how many steps were taken. Nothing if another worker does."""
    with _alone(account_id) as alone:
        if not alone:
            return 0
        deadline = time.monotonic() + WORK_SECONDS
        steps = 0
        try:
            while time.monotonic() < deadline and (done := _step(account_id, deadline)):
                steps += done
        except OperationalError as error:
            if "lock timeout" not in str(error):
                raise
            log.info("account.busy", account_id=account_id)  # the poller comes back
        return steps


def _step(account_id: int, deadline: float) -> int:
    """Take one of each step that is due, then what is new: no kind of work holds up another for long."""
    done = 0
    for step in (reap, send_cancel, resolve, reconcile):
        if time.monotonic() < deadline:
            done += step(account_id)
    return done or drain_live(account_id, deadline=deadline)


def nudge_due() -> int:
    """Nudge a worker for every live account with something due; return how many there were."""
    due = list(Account.objects.with_live_work(clock.now()).order_by("id").values_list("pk", flat=True))
    with transaction.atomic():
        for account_id in due:
            outbox.nudge("trading.execute", account_id, expires=10)
    return len(due)


@contextmanager
def _alone(account_id: int) -> Iterator[bool]:
    """Hold the account's place among workers; the database gives it back when the connection ends."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [account_id])
        got = bool(cursor.fetchone()[0])
    try:
        yield got
    finally:
        if got:
            with connection.cursor() as cursor:
                cursor.execute(UNLOCK, [account_id])
