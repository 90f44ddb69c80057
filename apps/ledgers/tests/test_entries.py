"""Entries are append-only, and what was known at a moment stays what was known."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.ledgers.models import Price
from apps.ledgers.records import PriceRecord
from apps.ledgers.services.known import settle
from apps.ledgers.services.store import store_prices
from apps.ledgers.tests.factories import make_price, make_run
from ohmycoins.core import clock as system_clock
from ohmycoins.core.locks import advisory_lock


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["UPDATE ledgers_price SET bid = 1", "DELETE FROM ledgers_price"])
def test_database_refuses_to_change_or_delete_a_price(statement: str) -> None:
    make_price()
    with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Price.objects.get().bid == 99_900


@pytest.mark.django_db
@pytest.mark.parametrize("bid", ["0", "-1", "'NaN'"])
def test_database_refuses_a_price_that_is_not_positive(bid: str) -> None:
    make_price("ETH")
    statement = f"""INSERT INTO ledgers_price (coin_type, market, bid, ask, last, crossed, occurred_at, observed_at, origin)
                    VALUES ('BTC', 'AUD', {bid}, 1, 1, {bid} > 1::numeric, now(), now(), 'observed')"""
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_reader_of_now_waits_for_a_storing_transaction_that_observed_before() -> None:
    make_price("ETH")
    stored, release = threading.Event(), threading.Event()

    def store() -> None:
        with transaction.atomic():
            advisory_lock("ledgers.coinspot_prices")
            observed_at = system_clock.now()
            minute = observed_at.replace(second=0, microsecond=0)
            store_prices(
                [PriceRecord("BTC", "AUD", Decimal(1), Decimal(2), Decimal(1), minute)],
                run=make_run(),
                observed_at=observed_at,
            )
            stored.set()
            release.wait(5)
        connection.close()

    writer = threading.Thread(target=store)
    writer.start()
    assert stored.wait(5)
    as_of = system_clock.now()
    threading.Timer(0.3, release.set).start()
    settle(as_of, sources=("coinspot_prices",))
    assert Price.objects.as_of(as_of).filter(coin_type="BTC").exists(), "it was observed before as_of"
    writer.join()


@pytest.mark.django_db
def test_as_of_before_a_price_was_observed_does_not_know_it() -> None:
    make_price()
    observed_at = Price.objects.get().observed_at
    assert Price.objects.as_of(observed_at).count() == 1
    assert Price.objects.as_of(observed_at - timedelta(microseconds=1)).count() == 0


@pytest.mark.django_db(transaction=True)
def test_lock_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="outside a transaction"):
        advisory_lock("anything")
