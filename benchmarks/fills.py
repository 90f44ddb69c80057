"""What booking a fill costs beside a bare INSERT and commit, and a tick beside COPY."""

import itertools
from datetime import timedelta
from decimal import Decimal

from django.db import connection, transaction

from apps.accounts.models import User
from apps.ledgers.models import CollectionRun, Source
from apps.ledgers.records import PriceRecord
from apps.ledgers.services.store import store_prices
from apps.pnl.services.book import book_fill
from apps.trading.models import Fill
from apps.trading.services.accounts import open_account
from apps.trading.services.fills import as_record
from benchmarks.measure import Row, cpu_side_by_side
from ohmycoins.core import clock

INSERT = """
    INSERT INTO trading_fill (account_id, coin_type, side, quantity, price, value_aud, fee_aud, executed_at,
                              venue_fill_id)
    VALUES (%s, 'BTC', %s, 1, 100, 100, 0.1, %s, %s) RETURNING id
"""
COINS = 500


def rows() -> list[Row]:
    """Measure booking and collecting."""
    return [_booking(), _tick()]


def _booking() -> Row:
    account = open_account(
        user=User.objects.create_user("fills@example.com", None), name="Paper", venue="paper"
    )
    numbers = itertools.count()

    def insert(side: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [account.pk, side, clock.now(), f"bench-{next(numbers)}"])
            return int(cursor.fetchone()[0])

    def bare() -> None:
        with transaction.atomic():
            insert("buy")
        with transaction.atomic():
            insert("sell")

    def booked() -> None:
        for side in ("buy", "sell"):
            with transaction.atomic():
                fill_id = insert(side)
                fill = Fill(
                    id=fill_id, account_id=account.pk, coin_type="BTC", side=side, quantity=Decimal(1), price=Decimal(100),
                    value_aud=Decimal(100), fee_aud=Decimal("0.1"), executed_at=clock.now(),
                )  # fmt: skip
                book_fill(as_record(fill, account))

    floor, cost = cpu_side_by_side([bare, booked], rounds=15, batch=60)
    return Row.at_most("booking a fill, INSERT included / bare INSERT + commit", cost / 2, floor / 2, 8)


def _tick() -> Row:
    source, _ = Source.objects.get_or_create(name="bench", ledger="exchange")
    now = clock.now()
    run = CollectionRun.objects.create(source=source, status="success", finished_at=now, lease_until=now)
    minutes = (
        now.replace(second=0, microsecond=0) - timedelta(days=400) + timedelta(minutes=n)
        for n in itertools.count()
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNLOGGED TABLE bench_price (LIKE ledgers_price INCLUDING ALL)")
        cursor.execute("ALTER TABLE bench_price SET LOGGED")

    def store() -> None:
        minute = next(minutes)
        records = [
            PriceRecord(f"T{n}", "AUD", Decimal("99.5"), Decimal("100.25"), Decimal("99.75"), minute)
            for n in range(COINS)
        ]
        with transaction.atomic():
            store_prices(records, run=run, observed_at=clock.now())

    def copy() -> None:
        minute, observed_at = next(minutes), clock.now()
        columns = "coin_type, market, bid, ask, last, crossed, occurred_at, observed_at, run_id, origin"
        statement = f"COPY bench_price ({columns}) FROM STDIN"
        with transaction.atomic(), connection.cursor() as cursor, cursor.copy(statement) as into:
            for n in range(COINS):
                into.write_row(
                    (
                        f"T{n}",
                        "AUD",
                        "99.5",
                        "100.25",
                        "99.75",
                        False,
                        minute,
                        observed_at,
                        run.pk,
                        "observed",
                    )
                )

    floor, cost = cpu_side_by_side([copy, store], rounds=9, batch=5)
    return Row.at_most(f"collecting a tick of {COINS} coins / COPY of the same rows", cost, floor, 3)
