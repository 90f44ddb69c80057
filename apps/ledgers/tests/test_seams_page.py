"""The example in docs/seams.md works as it stands there."""

import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import responses
from django.conf import settings as django_settings
from pytest_django import Settings

from apps.ledgers import collectors, parsers
from apps.ledgers.models import OnChainMetric
from apps.ledgers.services.collect import collect
from apps.ledgers.services.control import sync_sources
from ohmycoins.core import seams
from ohmycoins.schedule import sync_schedules

PAGE = django_settings.BASE_DIR / "docs" / "seams.md"


@pytest.fixture
def fear_index(settings: Settings) -> Iterator[None]:
    """Make the page's two files importable and name the collector in the setting, as the page says."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for package, source in zip((parsers, collectors), blocks, strict=False):
        module = ModuleType(f"{package.__name__}.fear_index")
        sys.modules[module.__name__] = module
        package.fear_index = module  # type: ignore[attr-defined]
        exec(compile(source, str(PAGE), "exec"), module.__dict__)
    settings.COLLECTORS = {"fear_index": "apps.ledgers.collectors.fear_index.FearIndex"}
    seams.load.cache_clear()
    yield
    seams.load.cache_clear()
    for package in (parsers, collectors):
        del sys.modules[f"{package.__name__}.fear_index"], package.fear_index  # type: ignore[attr-defined]


@pytest.mark.django_db
@responses.activate
def test_worked_example_collects_and_a_second_run_stores_nothing(fear_index: None, clock: Any) -> None:
    responses.get("https://example.com/api/index", json={"value": "31", "at": "2026-03-02T12:00:00Z"})
    assert seams.check_seams() == []
    assert sync_sources() == ["fear_index"]
    assert "ledgers.collect:fear_index" in sync_schedules()
    first, second = collect("fear_index"), collect("fear_index")
    assert first is not None
    assert second is not None
    assert (first.status, first.stored, second.stored, second.duplicates) == ("success", 1, 0, 1), first.error
    assert OnChainMetric.objects.get().metric_value == 31
