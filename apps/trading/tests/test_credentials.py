"""Venue keys: how they are stored, opened, replaced and deleted."""

import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from apps.trading.models import Credential, Event
from apps.trading.services.credentials import (
    NoCredentials,
    NoSuchCredentials,
    delete_credentials,
    keys_of,
    store_credentials,
)
from apps.trading.tests.credentials import (
    BODY,
    BOTH,
    READING,
    SECRETS,
    TRADING,
    assert_no_secret,
    live_account,
    order_in,
    stored,
    trail,
)
from apps.trading.tests.races import in_threads
from ohmycoins.clients.coinspot import Key
from ohmycoins.core.errors import Conflict, DomainError, Invalid, Refused

pytestmark = pytest.mark.django_db
UNRESOLVED = ["submitting", "unknown"]
SETTLED = ["filled", "cancelled", "denied", "rejected", "expired", "not_placed"]


def test_stored_keys_are_opened_for_their_account() -> None:
    account = live_account()
    stored(account)
    keys = keys_of(account)
    assert (keys.trading, keys.reading, keys.shared) == (TRADING, READING, False)
    assert_no_secret(f"{keys!r} {keys}")


def test_reading_falls_back_to_the_trading_key_and_says_so() -> None:
    account = live_account()
    stored(account, **BODY)
    keys = keys_of(account)
    assert (keys.trading, keys.reading, keys.shared) == (TRADING, TRADING, True)


def test_row_holds_ends_and_a_sealed_text_and_no_secret() -> None:
    row = stored()
    assert (row.api_key_end, row.read_only_key_end, row.validated_at, row.error) == ("abcd", "wxyz", None, "")
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(trading_credential)::text FROM trading_credential")
        assert_no_secret(cursor.fetchone()[0])
    assert str(row) == "…abcd"


def test_end_of_a_key_too_short_to_hide_the_rest_is_not_shown() -> None:
    row = stored(api_key="key4567", api_secret="s")
    assert row.api_key_end == ""


def test_account_without_keys_is_refused_by_name() -> None:
    account = live_account()
    with pytest.raises(NoCredentials, match="has no keys") as caught:
        keys_of(account)
    assert (caught.value.code, caught.value.status) == ("NO_CREDENTIALS", 422)
    assert isinstance(caught.value, Refused)


def test_keys_sealed_with_a_key_that_is_gone_are_refused_without_a_secret(settings: Any) -> None:
    account = live_account()
    row = stored(account)
    settings.VENUE_SECRET_KEYS = ["another"]
    with pytest.raises(NoCredentials, match="VENUE_SECRET_KEYS lacks the key") as caught:
        keys_of(account)
    assert_no_secret(f"{caught.value!r} {caught.value}", [*SECRETS, row.sealed, "another"])


def test_sealed_text_copied_to_another_account_s_row_does_not_open() -> None:
    mine, other = live_account(), live_account()
    stored(mine)
    stored(other, api_key="other-key-1", api_secret="other-secret")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE trading_credential SET sealed ="
            " (SELECT sealed FROM trading_credential WHERE account_id = %s) WHERE account_id = %s",
            [mine.pk, other.pk],
        )
    with pytest.raises(NoCredentials, match="cannot be opened"):
        keys_of(other)
    assert keys_of(mine).trading == TRADING


def test_storing_is_recorded_with_the_ends_only() -> None:
    account = live_account()
    stored(account)
    event = Event.objects.get(account=account)
    assert (event.type, event.actor, event.reason) == ("credential.stored", "user:1", "stored")
    assert event.inputs == {"api_key_end": "abcd", "read_only_key_end": "wxyz"}


def test_replacing_clears_the_validation_and_the_error_and_keeps_the_row(clock: Any) -> None:
    account = live_account()
    row = stored(account)
    Credential.objects.filter(pk=row.pk).update(validated_at=row.created_at, error="was wrong")
    clock.shift(60)
    new = store_credentials(account, api_key="new-key-9876", api_secret="n", actor="user:2", replacing=True)
    assert (new.pk, new.validated_at, new.error, new.api_key_end, new.read_only_key_end) == (
        row.pk, None, "", "9876", "",
    )  # fmt: skip
    assert (new.created_at, (new.updated_at - row.updated_at).seconds) == (row.created_at, 60)
    assert keys_of(account).trading == Key("new-key-9876", "n")
    assert trail(account) == [("credential.stored", "user:1"), ("credential.stored", "user:2")]


def test_secret_of_the_same_key_can_be_corrected() -> None:
    account = live_account()
    stored(account, **BODY | {"api_secret": "wrong"})
    store_credentials(account, **BODY, actor="user:1", replacing=True)
    assert keys_of(account).trading == TRADING


def test_first_keys_are_not_stored_over_others() -> None:
    account = live_account()
    stored(account)
    with pytest.raises(Conflict) as caught:
        store_credentials(account, api_key="new-key-9876", api_secret="n", actor="user:1")
    assert caught.value.code == "CREDENTIALS_EXIST"
    assert keys_of(account).trading == TRADING
    assert len(trail(account)) == 1


def test_there_must_be_keys_to_replace_or_delete() -> None:
    account = live_account()
    with pytest.raises(NoSuchCredentials):
        store_credentials(account, **BODY, actor="user:1", replacing=True)
    with pytest.raises(NoSuchCredentials):
        delete_credentials(account, actor="user:1")
    assert not Credential.objects.exists()
    assert trail(account) == []


def test_paper_account_takes_no_keys() -> None:
    account = live_account(venue="paper", mode="paper", name="Paper")
    with pytest.raises(
        Refused, match=rf"Account Paper #{account.pk} is at paper and takes no keys"
    ) as caught:
        stored(account)
    assert caught.value.code == "PAPER_ACCOUNT"
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"api_key": "", "api_secret": "s"}, "api_key"),
        ({"api_key": "k", "api_secret": ""}, "api_secret"),
        (BODY | {"read_only_key": "r"}, "read_only_secret"),
        (BODY | {"read_only_secret": "r"}, "read_only_key"),
        (BODY | {"read_only_key": TRADING.key, "read_only_secret": "r"}, "read_only_key"),
    ],
)
def test_half_a_pair_is_invalid_and_nothing_is_stored(given: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid, match=f"^{field}: "):
        stored(**given)
    assert not Credential.objects.exists()


@pytest.mark.parametrize("status", UNRESOLVED)
def test_keys_do_not_change_while_the_venue_may_still_act_on_an_order(status: str) -> None:
    account = live_account()
    row = stored(account)
    order = order_in(account, status)
    for change in (
        lambda: store_credentials(
            account, api_key="new-key-9", api_secret="n", actor="user:1", replacing=True
        ),
        lambda: delete_credentials(account, actor="user:1"),
    ):
        with pytest.raises(Conflict, match=f"has order {order.pk} of") as caught:
            change()
        assert caught.value.code == "ORDERS_UNRESOLVED"
    assert Credential.objects.get() == row
    assert keys_of(account).trading == TRADING
    assert len(trail(account)) == 1


@pytest.mark.parametrize("status", [*SETTLED, "pending"])
def test_keys_change_when_no_order_is_at_the_venue(status: str) -> None:
    account = live_account(cash_aud=1000)
    stored(account)
    order_in(account, status)
    store_credentials(account, api_key="new-key-9", api_secret="n", actor="user:1", replacing=True)
    delete_credentials(account, actor="user:1")
    assert not Credential.objects.exists()


def test_another_trading_key_does_not_come_while_orders_rest() -> None:
    account = live_account()
    stored(account)
    order_in(account, "open")
    with pytest.raises(Conflict, match="rests at CoinSpot") as caught:
        store_credentials(account, api_key="another-key-9999", api_secret="s", actor="user:1", replacing=True)
    assert caught.value.code == "ORDERS_OPEN"
    assert keys_of(account).trading == TRADING
    store_credentials(account, **BOTH, actor="user:1", replacing=True)  # type: ignore[arg-type]
    delete_credentials(account, actor="user:1")
    store_credentials(account, api_key="another-key-9999", api_secret="s", actor="user:1")


def test_orders_of_another_account_do_not_matter() -> None:
    account = live_account()
    stored(account)
    order_in(live_account(), "unknown")
    delete_credentials(account, actor="user:7")
    assert trail(account) == [("credential.stored", "user:1"), ("credential.deleted", "user:7")]
    assert Event.objects.last().inputs == {"api_key_end": "abcd", "read_only_key_end": "wxyz"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": TRADING.key, "api_secret": "x"},
        {"api_key": READING.key, "api_secret": "x"},
        {"api_key": "fresh-key-1", "api_secret": "x", "read_only_key": TRADING.key, "read_only_secret": "x"},
        {"api_key": "fresh-key-1", "api_secret": "x", "read_only_key": READING.key, "read_only_secret": "x"},
    ],
)
def test_key_of_another_account_is_a_conflict_in_either_role(given: dict[str, str]) -> None:
    stored()
    mine = live_account()
    with pytest.raises(Conflict) as caught:
        stored(mine, **given)
    assert caught.value.code == "KEY_IN_USE"
    assert_no_secret(str(caught.value))
    assert Credential.objects.count() == 1
    assert trail(mine) == []


def test_database_holds_one_account_to_a_key() -> None:
    row = stored()
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.create(account=live_account(), sealed="x", key_digest=row.key_digest)


@pytest.mark.django_db(transaction=True)
def test_two_accounts_that_store_one_key_at_once_leave_one_of_them_with_it() -> None:
    accounts = [live_account(), live_account()]

    def store(number: int) -> str:
        try:
            stored(accounts[number])
        except DomainError as error:
            return error.code
        return "stored"

    assert sorted(in_threads(2, store)) == ["KEY_IN_USE", "stored"]
    assert Credential.objects.count() == 1


def test_nonces_go_on_above_those_of_both_keys_when_keys_change() -> None:
    account = live_account(last_nonce=5, last_read_nonce=9)
    stored(account)
    account.refresh_from_db()
    assert (account.last_nonce, account.last_read_nonce) == (9, 9)


def test_dump_of_the_database_shows_only_the_sealed_text() -> None:
    row = stored()
    call_command("dumpdata", "trading.credential", "trading.event", stdout=(out := io.StringIO()))
    dump = json.loads(out.getvalue())
    assert dump[0]["fields"]["sealed"] == row.sealed
    assert_no_secret(out.getvalue())
