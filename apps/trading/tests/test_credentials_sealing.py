"""Sealing, which is pure: which key opens what, and what never does."""

import base64
from dataclasses import fields

import pytest
from cryptography.fernet import Fernet

from apps.trading import sealing
from apps.trading.sealing import NotOpened, Secrets
from apps.trading.tests.credentials import (
    BOTH,
    SECRETS,
    assert_no_secret,
)
from ohmycoins.clients.coinspot import Key
from ohmycoins.core.sealing import _derive

MINE = Secrets("key", "secret", None, None)


def sealed_with(*keys: str, account_id: int = 1) -> str:
    return sealing.seal(MINE, account_id=account_id, keys=keys)


def test_newest_key_seals_and_every_key_opens() -> None:
    old, new = sealed_with("old"), sealed_with("new", "old")
    for text in (old, new):
        assert sealing.unseal(text, account_id=1, keys=["new", "old"]) == MINE
    assert sealing.unseal(new, account_id=1, keys=["new"]) == MINE
    with pytest.raises(NotOpened):
        sealing.unseal(new, account_id=1, keys=["old"])
    assert (sealing.is_newest(new, ["new", "old"]), sealing.is_newest(old, ["new", "old"])) == (True, False)


def test_text_sealed_for_another_account_does_not_open() -> None:
    with pytest.raises(NotOpened):
        sealing.unseal(sealed_with("k", account_id=2), account_id=1, keys=["k"])


def test_sealed_text_is_compact_json_under_a_derived_key() -> None:
    text = sealed_with("any string at all, however long it is")
    derived = _derive(sealing.PURPOSE, "any string at all, however long it is")
    assert len(base64.urlsafe_b64decode(derived)) == 32
    plain = Fernet(derived).decrypt(text.encode())
    assert plain == (
        b'{"account":1,"api_key":"key","api_secret":"secret","read_only_key":null,"read_only_secret":null}'
    )


@pytest.mark.parametrize("text", ["", "x", "gAAAAA", "ü", sealed_with("k")[:-3], "A" + sealed_with("k")[1:]])
def test_spoilt_text_does_not_open_and_is_not_quoted(text: str) -> None:
    with pytest.raises(NotOpened) as caught:
        sealing.unseal(text, account_id=1, keys=["k"])
    assert str(caught.value) == "the text does not open for this account with the configured keys"
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("content", ["[]", "{}", '{"account":1}', '{"account":1,"api_key":"a","x":1}', "no"])
def test_sealed_text_of_another_shape_does_not_open(content: str) -> None:
    text = Fernet(_derive(sealing.PURPOSE, "k")).encrypt(content.encode()).decode()
    with pytest.raises(NotOpened):
        sealing.unseal(text, account_id=1, keys=["k"])


@pytest.mark.parametrize("keys", [[], [""], [" ", ""]])
def test_nothing_is_sealed_or_opened_without_a_key(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="VENUE_SECRET_KEYS"):
        sealing.seal(MINE, account_id=1, keys=keys)
    with pytest.raises(ValueError, match="VENUE_SECRET_KEYS"):
        sealing.unseal(sealed_with("k"), account_id=1, keys=keys)


def test_spaces_and_empty_entries_in_the_setting_do_not_matter() -> None:
    assert sealing.unseal(sealed_with(" k ", ""), account_id=1, keys=["", "k"]) == MINE


def test_no_repr_shows_a_secret() -> None:
    secrets = Secrets(*BOTH.values())
    assert_no_secret(f"{secrets!r} {secrets} {Key(*SECRETS[:2])!r}")
    assert not any(field.repr for field in fields(Secrets))
