"""`/credentials/coinspot` over HTTP: what it answers, and what it never shows."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.trading.api import credential_views
from apps.trading.models import Account, Credential
from apps.trading.services.accounts import default_account
from apps.trading.services.credentials import keys_of
from apps.trading.tests.credentials import (
    BODY,
    BOTH,
    READ_ONLY,
    READING,
    SECRETS,
    TRADING,
    assert_no_secret,
    live_account,
    order_in,
    stored,
    trail,
)
from ohmycoins.clients.coinspot import Key
from ohmycoins.core import logs
from ohmycoins.sandbox.server import Sandbox
from ohmycoins.tests.sandbox_venue import serving

pytestmark = pytest.mark.django_db
PATH = "/api/v1/credentials/coinspot"
VALIDATE = f"{PATH}/validate"


@pytest.fixture
def account(user: User) -> Account:
    return live_account(user, is_default=True)


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    with serving(settings) as server:
        server.venue.open_account(
            key=TRADING.key, secret=TRADING.secret, read_only_key=READING.key,
            read_only_secret=READING.secret, balances={"AUD": Decimal(1000)},
        )  # fmt: skip
        yield server


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Give all that is logged, as `LOG_JSON` writes it and at the most talkative level."""
    handler = logging.StreamHandler(stream := io.StringIO())
    formatter = dict(logs.configure(as_json=True, level="DEBUG")["formatters"]["main"])
    handler.setFormatter(formatter.pop("()")(**formatter))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel("DEBUG")
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)


def post(api: APIClient, body: Any, path: str = PATH) -> Any:
    return api.post(path, body, format="json")


def test_keys_are_stored_and_shown_by_their_last_four_characters(api: APIClient, account: Account) -> None:
    answer = post(api, BOTH)
    assert answer.status_code == 201
    body = answer.json()
    assert body == {
        "account": account.pk, "api_key": "…abcd", "read_only_key": "…wxyz", "validated_at": None,
        "error": None, "created_at": body["created_at"], "updated_at": body["updated_at"],
    }  # fmt: skip
    assert api.get(PATH).json() == api.get(f"{PATH}/").json() == body
    assert_no_secret(answer.content.decode() + api.get(PATH).content.decode())
    assert keys_of(account).trading == TRADING
    assert trail(account) == [("credential.stored", f"user:{account.user_id}")]


def test_read_only_key_may_be_left_out_or_null(api: APIClient, account: Account) -> None:
    assert post(api, BODY).json()["read_only_key"] is None
    nulls = BODY | {"read_only_key": None, "read_only_secret": None}
    assert api.put(PATH, nulls, format="json").status_code == 200
    assert keys_of(account).shared


@pytest.mark.parametrize("where", ["body", "query"])
def test_account_is_named_in_the_body_or_the_query(api: APIClient, user: User, where: str) -> None:
    account = live_account(user)
    body, query = (
        (BOTH | {"account": account.pk}, "") if where == "body" else (BOTH, f"?account={account.pk}")
    )
    assert post(api, body, PATH + query).json()["account"] == account.pk
    assert api.get(f"{PATH}?account={account.pk}").status_code == 200
    assert api.get(PATH).status_code == 404
    assert api.delete(f"{PATH}?account={account.pk}").status_code == 204


def test_body_and_query_that_name_different_accounts_are_400(api: APIClient, account: Account) -> None:
    answer = post(api, BOTH | {"account": account.pk}, f"{PATH}?account={account.pk + 1}")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID")
    assert not Credential.objects.exists()


def test_default_account_on_paper_is_refused_by_name(api: APIClient, user: User) -> None:
    paper = default_account(user)
    for answer in (post(api, BOTH), api.put(PATH, BOTH, format="json"), post(api, {}, VALIDATE)):
        assert (answer.status_code, answer.json()["code"]) == (422, "PAPER_ACCOUNT")
        assert f"#{paper.pk}" in answer.json()["message"]
        assert_no_secret(answer.content.decode())
    assert (api.get(PATH).status_code, api.delete(PATH).status_code) == (404, 404)
    assert not Credential.objects.exists()


def test_keys_are_created_once_and_replaced_as_a_whole(api: APIClient, account: Account) -> None:
    assert api.put(PATH, BOTH, format="json").status_code == 404
    assert post(api, BOTH).status_code == 201
    again = post(api, BODY)
    assert (again.status_code, again.json()["code"]) == (409, "CREDENTIALS_EXIST")
    replaced = api.put(PATH, {"api_key": "new-key-9876", "api_secret": "new-secret"}, format="json")
    assert (replaced.status_code, replaced.json()["api_key"], replaced.json()["read_only_key"]) == (
        200, "…9876", None,
    )  # fmt: skip
    assert keys_of(account).trading == Key("new-key-9876", "new-secret")


def test_keys_are_deleted_once(api: APIClient, account: Account) -> None:
    stored(account)
    answer = api.delete(PATH)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not Credential.objects.exists()
    assert api.delete(PATH).status_code == api.get(PATH).status_code == 404
    assert post(api, BOTH).status_code == 201


def test_unresolved_order_is_409_for_put_and_delete(api: APIClient, account: Account) -> None:
    stored(account)
    order_in(account, "unknown")
    for answer in (api.put(PATH, BODY, format="json"), api.delete(PATH)):
        assert (answer.status_code, answer.json()["code"]) == (409, "ORDERS_UNRESOLVED")
    assert not keys_of(account).shared


def test_key_of_another_account_is_409(api: APIClient, account: Account) -> None:
    stored()
    answer = post(api, BOTH)
    assert (answer.status_code, answer.json()["code"]) == (409, "KEY_IN_USE")
    assert_no_secret(answer.content.decode())
    assert Credential.objects.count() == 1


def test_other_user_s_account_is_404_for_everything(
    account: Account, client_for: Callable[[User], APIClient]
) -> None:
    stored(account)
    stranger = client_for(live_account(is_default=True).user)
    query = f"?account={account.pk}"
    assert [
        stranger.get(PATH + query).status_code, post(stranger, BOTH, PATH + query).status_code,
        post(stranger, BOTH | {"account": account.pk}).status_code,
        stranger.put(PATH + query, BOTH, format="json").status_code,
        stranger.delete(PATH + query).status_code, post(stranger, {"account": account.pk}, VALIDATE).status_code,
    ] == [404] * 6  # fmt: skip
    assert keys_of(account).trading == TRADING
    assert len(trail(account)) == 1


def test_credentials_need_a_login() -> None:
    assert post(APIClient(), BOTH).status_code == APIClient().get(PATH).status_code == 401


LONG = "x" * 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "api_key"),
        ({"api_key": TRADING.key}, "api_secret"),
        ({"api_secret": TRADING.secret}, "api_key"),
        (BODY | {"read_only_key": READING.key}, "read_only_secret"),
        (BODY | {"read_only_secret": READING.secret}, "read_only_key"),
        (BODY | {"read_only_key": TRADING.key, "read_only_secret": "x"}, "read_only_key"),
        (BODY | {"account": TRADING.secret}, "account"),
        (BODY | {"account": 0}, "account"),
        (BODY | {"account": 10**30}, "account"),
        *[
            (BOTH | {field: bad}, field)
            for field in BOTH
            for bad in (
                "",
                " ",
                f" {TRADING.secret}",
                "a b",
                "a\nb",
                "a\x00b",
                "clé",
                LONG,
                7,
                True,
                ["x"],
                {},
            )
        ],
        (BODY | {"api_key": None}, "api_key"),
        (BODY | {"api_secret": None}, "api_secret"),
    ],
)
def test_bad_input_is_400_names_the_field_and_quotes_nothing(
    api: APIClient, account: Account, body: dict[str, Any], field: str
) -> None:
    answer = post(api, body)
    assert answer.status_code == 400, answer.json()
    assert answer.json()["message"].startswith(f"{field}: ")
    assert_no_secret(answer.content.decode(), [*SECRETS, LONG, "clé", "a b"])
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    "body",
    ["", "[]", '"x"', f'{{"api_key": "{TRADING.key}', f'["{TRADING.secret}"]', f'{{"{TRADING.secret}": 1}}'],
)
def test_body_that_is_no_such_object_is_400_and_not_quoted(
    api: APIClient, account: Account, body: str
) -> None:
    for path in (PATH, VALIDATE) if body else (PATH,):
        answer = api.post(path, body, content_type="application/json")
        assert answer.status_code == 400, answer.content
        assert set(answer.json()) == {"code", "message", "detail"}
        assert_no_secret(answer.content.decode())


def test_unknown_field_is_400_and_stores_nothing(api: APIClient, account: Account) -> None:
    answer = post(api, BODY | {"api_secert": READING.secret})
    assert answer.status_code == 400
    assert answer.json()["message"] == (
        "there is a field other than account, api_key, api_secret, read_only_key, read_only_secret"
    )
    assert not Credential.objects.exists()


def test_validation_answers_the_row_as_it_then_stands(
    api: APIClient, account: Account, sandbox: Sandbox, clock: Any
) -> None:
    stored(account)
    answer = api.post(VALIDATE)
    assert (answer.status_code, answer.json()["validated_at"], answer.json()["error"]) == (
        200, "2026-03-02T12:00:00Z", None,
    )  # fmt: skip
    api.put(PATH, BOTH | {"api_secret": "wrong"}, format="json")
    body = post(api, {"account": account.pk}, VALIDATE).json()
    assert (body["validated_at"], body["error"]) == (
        None, "CoinSpot does not let the trading key in: invalid sign",
    )  # fmt: skip
    assert trail(account)[-1] == ("credential.refused", f"user:{account.user_id}")


def test_validation_without_an_answer_is_503_and_without_keys_422(
    api: APIClient, account: Account, settings: Any
) -> None:
    settings.COINSPOT_URL = "http://127.0.0.1:1"
    assert (api.post(VALIDATE).status_code, api.post(VALIDATE).json()["code"]) == (422, "NO_CREDENTIALS")
    stored(account)
    answer = api.post(VALIDATE)
    assert (answer.status_code, answer.json()["code"]) == (503, "VENUE_UNAVAILABLE")


def test_eleventh_validation_in_a_minute_is_429(api: APIClient, account: Account, clock: Any) -> None:
    assert [api.post(VALIDATE).status_code for _ in range(11)] == [422] * 10 + [429]


def test_no_secret_is_logged_or_answered_whatever_happens(
    api: APIClient, account: Account, sandbox: Sandbox, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [post(api, BOTH), post(api, BOTH), api.get(PATH), api.post(VALIDATE)]
    answers += [api.put(PATH, BOTH | {"api_secret": f"{TRADING.secret}\n"}, format="json")]
    answers += [api.post(PATH, json.dumps(BOTH)[:-1], content_type="application/json")]
    sandbox.venue.script(TRADING.key, ["drop_before"])
    answers += [api.post(VALIDATE), api.delete(PATH)]
    monkeypatch.setattr(credential_views, "store_credentials", _fail)
    answers += [post(api, BOTH)]
    assert [answer.status_code for answer in answers] == [201, 409, 200, 200, 400, 400, 503, 204, 500]
    assert_no_secret("".join(answer.content.decode() for answer in answers))
    assert "credential.stored" in logged.getvalue()
    assert "credential.failed" in logged.getvalue()
    assert_no_secret(logged.getvalue())


def _fail(*args: Any, **given: Any) -> None:
    raise RuntimeError(f"no room for {given}")


def test_failure_shows_no_secret_even_with_debug_on(
    account: Account, user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = True
    monkeypatch.setattr(credential_views, "store_credentials", _fail)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    answer = client.post(PATH, BOTH, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert_no_secret(answer.content.decode())


@pytest.mark.parametrize(
    "body", [BOTH, BODY | {"read_only_key": READING.key}, BOTH | {"api_secret": "a b" * 9}]
)
def test_browsable_page_shows_no_secret_after_a_post(
    account: Account, user: User, body: dict[str, str]
) -> None:
    client = Client()
    client.force_login(user)
    answer = client.post(PATH, body, content_type="application/json", headers={"Accept": "text/html"})
    assert answer["Content-Type"].startswith("text/html")
    assert_no_secret(answer.content.decode(), [*SECRETS, "a b" * 9])


def test_schema_says_that_secrets_are_written_only(api: APIClient) -> None:
    schema = api.get("/api/v1/schema?format=json").json()["components"]["schemas"]
    assert set(schema["Credential"]["properties"]) == {
        "account", "api_key", "read_only_key", "validated_at", "error", "created_at", "updated_at",
    }  # fmt: skip
    assert {name for name, field in schema["NewCredentialRequest"]["properties"].items() if field.get("writeOnly")} == {
        *BODY, *READ_ONLY,
    }  # fmt: skip
