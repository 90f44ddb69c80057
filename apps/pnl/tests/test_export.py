"""`/floor/pnl/export.csv` and `/floor/pnl/export.xlsx`: the rows of the lists, safe to open in a spreadsheet."""

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.db import OperationalError, connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.pnl.services import export
from apps.pnl.services.export import Column, write_csv, write_xlsx
from apps.pnl.tests.book_factories import record_fill, record_receipt
from apps.trading.models import Account, Fill
from apps.trading.tests.factories import make_account

pytestmark = pytest.mark.django_db
PNL = "/api/v1/floor/pnl"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LISTS = {"matches": "pnl/matches", "lots": "pnl/lots", "trades": "trades", "unmatched": "pnl/unmatched"}
EVIL = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\nx",
    '=HYPERLINK("http://x","y")',
    'plain, "quoted"\nü',
]


@pytest.fixture
def account(user: User, clock: Any) -> Account:
    """Give an account with rows in every list, numbers longer than 15 digits and texts that begin as formulas do."""
    account = make_account(user)
    record_fill(account, quantity=D("3"), price=D("33333.33333333"), algorithm_id=7, ledger="human")
    record_fill(
        account,
        "sell",
        quantity=D("0.123456789012345678"),
        price=D(40000),
        algorithm_id=7,
        executed_at=NOON + timedelta(days=1),
    )
    record_receipt(account, "2", unit_price=None)
    record_fill(account, "sell", coin_type="DOGE", quantity=D(5), executed_at=NOON + timedelta(days=2))
    for text in EVIL:
        record_fill(account, coin_type="ADA", venue_fill_id=text, executed_at=NOON + timedelta(days=3))
    return account


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def read_csv(api: APIClient, query: str = "") -> list[dict[str, str]]:
    answer = api.get(f"{PNL}/export.csv?{query}")
    assert answer.status_code == 200, answer.json()
    return list(csv.DictReader(io.StringIO(body(answer).decode(), newline="")))


def read_xlsx(file: Any) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(file).active
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def exported_xlsx(api: APIClient, query: str = "") -> list[list[Any]]:
    answer = api.get(f"{PNL}/export.xlsx?{query}")
    assert answer.status_code == 200, answer.json()
    return read_xlsx(io.BytesIO(body(answer)))


def screen(api: APIClient, rows: str, query: str = "") -> list[dict[str, Any]]:
    """Give what the list shows, oldest first."""
    return list(reversed(api.get(f"/api/v1/floor/{LISTS[rows]}?{query}").json()["results"]))


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


@pytest.mark.parametrize("rows", LISTS)
def test_csv_has_the_rows_and_fields_of_the_screen_oldest_first(
    api: APIClient, account: Account, rows: str
) -> None:
    shown, lines = screen(api, rows), read_csv(api, f"rows={rows}")
    assert len(shown) >= 1
    assert [list(line) for line in lines] == [list(row) for row in shown]
    for line, row in zip(lines, shown, strict=True):
        expected = {name: as_text(value) for name, value in row.items()}
        if text := expected.get("venue_fill_id"):
            expected["venue_fill_id"] = f"'{text}" if text[0] in "=+-@\t\r\n" else text
        assert line == expected


def test_matches_are_exported_unless_other_rows_are_named(api: APIClient, account: Account) -> None:
    assert read_csv(api) == read_csv(api, "rows=matches")
    assert exported_xlsx(api) == exported_xlsx(api, "rows=matches")


@pytest.mark.parametrize("rows", LISTS)
def test_xlsx_has_the_same_with_real_dates_and_no_digit_lost(
    api: APIClient, account: Account, rows: str
) -> None:
    shown, (head, *lines) = screen(api, rows), exported_xlsx(api, f"rows={rows}")
    names = [name.removesuffix(" (UTC)") for name in head]
    assert names == list(shown[0])
    assert len(lines) == len(shown)
    for line, row in zip(lines, shown, strict=True):
        for name, cell, value in zip(head, line, row.values(), strict=True):
            if name.endswith(" (UTC)"):
                assert cell == datetime.fromisoformat(value).replace(tzinfo=None)
            elif isinstance(value, str) and isinstance(cell, int | float):
                assert D(repr(cell)) == D(value)
            elif isinstance(value, str):
                assert (cell or "").replace("_x000D_", "\r") == value
            else:
                assert cell == value


def test_xlsx_instants_are_dates_and_named_utc(api: APIClient, account: Account) -> None:
    head, *lines = exported_xlsx(api, "rows=matches")
    assert [name for name in head if "UTC" in name] == ["acquired_at (UTC)", "disposed_at (UTC)"]
    assert lines[0][head.index("disposed_at (UTC)")] == (NOON + timedelta(days=1)).replace(tzinfo=None)


def test_long_numbers_are_text_in_xlsx_and_others_numbers(api: APIClient, account: Account) -> None:
    head, first, *_ = exported_xlsx(api, "rows=matches")
    assert first[head.index("quantity")] == "0.123456789012345678"
    assert first[head.index("cost")] == 4115.22630041
    assert isinstance(first[head.index("cost")], float)


def test_formulas_in_texts_stay_text(api: APIClient, account: Account) -> None:
    ids = [line["venue_fill_id"] for line in read_csv(api, "rows=trades&coin_type=ADA")]
    assert ids == [f"'{text}" for text in EVIL[:-1]] + [EVIL[-1]]
    answer = body(api.get(f"{PNL}/export.xlsx?rows=trades&coin_type=ADA"))
    sheet = openpyxl.load_workbook(io.BytesIO(answer)).active
    cells = [row[-1] for row in sheet.iter_rows(min_row=2)]
    assert [cell.value.replace("_x000D_", "\r") for cell in cells] == EVIL
    assert {cell.data_type for cell in cells} == {"s"}
    with zipfile.ZipFile(io.BytesIO(answer)) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")
        assert not [name for name in archive.namelist() if "hyperlink" in name.lower()]


def test_markup_in_texts_stays_text() -> None:
    evil = '<r><t>x</t></r></is></c><c r="B2"><f>1+1</f></c><c r="C2" t="inlineStr"><is><r><t>y</t></r>'
    with write_xlsx([Column("text", str)], [evil, "<b>&amp;</b>"], name="x") as file:
        assert read_xlsx(file) == [["text"], [f"'{evil}"], ["<b>&amp;</b>"]]


def test_negative_numbers_get_no_apostrophe(api: APIClient, user: User, clock: Any) -> None:
    account = make_account(user)
    record_fill(account)
    record_fill(account, "sell", price=D(90), executed_at=NOON + timedelta(days=1))
    (match,) = read_csv(api)
    assert match["realized_pnl"] == "-10"
    head, row = exported_xlsx(api)
    assert row[head.index("realized_pnl")] == -10


@pytest.mark.parametrize(
    ("query", "count"),
    [("rows=trades&side=sell", 2), ("rows=lots&open=false", 0), ("rows=lots&open=true&algorithm_id=7", 1),
     ("rows=matches&algorithm_id=manual", 0), ("rows=trades&start_date=2026-03-03&end_date=2026-03-04", 2),
     ("rows=unmatched&coin_type=doge", 1), ("rows=matches&end_date=2026-03-01", 0)],
)  # fmt: skip
def test_exports_take_the_filters_of_their_list(
    api: APIClient, account: Account, query: str, count: int
) -> None:
    rows = query.split("&")[0].removeprefix("rows=")
    ids = [str(row["id"]) for row in screen(api, rows, query.partition("&")[2])]
    assert [line["id"] for line in read_csv(api, query)] == ids
    assert [str(line[0]) for line in exported_xlsx(api, query)[1:]] == ids
    assert len(ids) == count


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_export_without_rows_is_a_header(api: APIClient, user: User, ending: str, clock: Any) -> None:
    make_account(user)
    answer = api.get(f"{PNL}/export.{ending}?rows=unmatched")
    if ending == "csv":
        assert body(answer) == (
            b"id,coin_type,algorithm_id,quantity,unmatched_quantity,unmatched_proceeds,closed_at,sell_fill_id,movement_id\r\n"
        )
    else:
        assert len(read_xlsx(io.BytesIO(body(answer)))) == 1


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("csv", "text/csv; charset=utf-8"), ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")],
)  # fmt: skip
@pytest.mark.parametrize(
    ("name", "file_name"),
    [("My Paper", "my-paper-lots-2026-03-03"), ('a"/../b\r\n;x', "ab-x-lots-2026-03-03"), ("コイン", "account-{id}-lots-2026-03-03")],
)  # fmt: skip
def test_file_is_named_after_account_rows_and_local_day(
    api: APIClient, user: User, clock: Any, ending: str, kind: str, name: str, file_name: str
) -> None:
    clock.move_to("2026-03-02T13:30:00Z")  # half past midnight in Sydney
    account = make_account(user)
    Account.objects.filter(pk=account.pk).update(name=name, timezone="Australia/Sydney")
    answer = api.get(f"{PNL}/export.{ending}?rows=lots", headers={"accept": kind})
    assert answer.status_code == 200
    body(answer)
    expected = f'attachment; filename="{file_name.format(id=account.pk)}.{ending}"'
    assert (answer["Content-Disposition"], answer["Content-Type"]) == (expected, kind)


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("query", "status", "says"),
    [("rows=everything", 400, "matches, lots, trades, unmatched"), ("rows=matches&side=buy", 400, "side: not"),
     ("rows=trades&open=true", 400, "open: not"), ("start_date=x", 400, "start_date"), ("page_size=5", 400, "page_size: not"),
     ("algorithm_id=x", 400, "manual"), ("account=999999999", 404, "account")],
)  # fmt: skip
@pytest.mark.parametrize("accept", ["text/csv", "text/html", "application/json"])
def test_errors_are_json_whatever_is_accepted(
    api: APIClient, user: User, ending: str, query: str, status: int, says: str, accept: str
) -> None:
    answer = api.get(f"{PNL}/export.{ending}?{query}", headers={"accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
    assert says in answer.json()["message"]


def test_others_accounts_are_404_and_strangers_401(api: APIClient, user: User) -> None:
    other = make_account()
    for ending in ("csv", "xlsx"):
        assert api.get(f"{PNL}/export.{ending}?account={other.pk}").status_code == 404
        assert APIClient().get(f"{PNL}/export.{ending}").status_code == 401


def test_database_that_fails_at_once_is_answered_as_an_error(
    api: APIClient, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise OperationalError("gone")
        yield

    monkeypatch.setattr("django.db.models.query.QuerySet.iterator", failing)
    for ending in ("csv", "xlsx"):
        answer = api.get(f"{PNL}/export.{ending}")
        assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")


def test_more_rows_than_a_sheet_holds_are_refused_before_anything_is_sent(
    api: APIClient, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    lots = len(screen(api, "lots"))
    for place in ("services.export", "api.export_views"):
        monkeypatch.setattr(f"apps.pnl.{place}.MOST_ROWS", lots)
    assert len(exported_xlsx(api, "rows=lots")) == lots + 1
    for place in ("services.export", "api.export_views"):
        monkeypatch.setattr(f"apps.pnl.{place}.MOST_ROWS", lots - 1)
    answer = api.get(f"{PNL}/export.xlsx?rows=lots")
    assert (answer.status_code, answer.json()["code"]) == (422, "TOO_MANY_ROWS")
    assert len(read_csv(api, "rows=lots")) == lots


def test_row_that_comes_while_a_full_sheet_is_written_is_not_lost_silently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export, "MOST_ROWS", 2)
    columns = [Column("number", int)]
    write_xlsx(columns, range(2), name="x").close()
    with pytest.raises(export.TooManyRows):
        write_xlsx(columns, range(3), name="x")


def test_writing_xlsx_leaves_no_file_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with write_xlsx([Column("number", int)], range(5000), name="x"):
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError):
        write_xlsx([Column("number", lambda number: 1 // (3 - number))], range(5000), name="x")
    assert list(tmp_path.iterdir()) == []


def test_queries_do_not_grow_with_rows(
    api: APIClient, user: User, clock: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    account = make_account(user)
    for fills in (3, 30):
        while Fill.objects.count() < fills:
            record_fill(account, "sell" if Fill.objects.count() % 3 == 2 else "buy")
        for rows in LISTS:
            for ending, count in (("csv", 2), ("xlsx", 3)):
                with django_assert_num_queries(count):
                    body(api.get(f"{PNL}/export.{ending}?rows={rows}"))


@pytest.fixture
def long_account(user: User, transactional_db: None) -> Account:
    """Give an account of more rows than are read at once."""
    account = make_account(user)
    Fill.objects.bulk_create(
        Fill(
            account=account, coin_type="BTC", side="buy", quantity=1, price=1, value_aud=1, executed_at=NOON,
            venue_fill_id=str(number),
        )
        for number in range(2 * export.ROWS_AT_ONCE + 1)
    )  # fmt: skip
    return account


def open_cursors() -> list[bool]:
    """Tell of each whether it outlives its transaction, so that a slow reader holds none open."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT is_holdable FROM pg_cursors")
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize("parts", [0, 1])
def test_csv_given_up_halfway_leaves_no_cursor_to_the_garbage_collector(
    api: APIClient, long_account: Account, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    kept = []  # as something in a cycle of references would be

    def keeping(columns: Any, rows: Any) -> Any:
        kept.append(rows)
        return write_csv(columns, rows)

    monkeypatch.setattr("apps.pnl.api.export_views.write_csv", keeping)
    answer = api.get(f"{PNL}/export.csv?rows=trades")
    list(islice(answer, parts))
    assert (len(kept), open_cursors()) == (1, [True])
    answer.close()
    assert open_cursors() == []


def test_xlsx_that_fails_leaves_no_cursor_to_the_garbage_collector(
    api: APIClient, long_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []

    class Kept(export.TooManyRows):
        def __init__(self) -> None:
            super().__init__()
            kept.append(self)  # its traceback has the rows

    monkeypatch.setattr(export, "MOST_ROWS", 5)
    monkeypatch.setattr(export, "TooManyRows", Kept)
    assert api.get(f"{PNL}/export.xlsx?rows=trades").status_code == 422
    assert (len(kept), open_cursors()) == (1, [])


def test_csv_is_given_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    rows = (taken.append(number) or number for number in range(10_000))
    lines = write_csv([Column("number", int)], rows)
    assert (next(lines), len(taken)) == ("number\r\n", 0)
    assert (next(lines).count("\r\n"), len(taken)) == (1000, 1000)


NUMBERS = st.integers(-(10**38), 10**38).flatmap(
    lambda digits: st.integers(0, 18).map(lambda places: D(digits).scaleb(-places))
)


@given(
    numbers=st.lists(
        NUMBERS | st.integers(-(10**17), 10**17).map(lambda number: D(number).scaleb(-8)), min_size=1
    )
)
def test_every_number_is_read_back_from_xlsx_to_the_last_digit(numbers: list[D]) -> None:
    with write_xlsx([Column("number", D)], numbers, name="x") as file:
        _, *cells = read_xlsx(file)
    for (cell,), number in zip(cells, numbers, strict=True):
        assert D(cell if isinstance(cell, str) else repr(cell)) == number
        assert isinstance(cell, str) == (len(number.normalize().as_tuple().digits) > 15)
