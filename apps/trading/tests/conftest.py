"""What the tests of live orders are given: a venue over HTTP, and an account that trades on it."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.trading.models import Account
from apps.trading.tests.live import live_account, sandbox
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
