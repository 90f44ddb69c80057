"""How fast a real worker with two processes fills orders on paper."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import current_app

from apps.accounts.models import User
from apps.trading.models import Account, Order
from apps.trading.records import Ticket
from apps.trading.services.accounts import open_account
from apps.trading.services.place import place_order
from benchmarks import data
from benchmarks.measure import Row
from ohmycoins.core import outbox
from ohmycoins.core.money import QUANTITY_STEP
from ohmycoins.env import BASE_DIR

ACCOUNTS = 20
QUEUED = 600
PACED = 200
PER_SECOND = 20


def rows() -> list[Row]:
    """Measure throughput with a full queue, then latency at a steady pace."""
    data.load_prices(10)
    user = User.objects.create_user("orders@example.com", None)
    accounts = [open_account(user=user, name=f"bench {number}", venue="paper") for number in range(ACCOUNTS)]
    with _worker():
        return [_throughput(user, accounts), _latency(user, accounts)]


def _place(user: User, account: Account) -> Order:
    ticket = Ticket(coin_type="C1", side="buy", order_type="market", quantity=QUANTITY_STEP * 1000)
    return place_order(user=user, account=account, ticket=ticket)


def _throughput(user: User, accounts: list[Account]) -> Row:
    Order.objects.filter(status="pending").update(next_at=None)
    pause = outbox.nudge
    outbox.nudge = lambda *args, **kwargs: None  # type: ignore[assignment]
    try:
        ids = [_place(user, accounts[number % ACCOUNTS]).pk for number in range(QUEUED)]
    finally:
        outbox.nudge = pause
    began = time.monotonic()
    for account in accounts:
        outbox.publish("trading.execute", account.pk)
    _wait_until_filled(ids)
    return Row.at_least(
        "orders through the paper venue, 2 processes", QUEUED / (time.monotonic() - began), 100, unit="/s"
    )


def _latency(user: User, accounts: list[Account]) -> Row:
    ids, began = [], time.monotonic()
    for number in range(PACED):
        time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
        ids.append(_place(user, accounts[number % ACCOUNTS]).pk)
    _wait_until_filled(ids)
    taken = [
        (filled_at - created_at).total_seconds() * 1000
        for created_at, filled_at in Order.objects.filter(pk__in=ids).values_list("created_at", "filled_at")
        if filled_at
    ]
    return Row.below(
        f"accept to filled, p95 at {PER_SECOND}/s", statistics.quantiles(taken, n=20)[-1], 300, unit="ms"
    )


def _wait_until_filled(ids: list[int]) -> None:
    deadline = time.monotonic() + 60
    while Order.objects.filter(pk__in=ids).exclude(status="filled").exists():
        if time.monotonic() > deadline:
            raise RuntimeError("orders were not filled within a minute")
        time.sleep(0.02)


@contextmanager
def _worker() -> Iterator[None]:
    command = [
        sys.executable,
        "-m",
        "celery",
        "--quiet",
        "-A",
        "ohmycoins",
        "worker",
        "-Q",
        "orders",
        "-c",
        "2",
        "-l",
        "ERROR",
    ]
    env = os.environ | {"LOG_LEVEL": "ERROR", "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        command, cwd=BASE_DIR, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while not current_app.control.ping(timeout=0.5, limit=1):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the worker did not start")
        yield
    finally:
        process.terminate()
        process.wait(30)
