"""SEC's filings: parallel arrays, old pages, amendments, and what is not a list of filings."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from apps.ledgers.parsers.sec_edgar_api import older_pages, parse
from apps.ledgers.records import UnreadablePage
from apps.ledgers.tests.shared import SHARED, needs_shared

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def filings(*rows: tuple[str, str, str, str, str]) -> dict[str, Any]:
    """Give the parallel arrays of (accession, form, date, document, items)."""
    names = ("accessionNumber", "form", "filingDate", "primaryDocument", "items")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def company(cik: object = "0001679788", *rows: tuple[str, str, str, str, str], **more: Any) -> bytes:
    return json.dumps(
        {"cik": cik, "name": "Coinbase Global, Inc.", "filings": {"recent": filings(*rows), "files": []}}
        | more
    ).encode()


EIGHT_K = ("0001679788-26-000012", "8-K", "2026-02-27", "coin-20260227.htm", "2.02,9.01")


def test_filing_becomes_an_event_that_opens_the_document() -> None:
    (event,) = parse(company("0001679788", EIGHT_K), NOW, about="1679788").records
    assert event.item == "0001679788-26-000012"
    assert (event.event_type, event.impact_score) == ("sec_filing_8k", 8)
    assert event.title == "Coinbase Global, Inc.: 8-K"
    assert event.description == "Results of operations; Financial statements and exhibits"
    assert event.url == "https://www.sec.gov/Archives/edgar/data/1679788/000167978826000012/coin-20260227.htm"
    assert event.currencies == ("BTC", "ETH", "USDC")
    assert event.occurred_at == datetime(2026, 2, 27, tzinfo=UTC)


@pytest.mark.parametrize("cik", ["1679788", "0001679788", 1679788])
def test_cik_is_the_same_padded_or_not(cik: object) -> None:
    (event,) = parse(company(cik, EIGHT_K), NOW, about="1").records
    assert "/1679788/" in event.url


@pytest.mark.parametrize(
    ("form", "event_type", "impact"),
    [
        ("S-1", "sec_filing_s1", 9), ("S-1/A", "sec_filing_s1_a", 9), ("8-K", "sec_filing_8k", 8),
        ("8-K/A", "sec_filing_8k_a", 8), ("10-K", "sec_filing_10k", 6), ("10-Q/A", "sec_filing_10q_a", 5),
        ("4", "sec_filing_4", 5), ("4/A", "sec_filing_4_a", 5),
    ],
)  # fmt: skip
def test_form_says_type_and_impact(form: str, event_type: str, impact: int) -> None:
    row = ("0001-26-1", form, "2026-02-27", "doc.xml", "")
    (event,) = parse(company("1", row), NOW, about="1").records
    assert (event.event_type, event.impact_score) == (event_type, impact)


@pytest.mark.parametrize("form", ["144", "SC 13G", "424B5", "DEFA14A", "40-F", "S-1MEF", "3"])
def test_other_forms_are_left_out(form: str) -> None:
    assert parse(company("1", ("1-2-3", form, "2026-02-27", "x.htm", "")), NOW, about="1").records == ()


def test_evening_filing_dated_the_next_business_day_occurred_by_now() -> None:
    row = ("0001-26-1", "8-K", "2026-03-03", "x.htm", "8.01")
    (event,) = parse(company("1", row), NOW, about="1").records
    assert event.occurred_at == NOW


def test_bad_filings_are_named_and_do_not_lose_the_others() -> None:
    rows = [
        EIGHT_K,
        ("nonsense", "8-K", "2026-02-27", "x.htm", ""),
        ("0001-26-2", "8-K", "yesterday", "x.htm", ""),
        ("0001-26-3", "8-K", "2027-02-27", "x.htm", ""),
    ]
    parsed = parse(company("1", *rows), NOW, about="1")
    assert len(parsed.records) == 1
    assert [reject.item for reject in parsed.rejects] == ["nonsense", "0001-26-2", "0001-26-3"]
    assert "lies in the future" in parsed.rejects[2].reason


def test_company_without_filings_has_none() -> None:
    assert parse(company(), NOW, about="1679788").records == ()


def test_arrays_of_different_length_are_unreadable() -> None:
    arrays = filings(EIGHT_K) | {"items": []}
    with pytest.raises(UnreadablePage, match="differ in length"):
        parse(json.dumps({"cik": "1", "filings": {"recent": arrays}}).encode(), NOW, about="1")


def test_changed_filing_has_another_digest() -> None:
    (before,) = parse(company("1", EIGHT_K), NOW, about="1").records
    (after,) = parse(company("1", (*EIGHT_K[:4], "2.02")), NOW, about="1").records
    assert before.item == after.item
    assert before.digest != after.digest


def test_older_pages_are_those_that_reach_back_far_enough() -> None:
    files = [
        {"name": "CIK1-submissions-001.json", "filingFrom": "2018-01-01", "filingTo": "2020-05-01"},
        {"name": "CIK1-submissions-002.json", "filingFrom": "2010-01-01", "filingTo": "2017-12-31"},
    ]
    body = json.dumps({"filings": {"recent": filings(), "files": files}}).encode()
    assert older_pages(body, date(2019, 1, 1)) == ["CIK1-submissions-001.json"]
    assert len(older_pages(body, date(2017, 12, 31))) == 2


@needs_shared
def test_recorded_companies_give_what_a_reader_would_find() -> None:
    folder = SHARED / "sec"
    tesla = parse((folder / "submissions_CIK0001318605_tesla.json").read_bytes(), NOW, about="1318605")
    assert tesla.rejects == ()
    forms = [event.event_type for event in tesla.records]
    assert (forms.count("sec_filing_4"), forms.count("sec_filing_8k"), forms.count("sec_filing_10q")) == (
        458,
        126,
        24,
    )
    assert tesla.records[0].url == (
        "https://www.sec.gov/Archives/edgar/data/1318605/000110465926021746/xslF345X05/tm267481-1_4seq1.xml"
    )
    older = parse(
        (folder / "submissions_CIK0001318605-submissions-001.json").read_bytes(), NOW, about="1318605"
    )
    assert (len(older.records) > 400, older.rejects) == (True, ())
    person = parse((folder / "submissions_CIK0001771340_person_91_filings.json").read_bytes(), NOW, about="1")
    assert {event.event_type for event in person.records} <= {"sec_filing_4", "sec_filing_4_a"}
    empty = parse((folder / "submissions_CIK0000350001_no_filings.json").read_bytes(), NOW, about="350001")
    assert empty.records == ()


@needs_shared
@pytest.mark.parametrize("name", ["submissions_invalid_cik_404.xml", "getcurrent_past_the_end_503.html"])
def test_recorded_error_pages_are_unreadable(name: str) -> None:
    with pytest.raises(UnreadablePage):
        parse((SHARED / "sec" / name).read_bytes(), NOW, about="1")
