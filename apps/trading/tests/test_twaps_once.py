"""Workers at once, and workers that die: each slice is placed once."""

import itertools
from typing import Any

import pytest
from django.db import connection

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Order, Twap
from apps.trading.services.audit import verify_chains
from apps.trading.services.execute import drain_account
from apps.trading.tests.factories import make_account
from apps.trading.tests.races import in_threads
from apps.trading.tests.test_twaps import run, start


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_place_each_slice_once(clock: Any) -> None:
    make_price(bid=100, ask=100)
    plans = [start(make_account(), slices=3) for _ in range(3)]
    for placed in (2, 3):
        clock.shift(60)
        in_threads(4, lambda _: [run() for _ in range(3)])
        run()  # what was passed over because another worker held the account
        for twap in plans:
            assert twap.orders.count() == placed
    assert set(Twap.objects.values_list("status", "placed")) == {("done", 3)}
    assert sum(order.requested_quantity or 0 for order in Order.objects.all()) == 3


class Killed(BaseException):
    """The process is gone: nothing catches it, and the transaction is rolled back."""


@pytest.mark.django_db(transaction=True)
def test_death_before_any_statement_places_each_slice_once_after_all(clock: Any) -> None:
    make_price(bid=100, ask=100)
    account = make_account()
    for step in itertools.count():
        twap = start(account, slices=2)
        clock.shift(60)
        make_price(bid=100, ask=100)
        steps = itertools.count()

        def mortal(execute: Any, *args: Any, steps: Any = steps, step: int = step) -> Any:
            if next(steps) == step:
                raise Killed
            return execute(*args)

        survived = True
        with connection.execute_wrapper(mortal):
            try:
                run()
            except Killed:
                survived = False
        assert twap.orders.count() == (2 if survived else 1)
        run()
        twap.refresh_from_db()
        assert (twap.status, twap.placed, twap.orders.count()) == ("done", 2, 2)
        drain_account(account.pk)
        if survived:
            break
    assert step > 10
    assert all(not chain.fault for chain in verify_chains())
