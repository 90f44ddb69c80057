"""Validating keys: what CoinSpot is asked, and what each of its answers leads to."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from apps.trading.models import Account, Credential, Event
from apps.trading.services import keycheck
from apps.trading.services.credentials import NoCredentials, store_credentials, validate_credentials
from apps.trading.tests.credentials import (
    BODY,
    BOTH,
    READING,
    TRADING,
    assert_no_secret,
    live_account,
    order_in,
    stored,
    trail,
)
from ohmycoins.clients import coinspot
from ohmycoins.core import clock as system_clock
from ohmycoins.core.errors import Conflict, Refused, Unavailable
from ohmycoins.core.http import Page
from ohmycoins.sandbox.server import Sandbox
from ohmycoins.tests.sandbox_venue import serving

pytestmark = pytest.mark.django_db
BALANCES, READ_STATUS, STATUS = "/api/v2/ro/my/balances", "/api/v2/ro/status", "/api/v2/status"


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    with serving(settings) as server:
        server.venue.open_account(
            key=TRADING.key, secret=TRADING.secret, read_only_key=READING.key,
            read_only_secret=READING.secret, balances={"AUD": Decimal(1000)},
        )  # fmt: skip
        yield server


@pytest.fixture
def account() -> Account:
    return live_account()


def asked(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(call.path, call.key) for call in sandbox.venue.truth(TRADING.key).calls]


def test_both_keys_are_asked_by_calls_that_change_nothing(
    sandbox: Sandbox, account: Account, clock: Any
) -> None:
    stored(account)
    before = sandbox.venue.truth(TRADING.key)
    row = validate_credentials(account, actor="user:3")
    assert (row.validated_at, row.error) == (system_clock.now(), "")
    assert asked(sandbox) == [(BALANCES, READING.key), (STATUS, TRADING.key)]
    after = sandbox.venue.truth(TRADING.key)
    assert (after.balances, after.orders, after.transfers) == (before.balances, (), ())
    account.refresh_from_db()
    assert (after.nonces, after.read_only_nonces) == ((account.last_nonce,), (account.last_read_nonce,))
    event = Event.objects.filter(account=account).last()
    assert event is not None
    assert (event.type, event.actor, event.reason) == (
        "credential.validated", "user:3", "CoinSpot let the keys in",
    )  # fmt: skip
    assert event.inputs == {"api_key_end": "abcd", "read_only_key_end": "wxyz"}


def test_single_key_is_asked_both_ways_under_one_sequence_of_nonces(
    sandbox: Sandbox, account: Account
) -> None:
    stored(account, **BODY)
    assert validate_credentials(account, actor="user:3").validated_at is not None
    assert asked(sandbox) == [(BALANCES, TRADING.key), (STATUS, TRADING.key)]
    truth = sandbox.venue.truth(TRADING.key)
    account.refresh_from_db()
    assert (truth.nonces[-1], len(truth.nonces)) == (account.last_nonce, 2)
    assert account.last_read_nonce == 0


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (BOTH | {"read_only_secret": "wrong"}, "CoinSpot does not let the read-only key in: invalid sign"),
        (BOTH | {"api_secret": "wrong"}, "CoinSpot does not let the trading key in: invalid sign"),
        (BOTH | {"api_key": "no-such-key"}, "CoinSpot does not let the trading key in: invalid key"),
        (
            BODY | {"api_secret": "wrong", "read_only_key": "no-such-key", "read_only_secret": "x"},
            "CoinSpot does not let the read-only key in: invalid key; "
            "CoinSpot does not let the trading key in: invalid sign",
        ),
        (BODY | {"api_secret": "wrong"}, "CoinSpot does not let the trading key in: invalid sign"),
        (
            {"api_key": READING.key, "api_secret": READING.secret},
            "CoinSpot lets the trading key read, but not trade: read only key",
        ),
        (
            {"api_key": READING.key, "api_secret": READING.secret, "read_only_key": TRADING.key,
             "read_only_secret": TRADING.secret},
            "The keys are swapped: CoinSpot lets the read-only key trade, and not the trading key.",
        ),
    ],
)  # fmt: skip
def test_key_that_is_not_let_in_is_named_with_what_coinspot_says(
    sandbox: Sandbox, account: Account, given: dict[str, str], error: str
) -> None:
    row = stored(account, **given)
    Credential.objects.update(validated_at=row.created_at)
    row = validate_credentials(account, actor="user:3")
    assert (row.validated_at, row.error) == (None, error)
    stored_row = Credential.objects.get()
    assert (stored_row.validated_at, stored_row.error) == (None, error)
    event = Event.objects.filter(account=account).last()
    assert event is not None
    assert (event.type, event.reason) == ("credential.refused", error)
    assert_no_secret(f"{error} {event.inputs}", given.values())


def test_key_that_is_let_in_after_all_loses_its_error(sandbox: Sandbox, account: Account) -> None:
    stored(account)
    Credential.objects.update(error="was wrong")
    row = validate_credentials(account, actor="user:3")
    assert (row.error, row.validated_at is None) == ("", False)


@pytest.mark.parametrize(
    "fault", ["drop_before", "accept_5xx", "429_before", "html_200_before", "cut_json", "drip"]
)
@pytest.mark.parametrize("key", [READING.key, TRADING.key])
def test_answer_that_says_nothing_of_the_keys_changes_nothing(
    sandbox: Sandbox, account: Account, fault: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keycheck, "ASK_SECONDS", 0.5)
    row = stored(account)
    Credential.objects.update(validated_at=row.created_at, error="")
    sandbox.venue.script(key, [fault])
    with pytest.raises(
        Unavailable, match=r"^CoinSpot could not be asked: .* Nothing was changed\.$"
    ) as caught:
        validate_credentials(account, actor="user:3")
    assert caught.value.code == "VENUE_UNAVAILABLE"
    assert_no_secret(f"{caught.value} {caught.value.__cause__}")
    after = Credential.objects.get()
    assert (after.validated_at, after.error) == (row.created_at, "")
    assert trail(account) == [("credential.stored", "user:1")]


def test_venue_that_cannot_be_reached_changes_nothing(account: Account, settings: Any) -> None:
    settings.COINSPOT_URL = "http://127.0.0.1:1"
    stored(account)
    with pytest.raises(
        Unavailable, match=r"could not be asked: 127\.0\.0\.1:1/api/v2/ro/my/balances could not be"
    ):
        validate_credentials(account, actor="user:3")
    assert Credential.objects.get().error == ""


def test_nonce_below_another_program_s_says_nothing_of_the_key(sandbox: Sandbox, account: Account) -> None:
    stored(account)
    coinspot.send(coinspot.status(2**62), TRADING, total_seconds=1)
    with pytest.raises(Unavailable, match="it has seen a later call with the same key"):
        validate_credentials(account, actor="user:3")
    row = Credential.objects.get()
    assert (row.validated_at, row.error) == (None, "")


def test_order_on_its_way_is_not_fenced_off_by_a_validation(sandbox: Sandbox, account: Account) -> None:
    stored(account)
    order_in(account, "submitting")
    with pytest.raises(Conflict, match="has an order on its way") as caught:
        validate_credentials(account, actor="user:3")
    assert caught.value.code == "ORDERS_UNRESOLVED"
    assert STATUS not in [path for path, _ in asked(sandbox)]
    account.refresh_from_db()
    assert account.last_nonce == 0
    assert Credential.objects.get().validated_at is None


def test_keys_replaced_while_coinspot_was_asked_are_not_taken_for_validated(
    sandbox: Sandbox, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(account)
    send = coinspot.send

    def send_late(*args: Any, **options: Any) -> Any:
        if args[0].path == STATUS:
            store_credentials(account, api_key="new-key-9876", api_secret="n", actor="user:1", replacing=True)
        return send(*args, **options)

    monkeypatch.setattr(coinspot, "send", send_late)
    with pytest.raises(Conflict) as caught:
        validate_credentials(account, actor="user:3")
    assert caught.value.code == "CREDENTIALS_CHANGED"
    row = Credential.objects.get()
    assert (row.api_key_end, row.validated_at, row.error) == ("9876", None, "")


def test_nobody_is_asked_about_keys_that_are_not_there(sandbox: Sandbox, account: Account) -> None:
    with pytest.raises(NoCredentials):
        validate_credentials(account, actor="user:3")
    with pytest.raises(Refused, match="takes no keys"):
        validate_credentials(live_account(venue="paper", mode="paper"), actor="user:3")
    assert asked(sandbox) == []


@pytest.mark.django_db(transaction=True)
def test_coinspot_is_asked_outside_a_transaction(
    sandbox: Sandbox, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(account)
    send, inside = coinspot.send, []

    def watched(*args: Any, **options: Any) -> Any:
        inside.append(connection.in_atomic_block)
        return send(*args, **options)

    monkeypatch.setattr(coinspot, "send", watched)
    validate_credentials(account, actor="user:3")
    assert inside == [False, False]


def test_words_of_the_venue_are_kept_short_printable_and_free_of_keys(
    sandbox: Sandbox, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(account)

    def echo(ask: Any) -> Page:
        said = {"status": "error", "message": f"\x00no\n{' '.join(ask.secrets)} {'x' * 900}"}
        return Page(status=400, body=ask.hide(json.dumps(said)).encode())

    monkeypatch.setattr(coinspot.http, "request", echo)
    row = validate_credentials(account, actor="user:3")
    assert row.error.startswith("CoinSpot does not let the read-only key in:  no [hidden] [hidden] xxx")
    assert len(row.error) <= 300
    assert row.error.isprintable()
    assert_no_secret(row.error)
