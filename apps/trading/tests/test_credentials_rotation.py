"""`manage.py rotate_keys`: every row under the newest key, whatever one of them is like."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.trading.models import Credential
from apps.trading.services.credentials import (
    credential_of,
    keys_of,
)
from apps.trading.tests.credentials import (
    SECRETS,
    TRADING,
    assert_no_secret,
    live_account,
    stored,
)
from apps.trading.tests.races import in_threads
from ohmycoins.clients.coinspot import Key

pytestmark = pytest.mark.django_db


def rotate() -> str:
    call_command("rotate_keys", stdout=(out := io.StringIO()))
    return out.getvalue().strip()


def test_rotation_seals_every_row_with_the_newest_key_and_again_changes_nothing(settings: Any) -> None:
    settings.VENUE_SECRET_KEYS = ["old"]
    account, other = live_account(), live_account()
    stored(account)
    stored(other, api_key="other-key-1", api_secret="o")
    settings.VENUE_SECRET_KEYS = ["new", "old"]
    assert rotate() == "sealed anew: 2, sealed with the newest key already: 0"
    texts = list(Credential.objects.order_by("pk").values_list("sealed", flat=True))
    assert rotate() == "sealed anew: 0, sealed with the newest key already: 2"
    assert list(Credential.objects.order_by("pk").values_list("sealed", flat=True)) == texts
    settings.VENUE_SECRET_KEYS = ["new"]
    assert keys_of(account).trading == TRADING
    assert keys_of(other).trading == Key("other-key-1", "o")


def test_rotation_leaves_the_validation_as_it_was(settings: Any) -> None:
    settings.VENUE_SECRET_KEYS = ["old"]
    row = stored()
    Credential.objects.update(validated_at=row.created_at)
    settings.VENUE_SECRET_KEYS = ["new", "old"]
    rotate()
    after = credential_of(row.account)
    assert (after.validated_at, after.updated_at) == (row.created_at, row.updated_at)


def test_row_that_no_key_opens_is_named_and_the_others_are_rotated(settings: Any) -> None:
    settings.VENUE_SECRET_KEYS = ["lost"]
    lost = live_account()
    sealed = stored(lost).sealed
    settings.VENUE_SECRET_KEYS = ["old"]
    account = live_account()
    stored(account, api_key="other-key-1", api_secret="o")
    settings.VENUE_SECRET_KEYS = ["new", "old"]
    with pytest.raises(CommandError, match=f"the keys of account {lost.pk}: ") as caught:
        rotate()
    assert caught.value.returncode == 1
    assert_no_secret(str(caught.value), [*SECRETS, sealed, "lost"])
    assert credential_of(lost).sealed == sealed
    settings.VENUE_SECRET_KEYS = ["new"]
    assert keys_of(account).trading == Key("other-key-1", "o")


def test_rotation_without_any_row_says_so() -> None:
    assert rotate() == "sealed anew: 0, sealed with the newest key already: 0"


@pytest.mark.django_db(transaction=True)
def test_two_rotations_at_once_leave_keys_that_open(settings: Any) -> None:
    settings.VENUE_SECRET_KEYS = ["old"]
    account = live_account()
    stored(account)
    settings.VENUE_SECRET_KEYS = ["new", "old"]
    said = in_threads(2, lambda _: rotate())
    assert sorted(said) == [
        "sealed anew: 0, sealed with the newest key already: 1",
        "sealed anew: 1, sealed with the newest key already: 0",
    ]
    settings.VENUE_SECRET_KEYS = ["new"]
    assert keys_of(account).trading == TRADING
