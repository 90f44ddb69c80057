"""What every collector in COLLECTORS must be, whoever wrote it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings

from apps.ledgers.collectors.base import Collector
from apps.ledgers.models import Source
from apps.ledgers.records import UnreadablePage
from ohmycoins.core import seams
from ohmycoins.core.http import Page
from ohmycoins.schedule import _when

APP = Path(__file__).parents[1]
NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(params=sorted(settings.COLLECTORS))
def collector(request: pytest.FixtureRequest) -> Collector:
    return seams.load("COLLECTORS")[request.param]


def test_names_itself_as_the_setting_does(collector: Collector) -> None:
    assert seams.load("COLLECTORS")[collector.slug] is collector
    assert re.fullmatch(r"[a-z0-9_]+", collector.slug)
    assert collector.ledger in Source.Ledger.values


def test_has_its_parser_as_a_twin(collector: Collector) -> None:
    module = type(collector).__module__.rsplit(".", 1)[1]
    assert (APP / "collectors" / f"{module}.py").exists()
    assert (APP / "parsers" / f"{module}.py").exists()


@pytest.mark.django_db
def test_has_a_schedule_that_beat_understands(collector: Collector) -> None:
    _, seconds = _when(collector.schedule)
    assert seconds > 0


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"null", b"\xff"])
def test_refuses_pages_that_are_not_its_source_s(collector: Collector, body: bytes) -> None:
    with pytest.raises(UnreadablePage):
        collector.parse(Page(status=200, headers={}, body=body), NOW)
