"""Simulate SEC's `data.sec.gov/submissions` (recorded 2023 to 2026), without any real filing.

Clients that do not say who they are get 403; an unknown company gets S3's 404 in XML.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from random import Random
from typing import Any, Self

from ohmycoins.sandbox.chance import Moment, Stream, dice
from ohmycoins.sandbox.market import Market
from ohmycoins.sandbox.messages import HTML, XML, Answer, Request, as_json, if_changed

FIRST_DAY = datetime(2023, 1, 1, tzinfo=UTC)
RECENT = timedelta(days=365)
EVERY = timedelta(hours=16)  # of which those in office hours count: about one in two days
OFFICE_HOURS = range(11, 23)  # in UTC
LAST_HOUR = 22  # what comes later than half past five in New York bears the next day's date
EMAIL = re.compile(r"\S+@\S+\.\w+")
PAGE = re.compile(r"/submissions/CIK(\d{10})(-submissions-001)?\.json")


@dataclass(frozen=True, slots=True)
class Company:
    """Who files."""

    name: str
    ticker: str
    exchange: str
    state: str
    sic: str


COMPANIES = {
    1679788: Company("Coinbase Global, Inc.", "COIN", "Nasdaq", "DE", "6199"),
    1050446: Company("Strategy Inc", "MSTR", "Nasdaq", "DE", "7372"),
    1507605: Company("MARA Holdings, Inc.", "MARA", "Nasdaq", "NV", "6199"),
    1167419: Company("Riot Platforms, Inc.", "RIOT", "Nasdaq", "NV", "6199"),
    1512673: Company("Block, Inc.", "XYZ", "NYSE", "DE", "7372"),
}
# Form -> (how often, its document, what the document is called)
FORMS = {
    "4": (50, "xslF345X05/wk-form4_{number}.xml", "OWNERSHIP DOCUMENT"),
    "144": (16, "xsl144X01/primary_doc.xml", ""),
    "8-K": (14, "{ticker}-{day}.htm", "8-K"),
    "8-K/A": (2, "{ticker}-{day}xa.htm", "8-K/A"),
    "10-Q": (3, "{ticker}-{day}.htm", "10-Q"),
    "10-K": (1, "{ticker}-{day}.htm", "10-K"),
    "S-1": (1, "{ticker}-s1_{day}.htm", "S-1"),
    "SC 13G": (6, "sc13g_{number}.htm", "SC 13G"),
    "424B5": (7, "{ticker}-424b5_{day}.htm", "424B5"),
}
ITEMS = ("2.02,9.01", "8.01", "7.01,9.01", "5.02", "1.01,2.03,9.01", "5.07", "8.01,9.01")


@dataclass(frozen=True, slots=True)
class Filing:
    """One document handed in."""

    accession: str
    form: str
    accepted_at: datetime
    items: str
    document: str
    description: str
    size: int

    @property
    def filed_on(self) -> date:
        day = self.accepted_at.date()
        if self.accepted_at.hour >= LAST_HOUR:
            day += timedelta(days=3 if day.weekday() == 4 else 1)
        return day

    def restated(self) -> Self:
        return replace(
            self, items="8.01" if self.items else "", description=f"{self.description} CORRECTED".strip()
        )

    def moved(self, by: timedelta) -> Self:
        return replace(self, accepted_at=self.accepted_at + by)


class Sec:
    """Five companies with about three filings a week each."""

    name = "sec"

    def __init__(self, market: Market) -> None:
        self.seed = market.seed

    def answer(self, request: Request) -> Answer | None:
        if not request.path.startswith("/submissions/"):
            return None
        if not EMAIL.search(request.headers.get("user-agent", "")):
            return _undeclared()
        found = PAGE.fullmatch(request.path)
        if not found or int(found[1]) not in COMPANIES:
            return _no_such_key(request.path)
        cik = int(found[1])
        border = datetime.combine(request.now.date(), time(), UTC) - RECENT
        filings = self._filings(cik, request.now)
        recent = [filing for filing in filings if filing.accepted_at >= border]
        older = filings[len(recent) :]
        listed = request.twisted(older if found[2] else recent)
        changed_at = listed[0].accepted_at if listed else FIRST_DAY
        content = _arrays(listed) if found[2] else _profile(cik, listed, older)
        return if_changed(request, as_json(content), changed_at)

    def _filings(self, cik: int, now: datetime) -> list[Filing]:
        moments = Stream(self.seed, f"sec {cik}", EVERY).until(now)
        return [
            self._filing(cik, moment)
            for moment in takewhile(lambda moment: moment.at >= FIRST_DAY, moments)
            if moment.at.weekday() < 5 and moment.at.hour in OFFICE_HOURS
        ]

    def _filing(self, cik: int, moment: Moment) -> Filing:
        throw = dice(self.seed, "filing", cik, moment.number)
        form = _any_form(throw)
        _, document, description = FORMS[form]
        fields = {
            "number": moment.number,
            "day": f"{moment.at:%Y%m%d}",
            "ticker": COMPANIES[cik].ticker.lower(),
        }
        return Filing(
            accession=f"{cik:010}-{moment.at:%y}-{moment.number % 1_000_000:06}",
            form=form,
            accepted_at=moment.at,
            items=throw.choice(ITEMS) if form.startswith("8-K") else "",
            document=document.format_map(fields),
            description=description,
            size=throw.randint(4_000, 9_000_000),
        )


def _any_form(throw: Random) -> str:
    return throw.choices(list(FORMS), [weight for weight, _, _ in FORMS.values()])[0]


def _arrays(filings: list[Filing]) -> dict[str, list[Any]]:
    rows = [_row(filing) for filing in filings]
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}


def _row(filing: Filing) -> dict[str, Any]:
    is_report = filing.form in ("10-Q", "10-K", "8-K")
    return {
        "accessionNumber": filing.accession,
        "filingDate": filing.filed_on.isoformat(),
        "reportDate": filing.accepted_at.date().isoformat() if is_report else "",
        "acceptanceDateTime": f"{filing.accepted_at:%Y-%m-%dT%H:%M:%S}.000Z",
        "act": "34" if is_report else "",
        "form": filing.form,
        "fileNumber": "001-00000" if is_report else "",
        "filmNumber": "",
        "items": filing.items,
        "core_type": filing.form,
        "size": filing.size,
        "isXBRL": int(is_report),
        "isInlineXBRL": int(is_report),
        "primaryDocument": filing.document,
        "primaryDocDescription": filing.description,
    }


def _profile(cik: int, recent: list[Filing], older: list[Filing]) -> dict[str, Any]:
    company = COMPANIES[cik]
    file = {
        "name": f"CIK{cik:010}-submissions-001.json",
        "filingCount": len(older),
        "filingFrom": older[-1].filed_on.isoformat() if older else "",
        "filingTo": older[0].filed_on.isoformat() if older else "",
    }
    return {
        "cik": f"{cik:010}",
        "entityType": "operating",
        "sic": company.sic,
        "sicDescription": "",
        "insiderTransactionForOwnerExists": 0,
        "insiderTransactionForIssuerExists": 1,
        "name": company.name,
        "tickers": [company.ticker],
        "exchanges": [company.exchange],
        "ein": "000000000",
        "lei": None,
        "category": "Large accelerated filer",
        "fiscalYearEnd": "1231",
        "stateOfIncorporation": company.state,
        "phone": None,
        "flags": "",
        "formerNames": [],
        "filings": {"recent": _arrays(recent), "files": [file] if older else []},
    }


def _undeclared() -> Answer:
    title = "SEC.gov | Request Rate Threshold Exceeded"
    page = (
        f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>Undeclared Automated Tool</h1>"
        "<p>Please declare your traffic by a user agent with your name and e-mail address.</p></body></html>\n"
    )
    return Answer(status=403, content_type=HTML, body=page.encode())


def _no_such_key(path: str) -> Answer:
    page = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not'
        f" exist.</Message><Key>{re.sub('[^A-Za-z0-9/.-]', '', path.lstrip('/'))}</Key></Error>"
    )
    return Answer(status=404, content_type=XML, body=page.encode())
