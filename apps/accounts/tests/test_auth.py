"""Logging in, staying in, getting out, getting back in."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from knox.models import AuthToken
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import PASSWORD, UserFactory
from ohmycoins.core import clock as system_clock

pytestmark = pytest.mark.django_db


def login(email: str, password: str = PASSWORD) -> APIClient:
    client = APIClient()
    answer = client.post("/api/v1/auth/token", {"email": email, "password": password}, format="json")
    assert answer.status_code == 200, answer.json()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['token']}")
    return client


def test_email_in_any_case_and_password_give_a_token_that_works() -> None:
    user = UserFactory(email="trader@example.com")
    client = login("Trader@Example.com")
    assert client.get("/api/v1/users/me").json()["email"] == user.email
    assert client.get("/api/v1/users/me/").status_code == 200


def test_token_is_stored_hashed() -> None:
    UserFactory(email="a@example.com")
    answer = APIClient().post(
        "/api/v1/auth/token", {"email": "a@example.com", "password": PASSWORD}, format="json"
    )
    row = AuthToken.objects.get()
    assert answer.json()["token"] not in (row.digest, row.token_key)
    assert answer.json()["expires_at"].startswith(f"{system_clock.now() + timedelta(days=30):%Y-%m-%d}")


@pytest.mark.parametrize(
    ("email", "password"), [("a@example.com", "wrong"), ("nobody@example.com", PASSWORD)]
)
def test_wrong_login_is_401_and_does_not_say_which_part_was_wrong(email: str, password: str) -> None:
    UserFactory(email="a@example.com")
    answer = APIClient().post("/api/v1/auth/token", {"email": email, "password": password}, format="json")
    assert answer.status_code == 401
    assert answer.json() == {
        "code": "LOGIN_FAILED",
        "message": "The e-mail address or the password is wrong.",
        "detail": None,
    }


def test_inactive_user_cannot_log_in() -> None:
    UserFactory(email="a@example.com", is_active=False)
    answer = APIClient().post(
        "/api/v1/auth/token", {"email": "a@example.com", "password": PASSWORD}, format="json"
    )
    assert answer.status_code == 401


def test_token_expires() -> None:
    UserFactory(email="a@example.com")
    client = login("a@example.com")
    with time_machine.travel(system_clock.now() + timedelta(days=31)):
        assert client.get("/api/v1/users/me").status_code == 401


def test_revoked_token_stops_working_and_others_go_on() -> None:
    UserFactory(email="a@example.com")
    first, second = login("a@example.com"), login("a@example.com")
    assert first.post("/api/v1/auth/revoke").status_code == 204
    assert first.get("/api/v1/users/me").status_code == 401
    assert second.get("/api/v1/users/me").status_code == 200


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer nonsense", "Bearer a b", "Bearer \xff\xfe", "Basic abc"]
)
def test_malformed_token_is_401_in_the_error_shape(header: str) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    answer = client.get("/api/v1/users/me")
    assert answer.status_code == 401
    assert set(answer.json()) == {"code", "message", "detail"}
    assert answer["WWW-Authenticate"] == "Bearer"


def test_eleventh_login_in_a_minute_is_429_with_retry_after(clock: time_machine.Traveller) -> None:
    client = APIClient()
    body = {"email": "a@example.com", "password": "x"}
    statuses = [client.post("/api/v1/auth/token", body, format="json").status_code for _ in range(10)]
    assert statuses == [401] * 10
    answer = client.post("/api/v1/auth/token", body, format="json")
    assert answer.status_code == 429
    assert answer["Retry-After"] == "60"


def test_password_reset_by_mail_sets_a_new_password_once_and_ends_all_tokens() -> None:
    UserFactory(email="a@example.com")
    old = login("a@example.com")
    assert (
        APIClient().post("/api/v1/auth/password-reset", {"email": "A@example.com"}, format="json").status_code
        == 202
    )
    uid, code = re.findall(r"(?:uid|code): (\S+)", mail.outbox[0].body)
    body = {"uid": uid, "code": code, "password": "new horse battery"}
    assert APIClient().post("/api/v1/auth/password-reset/confirm", body, format="json").status_code == 204
    assert old.get("/api/v1/users/me").status_code == 401
    login("a@example.com", "new horse battery")
    again = APIClient().post("/api/v1/auth/password-reset/confirm", body, format="json")
    assert again.status_code == 400


def test_password_reset_for_a_stranger_answers_the_same_and_mails_nobody() -> None:
    answer = APIClient().post("/api/v1/auth/password-reset", {"email": "x@example.com"}, format="json")
    assert answer.status_code == 202
    assert mail.outbox == []


def test_reset_refuses_a_weak_password_and_changes_nothing() -> None:
    user = UserFactory(email="a@example.com")
    APIClient().post("/api/v1/auth/password-reset", {"email": user.email}, format="json")
    uid, code = re.findall(r"(?:uid|code): (\S+)", mail.outbox[0].body)
    body = {"uid": uid, "code": code, "password": "123"}
    answer = APIClient().post("/api/v1/auth/password-reset/confirm", body, format="json")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("password:")
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)
