"""The simulator: same seed and minute, same market; and what it serves can be collected."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
import requests

from apps.ledgers.models import LatestPrice
from apps.ledgers.services.collect import collect
from apps.ledgers.tests.factories import make_source
from ohmycoins.sandbox.market import BASES, Market
from ohmycoins.sandbox.server import Sandbox

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    server = Sandbox(0, seed=42)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_seed_and_minute_make_the_market() -> None:
    assert Market(1).prices(NOON) == Market(1).prices(NOON + timedelta(seconds=59))
    assert Market(1).prices(NOON) != Market(1).prices(NOON + timedelta(minutes=1))
    assert Market(1).prices(NOON) != Market(2).prices(NOON)


def test_prices_look_real() -> None:
    previous = None
    for minute in range(0, 60 * 24 * 7, 13):
        for coin, tick in Market(42).prices(NOON + timedelta(minutes=minute)).items():
            if tick is None:
                continue
            bid, ask = D(tick.bid), D(tick.ask)
            assert 0 < bid < ask
            assert (ask - bid) / ask < D("0.01"), coin
            assert bid <= D(tick.last) <= ask
        btc = D(Market(42).prices(NOON + timedelta(minutes=minute))["btc"].ask)  # type: ignore[union-attr]
        assert previous is None or abs(btc / previous - 1) < D("0.02")
        previous = btc


@pytest.mark.django_db
def test_collector_stores_what_the_sandbox_serves(sandbox: Sandbox, settings: Any) -> None:
    make_source()
    settings.COINSPOT_URL = sandbox.url
    run = collect("coinspot_prices")
    assert run is not None
    assert (run.status, run.stored, run.unpriced) == ("success", len(BASES) + 1, 1)
    assert set(LatestPrice.objects.in_aud().values_list("coin_type", flat=True)) == set(BASES)


def test_unknown_path_is_the_venue_s_error(sandbox: Sandbox) -> None:
    answer = requests.get(f"{sandbox.url}/pubapi/v2/nope", timeout=5)
    assert (answer.status_code, answer.json()) == (404, {"status": "error", "message": "Not found"})
