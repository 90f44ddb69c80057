"""Fill the ledgers, and read what is measured of them."""

from typing import Any

from apps.ledgers.tests.factories import make_event, make_fundamental, make_news, make_price, store_now
from apps.monitoring.models import QualityCheck
from apps.monitoring.services.quality import measure
from ohmycoins.core.clock import now

MINUTE, HOUR = 60, 3600


def fill() -> None:
    """Put something good into every ledger."""
    make_price()
    store_now(make_news())
    store_now(make_event())
    store_now(make_fundamental())


def told(findings: Any) -> dict[str, str]:
    return {finding.key: finding.severity for finding in findings}


def check() -> QualityCheck:
    return measure(now()).check()


def messages(remarks: list[Any]) -> list[str]:
    return [remark["message"] for remark in remarks]
