"""What every test gets: no way to the outside, an empty cache, a clock it can set."""

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Stop
from ohmycoins.core import sites

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@receiver(post_migrate)
def restore_the_stop(**_: Any) -> None:
    """Put back the one row that a migration brings: tests with transactions of their own empty every table."""
    if "trading_stop" in connection.introspection.table_names():
        Stop.objects.get_or_create(
            scope=Stop.Scope.GLOBAL, defaults={"state": "active", "changed_by": "tests"}
        )


@pytest.fixture(autouse=True)
def no_outside_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave the machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise RuntimeError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask a source again at once."""
    monkeypatch.setattr(sites, "BACKOFF_SECONDS", 0.0)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Stop the clock at noon UTC on 2 March 2026; `clock.shift(seconds)` moves it."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def user(db: None) -> User:
    return UserFactory()


@pytest.fixture
def client_for() -> Callable[[User], APIClient]:
    """Give an API client that a user is signed in with."""

    def make(user: User) -> APIClient:
        client = APIClient()
        client.force_authenticate(user)
        return client

    return make


@pytest.fixture
def api(user: User, client_for: Callable[[User], APIClient]) -> APIClient:
    """Give an API client of `user`."""
    return client_for(user)
