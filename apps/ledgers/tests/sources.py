"""Serve every simulated source to tests over real HTTP, and point the collectors at them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings

from apps.ledgers.services.control import sync_sources
from ohmycoins.core.sites import Site
from ohmycoins.sandbox.server import Sandbox

SOURCES = {
    "coinspot_prices": "coinspot", "coinspot_depth": "coinspot", "coinspot_announcements": "coinspot_help", "sec_edgar_api": "sec",
    "reddit_api": "reddit", "defillama": "defillama", "cryptopanic": "cryptopanic", "news_rss": "news",
}  # fmt: skip
"""Which of the sandbox's sources each collector reads."""


@contextmanager
def serving() -> Iterator[Sandbox]:
    """Run the sandbox in a thread."""
    with Sandbox(0, seed=42) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def point_at(server: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every collector read the sandbox, as if nobody had read it before."""
    # Budgets are counted by the clock, which stands still here; ohmycoins/tests/test_sites.py tests them.
    monkeypatch.setattr(Site, "_wait_for_our_turn", lambda *_: None)
    for name, value in server.environment().items():
        setattr(settings, name, value.split(",") if name == "NEWS_FEEDS" else value)
    settings.SEC_USER_AGENT = "OhMyCoins tests tests@example.com"
    settings.CRYPTOPANIC_API_KEY = "k3y-of-the-tests"
    settings.REDDIT_CLIENT_ID = settings.REDDIT_CLIENT_SECRET = "tests"
    server.reset()
    client = redis.Redis.from_url(django_settings.REDIS_URL)
    for key in client.scan_iter("omc:*"):
        client.delete(key)
    sync_sources()
