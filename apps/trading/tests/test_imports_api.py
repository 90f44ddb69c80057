"""`/floor/fills/import` over HTTP, and `manage.py import_fills`."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Account, Event, Fill, Movement
from apps.trading.services.accounts import default_account, open_account
from apps.trading.tests.factories import make_account
from apps.trading.tests.histories import PLAIN
from apps.trading.tests.imports import BOUGHT, SAMPLES, csv, sample, state

pytestmark = pytest.mark.django_db
IMPORT = "/api/v1/floor/fills/import"


def post(api: APIClient, data: bytes | None, query: str = "", **fields: Any) -> Any:
    file = {} if data is None else {"file": SimpleUploadedFile("history.csv", data)}
    return api.post(f"{IMPORT}{query}", {**file, **fields}, format="multipart")


def test_file_is_imported_into_the_default_account_once(api: APIClient, user: User) -> None:
    answer = post(api, sample("plain.csv"))
    assert (answer.status_code, answer.json()) == (200, {"imported": 6, "duplicates": 0, "skipped": 0})
    assert post(api, sample("plain.csv")).json() == {"imported": 0, "duplicates": 6, "skipped": 0}
    assert state(default_account(user))["BTC"].normalize() == state(default_account(user))["BTC"]
    assert Event.objects.get(type="fills.imported").actor == f"user:{user.pk}"


@pytest.mark.parametrize("where", ["query", "form"])
def test_account_is_named_in_the_query_or_the_form(api: APIClient, user: User, where: str) -> None:
    account = make_account(user, cash="5")
    answer = (
        post(api, csv(BOUGHT), f"?account={account.pk}")
        if where == "query"
        else post(api, csv(BOUGHT), account=account.pk)
    )
    assert answer.status_code == 200
    assert state(account) == {"AUD": -80_005, "BTC": 2}


def test_accounts_of_others_are_not_found(api: APIClient) -> None:
    other = make_account()
    for answer in (post(api, csv(BOUGHT), f"?account={other.pk}"), post(api, csv(BOUGHT), account=other.pk)):
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert not Fill.objects.exists()


def test_import_needs_someone_signed_in() -> None:
    assert post(APIClient(), csv(BOUGHT)).status_code == 401


def test_bad_rows_are_listed_by_line(api: APIClient) -> None:
    answer = post(api, csv(BOUGHT, "x,buy,BTC,1,1,0,,", "2025-01-01,buy,BTC,0,1,0,,"))
    assert answer.status_code == 422
    assert answer.json() == {
        "code": "ROWS_REFUSED",
        "message": "2 rows are not accepted; nothing of the file was stored.",
        "detail": {
            "errors": [
                {"line": 3, "message": "time 'x': an ISO 8601 time, such as 2026-03-01T09:30:00Z"},
                {"line": 4, "message": "quantity '0': a number above 0 and below 10^20, with at most 18 decimals"},
            ],
            "error_count": 2,
        },
    }  # fmt: skip
    assert not Fill.objects.exists()
    assert not Movement.objects.filter(venue_ref__isnull=False).exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "file: No file was submitted."),
        (b"", "The file cannot be read: the file is empty"),
        (b"\xff\xfe", "The file cannot be read: byte 0 is not UTF-8"),
        (PLAIN.replace(",", ";").encode(), "semicolons"),
        (b"a,b\n1,2", "the header is of no format that is read"),
        (b"x" * 10_000_001, "The file cannot be read: the file has more than 10,000,000 bytes: split it."),
        (PLAIN.encode() + b"\nx" * 200_001, "the file has more than 200,000 rows: split it"),
    ],
)  # fmt: skip
def test_file_that_cannot_be_read_is_malformed(api: APIClient, data: bytes | None, message: str) -> None:
    answer = post(api, data)
    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert not Fill.objects.exists()


@pytest.mark.parametrize("fields", [{"account": "x"}, {"account": "0"}, {"file": "not a file"}])
def test_malformed_form_is_refused(api: APIClient, fields: dict[str, str]) -> None:
    answer = api.post(
        IMPORT, {"file": SimpleUploadedFile("a.csv", csv(BOUGHT)), **fields}, format="multipart"
    )
    assert answer.status_code == 400
    assert not Fill.objects.exists()


def test_only_a_form_with_a_file_is_taken(api: APIClient) -> None:
    assert api.post(IMPORT, {"file": "x"}, format="json").status_code == 415
    assert api.get(IMPORT).status_code == 405


def run(user: User, path: Path, *options: str) -> str:
    out = StringIO()
    call_command("import_fills", str(path), "--user", user.email.upper(), *options, stdout=out, stderr=out)
    return out.getvalue()


def test_command_imports_and_says_how_much(user: User) -> None:
    account = default_account(user)
    assert run(user, SAMPLES / "plain.csv") == f"{account}: imported 6, duplicates 0, skipped 0\n"
    assert run(user, SAMPLES / "plain.csv") == f"{account}: imported 0, duplicates 6, skipped 0\n"
    assert Event.objects.get(type="fills.imported").actor == "import_fills"


def test_command_imports_into_the_account_with_that_name(user: User) -> None:
    account = open_account(user=user, name="Old trades", venue="paper")
    run(user, SAMPLES / "coinspot_orders.csv", "--account", "Old trades")
    assert set(Fill.objects.values_list("account", flat=True)) == {account.pk}


def test_command_lists_bad_rows_and_fails(user: User, tmp_path: Path) -> None:
    path, out = tmp_path / "bad.csv", StringIO()
    path.write_bytes(csv(*["x,buy,BTC,1,1,0,,"] * 101))
    with pytest.raises(CommandError, match="101 rows are not accepted"):
        call_command("import_fills", str(path), "--user", user.email, stderr=out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "line 2: time 'x': an ISO 8601 time, such as 2026-03-01T09:30:00Z"
    assert (len(lines), lines[-1]) == (101, "and 1 more")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"user": "nobody@example.com"}, "there is no user nobody@example.com"),
        ({"account": "Other"}, "has no account named 'Other'"),
        ({"file": "/nowhere.csv"}, "/nowhere.csv cannot be read: No such file or directory"),
        ({"file": __file__}, "The file cannot be read: "),
    ],
)
def test_command_says_what_it_lacks(user: User, options: dict[str, str], message: str) -> None:
    given = {"file": str(SAMPLES / "plain.csv"), "user": user.email, "account": None} | options
    with pytest.raises(CommandError, match=message):
        call_command("import_fills", given["file"], user=given["user"], account=given["account"])
    assert not Account.objects.filter(fills__isnull=False).exists()


def test_schema_shows_the_file(api: APIClient, client_for: Callable[[User], APIClient]) -> None:
    schema = api.get("/api/v1/schema", {"format": "json"}).json()
    operation = schema["paths"]["/api/v1/floor/fills/import"]["post"]
    assert list(operation["requestBody"]["content"]) == ["multipart/form-data"]


def admin_page(account: Account) -> str:
    return f"/admin/trading/account/{account.pk}/import/"


def test_operator_imports_a_file_on_the_account_s_page(admin_client: Client, admin_user: User) -> None:
    account = make_account()
    assert 'enctype="multipart/form-data"' in admin_client.get(admin_page(account)).content.decode()
    answer = admin_client.post(
        admin_page(account), {"file": SimpleUploadedFile("a.csv", sample("plain.csv"))}, follow=True
    )
    assert "Imported 6, known before 0, skipped 0." in answer.content.decode()
    assert Event.objects.get(type="fills.imported").actor == f"user:{admin_user.pk}"


def test_operator_is_shown_the_bad_rows(admin_client: Client) -> None:
    account = make_account()
    file = SimpleUploadedFile("a.csv", csv(BOUGHT, "x,buy,BTC,1,1,0,,"))
    page = admin_client.post(admin_page(account), {"file": file}).content.decode()
    assert "1 row is not accepted; nothing of the file was stored." in page
    assert "line 3: time" in page
    assert not Fill.objects.exists()


def test_import_on_the_account_s_page_needs_the_permission(client: Client) -> None:
    auditor = UserFactory(is_staff=True)
    auditor.user_permissions.add(Permission.objects.get(codename="view_account"))
    client.force_login(auditor)
    account = make_account()
    assert client.get(admin_page(account)).status_code == 403
    auditor.user_permissions.add(Permission.objects.get(codename="add_fill"))
    assert client.get(admin_page(account)).status_code == 200


def test_documented_example_is_the_sample() -> None:
    document = (settings.BASE_DIR / "docs" / "imports.md").read_text()
    for line in (SAMPLES / "plain.csv").read_text().splitlines():
        assert f"    {line}\n" in document


def test_two_files_at_once_are_refused(api: APIClient) -> None:
    files = [SimpleUploadedFile(f"{name}.csv", csv(BOUGHT)) for name in "ab"]
    answer = api.post(IMPORT, {"file": files}, format="multipart")
    assert (answer.status_code, Fill.objects.exists()) == (400, False)
    assert "One file at a time" in answer.json()["message"]


def test_cash_that_was_received_or_sent_is_a_deposit_or_a_withdrawal(api: APIClient, user: User) -> None:
    rows = (
        "Transaction Date,Type,Coin,Status,Fee,Amount,Address,Txid,Aud",
        "18/02/2025 09:12 AM,Receive,AUD,Completed,0,500,,,500",
        "19/02/2025 09:12 AM,Send,AUD,Completed,1,100,,,100",
    )
    account = make_account(user, cash="10")
    answer = post(api, "\n".join(rows).encode(), f"?account={account.pk}")
    assert answer.json()["imported"] == 2
    assert state(account) == {"AUD": 409}
    assert list(Movement.objects.order_by("pk").values_list("kind", flat=True)) == [
        "opening", "deposit", "withdrawal",
    ]  # fmt: skip
