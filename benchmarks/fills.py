"""What booking a fill costs beside a bare INSERT and commit."""

import itertools
from decimal import Decimal

from django.db import connection, transaction

from apps.accounts.models import User
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


def rows() -> list[Row]:
    """Measure booking."""
    return [_booking()]


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
