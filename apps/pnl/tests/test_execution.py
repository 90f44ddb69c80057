"""Executing and booking together: once each, whoever dies when."""

from decimal import Decimal as D

import pytest
from django.db import connection

from apps.ledgers.tests.factories import make_price
from apps.pnl.models import Lot
from apps.trading.models import Fill
from apps.trading.services.execute import drain_account, poll
from apps.trading.tests.factories import make_account, place
from apps.trading.tests.races import in_threads


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_fill_each_order_once_and_book_it_once() -> None:
    make_price()
    account = make_account()
    for _ in range(20):
        place(account, quantity="0.01")
    in_threads(4, lambda number: poll() if number % 2 else drain_account(account.pk))
    drain_account(account.pk)
    assert Fill.objects.count() == Lot.objects.count() == 20
    account.refresh_from_db()
    assert account.cash_aud == 100_000 - 20 * D("1001")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "table", ["trading_event", "trading_fill", "trading_holding", "pnl_lot", "pnl_dailytotal"]
)
def test_crash_between_any_two_statements_leaves_the_order_whole(table: str) -> None:
    """A worker that dies is a connection that ends: here PostgreSQL ends it at each write in turn."""
    make_price()
    account = make_account()
    order = place(account, quantity="0.1")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NEW; END $$"
        )
        cursor.execute(f"CREATE TRIGGER die AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION die()")
    try:
        in_threads(1, lambda _: _expect_a_dead_connection(account.pk))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION die() CASCADE")
    order.refresh_from_db()
    account.refresh_from_db()
    assert (order.status, account.cash_aud, Fill.objects.count()) == ("pending", 100_000, 0)
    assert poll() == 1
    order.refresh_from_db()
    assert order.status == "filled"
    assert Fill.objects.count() == Lot.objects.count() == 1


def _expect_a_dead_connection(account_id: int) -> None:
    with pytest.raises(Exception, match=r"terminating connection|connection .*closed"):
        drain_account(account_id)
