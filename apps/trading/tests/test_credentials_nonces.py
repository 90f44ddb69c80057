"""Nonces: each key has one sequence, which rises whatever the clock does."""

from datetime import UTC, datetime
from typing import Any

import pytest

from apps.trading.services.nonces import NoSuchAccountRow, take_nonce, take_read_nonce
from apps.trading.tests.credentials import live_account
from apps.trading.tests.races import in_threads

NOON_US = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.django_db
def test_nonce_is_the_time_in_microseconds_and_kept(clock: Any) -> None:
    account = live_account()
    assert take_nonce(account.pk) == NOON_US
    account.refresh_from_db()
    assert (account.last_nonce, account.last_read_nonce) == (NOON_US, 0)


@pytest.mark.django_db
def test_nonces_rise_when_the_clock_stands_still_or_goes_back(clock: Any) -> None:
    account = live_account()
    first, second = take_nonce(account.pk), take_nonce(account.pk)
    clock.shift(-3600)
    assert [second, take_nonce(account.pk)] == [first + 1, first + 2]


@pytest.mark.django_db
def test_read_only_key_has_a_sequence_of_its_own(clock: Any) -> None:
    account = live_account(last_nonce=NOON_US * 2)
    assert (take_read_nonce(account.pk), take_nonce(account.pk)) == (NOON_US, NOON_US * 2 + 1)


@pytest.mark.django_db
def test_no_nonce_without_an_account() -> None:
    with pytest.raises(NoSuchAccountRow):
        take_nonce(999_999)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("take", [take_nonce, take_read_nonce])
def test_nonces_taken_at_once_are_all_different(take: Any) -> None:
    account = live_account()
    taken = in_threads(4, lambda _: [take(account.pk) for _ in range(10)])
    assert len({nonce for some in taken for nonce in some}) == 40
    assert all(some == sorted(some) for some in taken)
