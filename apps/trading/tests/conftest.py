"""What tests are given: a venue over HTTP, an account that trades on it, and a rule that does as it is told."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import Cursor

from apps.trading.models import Account
from apps.trading.services import control
from apps.trading.tests.live import live_account, sandbox
from apps.trading.tests.rules import Told, buys
from ohmycoins.core import seams
from ohmycoins.sandbox.server import Sandbox


@pytest.fixture
def server(settings: Any, clock: Any) -> Iterator[Sandbox]:
    """Serve a venue at a clock that stands still."""
    with sandbox(settings) as server:
        yield server


@pytest.fixture
def account(server: Sandbox) -> Account:
    """Give an active live account."""
    return live_account()


@pytest.fixture
def stop_queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the statements that read stops and brakes, as they are run: prepared, they are not in Django's count."""
    run: list[str] = []

    class Counted(Cursor[Any]):
        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            run.append(query)
            return super().execute(query, *args, **kwargs)

    monkeypatch.setattr(control, "Cursor", Counted)
    return run


@pytest.fixture
def told(settings: Any) -> Iterator[type[Told]]:
    """Put a rule among the algorithms that does what a test tells it; it buys if told nothing."""
    settings.ALGORITHMS = settings.ALGORITHMS | {"told": "apps.trading.tests.rules.Told"}
    seams.load.cache_clear()
    yield Told
    Told.does = staticmethod(buys)  # type: ignore[assignment]
    seams.load.cache_clear()
