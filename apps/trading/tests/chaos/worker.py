"""Run the product's Celery worker, and let it kill itself by lot at the steps of the protocol.

`celery -A apps.trading.tests.chaos.worker worker …`. A step is an event that the product logs there, or a
statement that it executes: the process ends by SIGKILL just then. What is chosen goes by CHAOS_SEED, and is
written to CHAOS_LOG first, as is every task that ends in an exception.
"""

import json
import os
import random
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from celery.signals import task_failure, worker_process_init
from django.db import connection

from apps.trading.tests.chaos.mutations import weaken
from ohmycoins.celery import app

__all__ = ["app"]

# Each step, and how likely a worker is to die at it; rarer steps more likely.
STEPS = {
    "order.claimed": 0.06, "order.sending": 0.06, "order.answered": 0.06, "order.recorded": 0.06, "order.fenced": 0.15,
    "order.looked": 0.15, "order.cancel_sent": 0.15, "account.read": 0.06, "account.reconciled": 0.06,
    "before nonce": 0.003, "before event submitting": 0.03, "before event open": 0.06, "before event unknown": 0.06,
    "before event filled": 0.04, "before event not_placed": 0.1, "before event cancelled": 0.08, "before fill": 0.02,
    "before fenced_at": 0.15, "before reconciled_at": 0.06,
}  # fmt: skip
STATEMENTS = {
    "UPDATE trading_account SET last_": "before nonce",
    'INSERT INTO "trading_fill"': "before fill",
    'UPDATE "trading_order" SET "next_at" = %s, "fenced_at"': "before fenced_at",
    'UPDATE "trading_order" SET "fenced_at"': "before fenced_at",
    'UPDATE "trading_account" SET "reconciled_at"': "before reconciled_at",
    'UPDATE "trading_account" SET "unclaimed"': "before reconciled_at",
}
EVENT, TO_STATUS = 'INSERT INTO "trading_event"', 4
LEASE_BEYOND_DEADLINE = timedelta(seconds=float(os.environ.get("CHAOS_LEASE_SECONDS", "1")))
dice = random.Random()


def throw(step: str) -> None:
    """Die here, if the lot falls so; in peace nobody does."""
    if dice.random() < STEPS.get(step, 0) and not Path(os.environ["CHAOS_PEACE"]).exists():
        note(killed=step)
        os.kill(os.getpid(), signal.SIGKILL)


def note(**said: Any) -> None:
    """Append a line to the run's log; whole even if several processes write at once."""
    line = json.dumps({"at": time.time(), "pid": os.getpid(), **said}) + "\n"
    log = os.open(os.environ["CHAOS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(log, line.encode())
    os.close(log)


def on_event(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    throw(event["event"])
    return event


def on_statement(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    if sql.startswith(EVENT):
        throw(f"before event {params[TO_STATUS]}")
    else:
        for start, step in STATEMENTS.items():
            if sql.startswith(start):
                throw(step)
    return run(sql, params, many, context)


@worker_process_init.connect
def begin(**_: Any) -> None:
    """Arm this process: its own dice, the log's events, the database's statements."""
    from apps.trading.services import submit

    dice.seed(f"{os.environ['CHAOS_SEED']} {os.environ['CHAOS_WORKER']} {os.getpid()}")
    submit.LEASE_BEYOND_DEADLINE = LEASE_BEYOND_DEADLINE
    weaken(os.environ.get("CHAOS_WITHOUT", ""))
    structlog.get_config()["processors"].insert(0, on_event)
    connection.execute_wrappers.append(on_statement)


@task_failure.connect
def failed(exception: BaseException, **_: Any) -> None:
    note(failed=type(exception).__name__, message=str(exception)[:300])
