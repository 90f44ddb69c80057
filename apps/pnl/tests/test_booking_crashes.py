"""Booking while others book and while processes die: once each, and the totals right."""

import itertools
from typing import Any

import pytest

from apps.ledgers.tests.factories import make_price
from apps.pnl.models import BookingFailure
from apps.pnl.services import book, rebuild
from apps.pnl.services.invariants import check_books
from apps.pnl.tests.books import book_of, record, record_all
from apps.pnl.tests.test_rebuild import happening
from apps.trading.models import Account, Fill
from apps.trading.services.execute import drain_account
from apps.trading.services.invariants import check_invariants
from apps.trading.tests.factories import make_account, place, trade
from apps.trading.tests.races import in_threads


class Killed(BaseException):
    """The process is gone: nothing catches it, and the transaction is rolled back."""


def die_at(patch: pytest.MonkeyPatch, step: int) -> None:
    """Die before the statement `step` of whatever is booked, counting from 0."""
    steps = itertools.count()

    def mortal(function: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            if next(steps) == step:
                raise Killed
            return function(*args, **kwargs)

        return run

    patch.setattr(book, "_execute", mortal(book._execute))
    for name in ("forget_coin", "_copy", "rebuild_sums"):
        patch.setattr(rebuild, name, mortal(getattr(rebuild, name)))
    for name in ("rebuild_coin", "revalue"):
        patch.setattr(book, name, mortal(getattr(book, name)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_death_between_any_two_statements_books_once_after_all(
    side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_price()
    account = make_account()
    trade(account, quantity="0.2")
    survived = False
    for step in range(10):
        order = place(account, side, quantity=f"0.0{step + 1}")
        with monkeypatch.context() as patch:
            die_at(patch, step)
            try:
                drain_account(account.pk)
                survived = True
            except Killed:
                assert not Fill.objects.filter(order=order).exists()
        drain_account(account.pk)
        assert Fill.objects.filter(order=order).count() == 1
        assert check_books() == check_invariants() == []
        if survived:
            break
    assert survived, "every statement was died before"
    assert step >= (1 if side == "buy" else 2)


@pytest.mark.django_db(transaction=True)
def test_death_while_a_book_is_rebuilt_leaves_the_book_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_account(cash="0")
    record_all(account, [happening(10, "buy", "2", "100"), happening(20, "sell", "1", "150")])
    before = book_of(account)
    for step in itertools.count():
        with monkeypatch.context() as patch:
            die_at(patch, step)
            try:
                record(account, happening(5, "buy", "1", "120"))
                break
            except Killed:
                assert book_of(account) == before
    assert step >= 5
    assert book_of(account) != before
    assert check_books() == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_book_one_account_s_fills_at_once() -> None:
    happened = [
        happening(minute * 7 % 60, "sell" if minute % 3 == 2 else "buy", f"0.{minute + 1}", str(100 + minute), number=minute)
        for minute in range(24)
    ]  # fmt: skip
    account, alone = make_account(cash="0"), make_account(cash="0")
    in_threads(2, lambda worker: record_all(account, happened[worker::2]))
    record_all(alone, happened)
    assert book_of(account) == book_of(alone)
    assert not BookingFailure.objects.exists()
    assert check_books() == []
    assert Account.objects.get(pk=account.pk).cash_aud == Account.objects.get(pk=alone.pk).cash_aud
