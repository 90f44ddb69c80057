"""The tax report over HTTP: JSON, CSV, the page."""

import base64
import csv
import hashlib
import html
import io
import re
import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.pnl.api import tax_views
from apps.pnl.models import TaxRule
from apps.pnl.tax import DISCOUNT_PERCENT
from apps.pnl.templatetags.amounts import cents, less
from apps.pnl.tests.tax_histories import book, fill, history, move, sydney
from apps.trading.models import Account
from apps.trading.tests.factories import make_account
from ohmycoins.core.cells import cell
from ohmycoins.core.reading import one_moment

TAX = "/api/v1/floor/pnl/tax"
FORMS = ["", ".csv", ".html"]


@pytest.fixture
def account(user: User, clock: Any) -> Account:
    """Noon on 2 March 2026: the year 2025-26 has begun and has not ended."""
    return sydney(make_account(user))


@pytest.fixture
def busy(account: Account) -> Account:
    """Give an account with something in every part of the report."""
    fill(account, "buy", "2024-01-10", "1", "1000", fee="1")
    fill(account, "sell", "2024-09-01", "1", "400")
    fill(account, "buy", "2024-10-01", "1", "0.3", coin="ETH")
    fill(account, "sell", "2025-10-02", "0.5", "5000.01", coin="ETH", fee="2.5")
    fill(account, "sell", "2025-10-03", "0.5", "0.1", coin="ETH", kind="donate")
    fill(account, "sell", "2025-10-04", "2", "7", coin="ETH")
    fill(account, "buy", "2025-11-01", "0.25", "80", coin="ADA", kind="staking")
    move(account, "2025-11-02", "3", "10", coin="DOGE")
    fill(account, "sell", "2025-11-03", "3", "9", coin="DOGE")
    book(account)
    return account


def rows_of(answer: Any) -> list[dict[str, str]]:
    body = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(body, newline="")))


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_report_has_every_promised_field(api: APIClient, busy: Account) -> None:
    body = api.get(f"{TAX}/2025-26").json()
    assert {name: body[name] for name in ("estimate", "financial_year", "starts_on", "ends_on", "timezone", "as_of", "complete")} == {
        "estimate": True, "financial_year": "2025-26", "starts_on": "2025-07-01", "ends_on": "2026-06-30",
        "timezone": "Australia/Sydney", "as_of": "2026-03-02T12:00:00Z", "complete": False,
    }  # fmt: skip
    assert "not tax advice" in body["disclaimer"]
    assert body["account"] == busy.pk
    first = body["disposals"][0]
    assert first.pop("buy_fill_id") < first.pop("sell_fill_id")
    assert first == {
        "coin_type": "ETH", "kind": "trade", "quantity": "0.5", "acquired_on": "2024-10-01", "disposed_on": "2025-10-02",
        "acquired_by": "trade", "cost_base": "0.15", "proceeds": "2497.505", "gain": "2497.355", "held_over_12_months": True,
        "discount_eligible": True, "cost_unknown": False,
    }  # fmt: skip
    assert [(row["kind"], row["gain"]) for row in body["disposals"]] == [
        ("trade", "2497.355"), ("donate", "-0.1"), ("trade", "-3"),
    ]  # fmt: skip
    assert [(row["quantity"], row["proceeds"]) for row in body["unmatched_sales"]] == [("2", "14")]
    income = body["income"]
    assert (income["total"], [kind["kind"] for kind in income["by_kind"]]) == ("20", ["staking"])
    assert [row["value_aud"] for row in income["received"]] == ["20"]
    # 601 lost in 2024-25, 3.1 in the year: 2,497.355 − 604.1 = 1,893.255, of which half is taxed.
    assert body["totals"] == {
        "proceeds": "2524.555", "cost_base": "30.3", "discountable_gains": "2497.355", "other_gains": "0",
        "gross_gains": "2497.355", "losses": "3.1", "losses_carried_in": "601", "losses_used": "3.1",
        "carried_in_used": "601", "gains_after_losses": "1893.255", "discount": "946.6275",
        "net_capital_gain": "946.6275", "losses_carried_forward": "0", "income": "20", "unmatched_proceeds": "14",
    }  # fmt: skip
    assert body["losses_carried_forward"] == "0"
    (earlier,) = body["earlier_years"]
    assert (earlier["financial_year"], earlier["totals"]["losses_carried_forward"]) == ("2024-25", "601")
    assert [(rule["name"], rule["value"], rule["effective_from"], rule["effective_to"]) for rule in body["rules"]] == [
        ("cgt_discount_percent", "50", "1999-09-21", None), ("cgt_holding_months", "12", "1999-09-21", None),
        ("losses_before_discount", "1", "1999-09-21", None),
    ]  # fmt: skip
    assert "s 115-100" in body["rules"][0]["source"]
    assert [warning["code"] for warning in body["warnings"]] == ["COST_UNKNOWN", "UNMATCHED_SALES"]
    assert len(body["notes"]) > 4


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "year", ["2025", "2025-27", "2025-2026", "latest", "0000-01", "9999-00", "2025-26.xml"]
)
def test_bad_year_is_a_400_that_names_the_form(
    api: APIClient, account: Account, year: str, form: str
) -> None:
    answer = api.get(f"{TAX}/{year}{form}", headers={"accept": "text/html"} if form else {})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID")
    assert "is not a financial year, such as 2025-26" in answer.json()["message"]


@pytest.mark.parametrize("form", FORMS)
def test_year_to_come_is_a_422(api: APIClient, account: Account, form: str) -> None:
    answer = api.get(f"{TAX}/2026-27{form}")
    assert (answer.status_code, answer.json()["code"]) == (422, "FUTURE_YEAR")
    assert "2026-27 begins on 2026-07-01" in answer.json()["message"]


@pytest.mark.parametrize("form", FORMS)
def test_report_is_the_owner_s_alone(
    api: APIClient, busy: Account, client_for: Callable[[User], APIClient], form: str
) -> None:
    url = f"{TAX}/2025-26{form}?account={busy.pk}"
    assert api.get(url).status_code == 200
    assert client_for(UserFactory(is_staff=True, is_superuser=True)).get(url).status_code == 404
    assert APIClient().get(url).status_code == 401


@pytest.mark.parametrize("form", FORMS)
def test_account_parameter_chooses_the_account(api: APIClient, busy: Account, form: str) -> None:
    other = make_account(busy.user, cash="5")
    history(other, ("buy", "2025-08-01", "1", "777.25"), ("sell", "2025-08-02", "1", "777.25"))
    answers = [api.get(f"{TAX}/2025-26{form}/?account={pk}") for pk in (busy.pk, other.pk)]
    assert [b"777.25" in answer.getvalue() for answer in answers] == [False, True]


@pytest.mark.parametrize("form", FORMS)
def test_query_count_does_not_grow_with_the_history(api: APIClient, account: Account, form: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert len(api.get(f"{TAX}/2025-26{form}").getvalue()) > 100
        return len(captured)

    history(account, ("buy", "2024-08-01", "100", "100"), ("sell", "2025-08-02", "1", "120"))
    few = queries()
    rows = [
        ("sell", f"{year}-{month:02}-03", "1", "130") for year in (2024, 2025) for month in (9, 10, 11, 12)
    ]
    history(account, *rows * 5, ("sell", "2025-12-05", "900", "7"))
    for number in range(30):
        fill(account, "buy", "2025-09-01", "1", "3", kind="staking", coin=f"S{number}")
    book(account)
    assert queries() == few
    assert few <= 16


# CSV


@pytest.mark.parametrize("accept", ["*/*", "text/csv", "text/html", "application/json"])
def test_csv_says_what_json_says(api: APIClient, busy: Account, accept: str) -> None:
    body = api.get(f"{TAX}/2025-26").json()
    answer = api.get(f"{TAX}/2025-26.csv", headers={"accept": accept})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert (
        answer["Content-Disposition"] == f'attachment; filename="tax-estimate-2025-26-account-{busy.pk}.csv"'
    )
    rows = rows_of(answer)
    assert next(iter(rows[0])) == "estimate"
    assert {row["estimate"] for row in rows} == {"Estimate"}
    sections: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        sections.setdefault(row["section"], []).append(row)

    def as_csv(value: Any) -> str:
        return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)

    assert [{name: row[name] for name in body["disposals"][0]} for row in sections["disposal"]] == [
        {name: as_csv(value) for name, value in row.items()} for row in body["disposals"]
    ]
    assert {row["kind"]: row["amount"] for row in sections["total"]} == body["totals"]
    assert [row["proceeds"] for row in sections["unmatched_sale"]] == ["14"]
    assert [row["amount"] for row in sections["income"]] == ["20"]
    assert [(row["kind"], row["amount"]) for row in sections["carried_from"]] == [("2024-25", "601")]
    assert [row["kind"] for row in sections["rule"]] == [rule["name"] for rule in body["rules"]]
    assert [row["note"] for row in sections["warning"]] == [
        warning["message"] for warning in body["warnings"]
    ]
    assert (sections["report"][0]["kind"], "The year has not ended" in sections["report"][0]["note"]) == (
        "2025-26",
        True,
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"), ("\r=1", "'\r=1"),
        ("BTC", "BTC"), ("", ""), (D("-1.50"), "-1.5"), (-7, "-7"), (None, ""), (False, "false"), (date(2026, 1, 2), "2026-01-02"),
    ],
)  # fmt: skip
def test_cell_of_text_is_never_a_formula_and_numbers_stay_numbers(value: Any, written: str) -> None:
    assert cell(value) == written


def test_negative_amounts_in_the_csv_are_numbers(api: APIClient, busy: Account) -> None:
    gains = [row["gain"] for row in rows_of(api.get(f"{TAX}/2025-26.csv")) if row["section"] == "disposal"]
    assert [D(gain) for gain in gains] == [D("2497.355"), D("-0.1"), D(-3)]


def test_csv_has_the_rows_that_json_and_page_leave_out(
    api: APIClient, busy: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tax_views, "JSON_ROWS", 1)
    monkeypatch.setattr(tax_views, "PAGE_ROWS", 2)
    body = api.get(f"{TAX}/2025-26").json()
    assert (len(body["disposals"]), body["totals"]["proceeds"]) == (1, "2524.555")
    assert body["warnings"][-1]["code"] == "NOT_ALL_LISTED"
    page = text(api.get(f"{TAX}/2025-26.html"))
    assert "Only the first 2 rows of each list are here" in page
    rows = rows_of(api.get(f"{TAX}/2025-26.csv"))
    assert sum(row["section"] == "disposal" for row in rows) == 3
    assert "NOT_ALL_LISTED" not in {row["kind"] for row in rows}


# The page


def test_page_opens_in_a_browser_that_is_signed_in(busy: Account) -> None:
    browser = Client()
    browser.force_login(busy.user)
    answer = browser.get(
        f"{TAX}/2025-26.html", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    )
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text(answer)))
    for said in (
        "Estimate This is an estimate", "Capital gains 2025-26", "1 July 2025 to 30 June 2026, days of Australia/Sydney",
        "The year has not ended", "less losses carried in, of 601.00 −601.00", "less the discount −946.63",
        "Net capital gain 946.63", "2 Oct 2025 ETH trade 0.5 1 Oct 2024 0.15 2,497.50 2,497.36 over, discount",
        "donate 0.5 1 Oct 2024 0.15 0.05 −0.10", "not given", "Sales that no purchase explains", "staking 1 20.00",
        "s 115-100", "personal use assets", "2024-25", "Estimate. Capital gains 2025-26 of account",
    ):  # fmt: skip
        assert said in page


def test_page_loads_nothing_and_runs_nothing(api: APIClient, busy: Account) -> None:
    answer = api.get(f"{TAX}/2025-26.html")
    page = text(answer)
    assert not re.search(r"<script|<link|<img|<iframe|\son\w+=|\sstyle=|src=|https?:|@import|url\(", page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert answer["Content-Security-Policy"].startswith(f"default-src 'none'; style-src 'sha256-{digest}';")


def test_every_printed_page_says_that_it_is_an_estimate(api: APIClient, busy: Account) -> None:
    page = text(api.get(f"{TAX}/2025-26.html"))
    margins = re.findall(r'@(top|bottom)-\w+ \{ content: "Estimate', page)
    assert margins == ["top", "bottom"]
    for table in re.findall(r"<h2>(?:Disposals|Sales that|Coins received, one).*?</thead>", page, re.DOTALL):
        assert ">Estimate<" in table


def test_what_people_wrote_is_escaped_on_the_page_and_harmless_in_the_csv(
    api: APIClient, busy: Account
) -> None:
    evil = '=HYPERLINK("http://evil") <script>alert(1)</script>'
    Account.objects.filter(pk=busy.pk).update(name="<b>mine</b>")
    TaxRule.objects.create(
        name=DISCOUNT_PERCENT, value=50, effective_from="2025-07-01", source=evil, added_by="tests"
    )
    page = text(api.get(f"{TAX}/2025-26.html"))
    assert html.escape(evil) in page.replace("&#x27;", "'")
    assert "<script" not in page
    assert "<b>mine" not in page
    notes = [row["note"] for row in rows_of(api.get(f"{TAX}/2025-26.csv")) if row["section"] == "rule"]
    assert notes[-1] == f"from 2025-07-01: {evil}"


@pytest.mark.parametrize(
    ("amount", "shown", "taken_off"),
    [
        ("0", "0.00", "0.00"), ("1234567.891", "1,234,567.89", "−1,234,567.89"), ("0.005", "0.00", "0.00"),
        ("0.015", "0.02", "−0.02"), ("0.025", "0.02", "−0.02"), ("-0.004", "0.00", "0.00"), ("-1234.5", "−1,234.50", "1,234.50"),
    ],
)  # fmt: skip
def test_cents_are_rounded_half_to_even_for_people(amount: str, shown: str, taken_off: str) -> None:
    assert (cents(D(amount)), less(D(amount))) == (shown, taken_off)


# One moment


@pytest.mark.django_db(transaction=True)
def test_reading_at_one_moment_sees_nothing_newer_and_refuses_to_write() -> None:
    def add() -> None:
        TaxRule.objects.create(
            name=DISCOUNT_PERCENT, value=1, effective_from="2026-01-01", source="a test", added_by="tests"
        )

    def add_elsewhere() -> None:
        add()
        connection.close()

    before = TaxRule.objects.count()
    with one_moment():
        assert TaxRule.objects.count() == before
        thread = threading.Thread(target=add_elsewhere)
        thread.start()
        thread.join()
        assert TaxRule.objects.count() == before
    assert TaxRule.objects.count() == before + 1
    with pytest.raises(DatabaseError, match="read-only"), one_moment():
        add()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", FORMS)
def test_report_is_read_outside_any_other_transaction(form: str) -> None:
    """As in production: reading begins its own transaction."""
    user = UserFactory()
    history(make_account(user), ("buy", "2024-08-01", "1", "100"), ("sell", "2025-08-02", "1", "120"))
    api = APIClient()
    api.force_authenticate(user)
    answer = api.get(f"{TAX}/2025-26{form}")
    assert (answer.status_code, b"2025-08-02" in answer.getvalue() or b"2 Aug 2025" in answer.getvalue()) == (
        200,
        True,
    )
