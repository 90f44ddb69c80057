"""Read SEC's list of a company's filings, `GET /submissions/CIK##########.json`.

Format (sec.gov/edgar/sec-api-documentation; recorded 2023 to 2026): `filings.recent` holds parallel
arrays, newest first; older pages hold the same arrays at top level. `cik` comes padded or not. The
filing date is New York's, and a filing accepted in the evening bears the next business day's.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from apps.ledgers.parsers.pages import load_object
from apps.ledgers.records import EventRecord, Parsed, Reject, UnreadablePage, digest_of

ARCHIVES = "https://www.sec.gov/Archives/edgar/data"
COINS = {
    1679788: ("BTC", "ETH", "USDC"),  # Coinbase
    1050446: ("BTC",),  # Strategy, formerly MicroStrategy
    1507605: ("BTC",),  # MARA
    1167419: ("BTC",),  # Riot
    1512673: ("BTC",),  # Block
}
IMPACTS = {"S-1": 9, "8-K": 8, "10-K": 6, "10-Q": 5, "4": 5}
ARRAYS = ("accessionNumber", "form", "filingDate", "primaryDocument")
EVENINGS = timedelta(days=5)  # a filing before a long weekend may be dated this far ahead
ITEMS = {  # of Form 8-K (sec.gov, Form 8-K, general instructions)
    "1.01": "Entry into a material agreement",
    "1.02": "Termination of a material agreement",
    "1.03": "Bankruptcy or receivership",
    "1.05": "Material cybersecurity incident",
    "2.01": "Completion of acquisition or disposition of assets",
    "2.02": "Results of operations",
    "2.03": "Creation of a direct financial obligation",
    "2.04": "Events that accelerate a financial obligation",
    "2.05": "Costs of exit or disposal",
    "2.06": "Material impairments",
    "3.01": "Notice of delisting",
    "3.02": "Unregistered sales of equity",
    "3.03": "Change of holders' rights",
    "4.01": "Change of accountant",
    "4.02": "Earlier statements are not to be relied on",
    "5.01": "Change of control",
    "5.02": "Change of directors or officers",
    "5.03": "Change of articles or bylaws",
    "5.07": "Votes of security holders",
    "7.01": "Regulation FD disclosure",
    "8.01": "Other events",
    "9.01": "Financial statements and exhibits",
}


def parse(body: bytes, observed_at: datetime, *, about: str) -> Parsed:
    """Give the filings of the forms we watch; `about` is the company's CIK.

    Raises UnreadablePage when the arrays are missing or differ in length.
    """
    page = load_object(body)
    cik = _cik(page.get("cik", about))
    company = str(page.get("name") or f"CIK {cik}").strip()
    records: list[EventRecord] = []
    rejects: list[Reject] = []
    for row in _rows(page):
        if str(row["form"]).removesuffix("/A") not in IMPACTS:
            continue
        try:
            records.append(_event(row, cik, company, observed_at))
        except ValueError as error:
            rejects.append(Reject(str(row["accessionNumber"])[:40], str(error)))
    return Parsed(records=tuple(records), rejects=tuple(rejects))


def older_pages(body: bytes, since: date) -> list[str]:
    """Name the pages that hold filings made on `since` or later. Raises UnreadablePage."""
    filings = load_object(body).get("filings")
    files = filings.get("files") if isinstance(filings, dict) else None
    if not isinstance(files, list):
        raise UnreadablePage("filings.files is missing")
    named = [file for file in files if isinstance(file, dict) and isinstance(file.get("name"), str)]
    return [file["name"] for file in named if str(file.get("filingTo") or "") >= since.isoformat()]


def _rows(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    filings = page.get("filings")
    arrays = filings.get("recent") if isinstance(filings, dict) else page
    if not isinstance(arrays, dict) or not all(isinstance(arrays.get(name), list) for name in ARRAYS):
        raise UnreadablePage(f"the arrays {', '.join(ARRAYS)} are missing")
    names = [
        *ARRAYS,
        *(name for name in ("items", "primaryDocDescription") if isinstance(arrays.get(name), list)),
    ]
    if len({len(arrays[name]) for name in names}) > 1:
        raise UnreadablePage("the arrays differ in length")
    return [
        dict(zip(names, values, strict=True))
        for values in zip(*(arrays[name] for name in names), strict=True)
    ]


def _event(row: Mapping[str, Any], cik: int, company: str, observed_at: datetime) -> EventRecord:
    form, accession, document = str(row["form"]), str(row["accessionNumber"]), str(row["primaryDocument"])
    if not accession.replace("-", "").isdigit():
        raise ValueError("its accession number is not one")
    filed_at = datetime.combine(date.fromisoformat(str(row["filingDate"])), datetime.min.time(), UTC)
    if filed_at > observed_at + EVENINGS:
        raise ValueError(f"filingDate {row['filingDate']} lies in the future")
    items = str(row.get("items") or "")
    title = f"{company}: {'Form ' if form[0] == '4' else ''}{form}"
    return EventRecord(
        occurred_at=min(filed_at, observed_at),
        item=accession,
        digest=digest_of(form, row["filingDate"], document, items, row.get("primaryDocDescription")),
        event_type=f"sec_filing_{form.lower().replace('-', '').replace('/', '_')}",
        title=title,
        description="; ".join(ITEMS.get(code.strip(), f"Item {code.strip()}") for code in items.split(",") if code.strip()),
        source="SEC",
        url=f"{ARCHIVES}/{cik}/{accession.replace('-', '')}/{document}",
        currencies=COINS.get(cik, ()),
        impact_score=IMPACTS[form.removesuffix("/A")],
    )  # fmt: skip


def _cik(given: Any) -> int:
    try:
        return int(given)
    except (TypeError, ValueError) as error:
        raise UnreadablePage(f"cik {str(given)[:20]!r} is not a number") from error
