"""What outsiders meet first: error pages, docs, the admin, limits."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import path
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from ohmycoins import urls
from ohmycoins.core.api.throttles import MinuteThrottle

pytestmark = pytest.mark.django_db
SHAPE = {"code", "message", "detail"}


def _explode(request: Any) -> None:
    secret = "api-secret-123"  # noqa: F841
    raise RuntimeError("boom")


@pytest.fixture
def exploding(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.ROOT_URLCONF = type(
        "Urls", (), {**{name: getattr(urls, name) for name in dir(urls) if name.startswith("handler")},
                     "urlpatterns": [path("api/v1/boom", _explode), path("admin/boom", _explode)]},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "where", "status"),
    [("get", "/nope", 404), ("get", "/api/v1/nope/", 404), ("delete", "/api/v1/users/me", 405), ("get", "/api/v1/users/me", 401),
     ("get", "/api/v1/floor/orders/999", 404), ("get", "/api/v1/floor/orders/" + "9" * 30, 404)],
)  # fmt: skip
def test_every_error_is_json_in_one_shape(
    method: str, where: str, status: int, client_for: Callable[[User], APIClient]
) -> None:
    client = APIClient() if status == 401 else client_for(UserFactory())
    answer = getattr(client, method)(where)
    assert answer.status_code == status
    assert set(answer.json()) == SHAPE


def test_unforeseen_error_is_a_500_without_a_traceback(exploding: None) -> None:
    client = Client(raise_request_exception=False)
    answer = client.get("/api/v1/boom")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    page = client.get("/admin/boom")
    assert page.status_code == 500
    for body in (answer.content, page.content):
        assert not re.search(rb"boom|Traceback|api-secret", body.replace(b"/admin/boom", b""))


def test_wrong_host_is_a_400_in_the_error_shape() -> None:
    answer = Client(raise_request_exception=False).get("/api/v1/users/me", headers={"host": "evil.example"})
    assert (answer.status_code, set(answer.json())) == (400, SHAPE)


def test_wrong_media_type_is_415(api: APIClient) -> None:
    answer = api.post("/api/v1/floor/orders", "<x/>", content_type="text/xml")
    assert (answer.status_code, set(answer.json())) == (415, SHAPE)


def test_schema_is_valid_and_names_every_path() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file="/dev/null")
    schema = APIClient().get("/api/v1/schema", headers={"accept": "application/json"}).json()
    assert schema["openapi"].startswith("3.")
    for where in (
        "auth/token",
        "users/me",
        "collectors",
        "ledgers/exchange/prices",
        "ledgers/exchange/depth",
        "floor/orders",
        "floor/pnl/summary",
    ):
        assert f"/api/v1/{where}" in schema["paths"], sorted(schema["paths"])


def test_docs_need_nothing_from_outside() -> None:
    page = Client().get("/api/v1/docs").content.decode()
    assert "swagger" in page
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)


def test_browsable_api_is_for_signed_in_people_and_needs_nothing_from_outside(client: Client) -> None:
    client.force_login(UserFactory())
    page = client.get("/api/v1/floor/accounts", headers={"accept": "text/html"}).content.decode()
    assert "Paper" in page
    assert not re.search(r"""(src)=["'](https?:)?//""", page)


def test_session_login_needs_the_csrf_token() -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(UserFactory())
    answer = client.post("/api/v1/floor/accounts", {"name": "x"}, format="json")
    assert (answer.status_code, set(answer.json())) == (403, SHAPE)


ADMIN_PAGES = [
    "", "accounts/user/", "accounts/user/add/", "auth/group/", "knox/authtoken/", "ledgers/source/",
    "ledgers/collectionrun/", "ledgers/price/", "ledgers/latestprice/", "ledgers/depth/", "ledgers/latestdepth/", "trading/account/", "trading/order/",
    "trading/fill/", "pnl/lot/", "pnl/match/", "pnl/closing/", "pnl/position/", "pnl/dailytotal/",
    "pnl/bookingfailure/", "django_celery_beat/periodictask/", "django_celery_beat/periodictask/add/",
    "django_celery_beat/crontabschedule/", "django_celery_beat/intervalschedule/",
]  # fmt: skip


@pytest.mark.parametrize("where", ADMIN_PAGES)
def test_admin_page_opens(admin_client: Client, where: str) -> None:
    assert admin_client.get(f"/admin/{where}").status_code == 200


def test_admin_sends_strangers_to_its_login(client: Client) -> None:
    assert client.get("/admin/trading/order/").status_code == 302
    client.force_login(UserFactory())
    assert client.get("/admin/trading/order/").status_code == 302


def test_caller_over_the_limit_gets_429_with_retry_after(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MinuteThrottle, "limit", 3)
    statuses = [api.get("/api/v1/users/me").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    answer = api.get("/api/v1/users/me")
    assert set(answer.json()) == SHAPE
    assert 0 < int(answer["Retry-After"]) <= 61


def test_limit_fails_open_when_redis_is_down(
    api: APIClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MinuteThrottle, "limit", 0)
    assert api.get("/api/v1/users/me").status_code == 429
    dead = settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": dead}
    assert api.get("/api/v1/users/me").status_code == 200
