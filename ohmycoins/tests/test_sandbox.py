"""The simulator: the same seed and time give the same bytes, and what it serves can be collected."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
import requests
import time_machine

from apps.ledgers.models import LatestPrice
from apps.ledgers.services.collect import collect
from apps.ledgers.tests.factories import make_source
from ohmycoins.sandbox.market import BASES, Market
from ohmycoins.sandbox.phrases.news import NEWS
from ohmycoins.sandbox.server import Sandbox, environment
from ohmycoins.sandbox.stories import Writer

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY_SECONDS = 86_400
AGENT = {"User-Agent": "ohmycoins tests test@example.com"}
ARTICLES = "/api/v2/help_center/en-us/articles.json?sort_by=created_at&sort_order=desc&per_page=100"
PATHS = (
    "/pubapi/v2/latest", "/pubapi/v2/orders/open/btc", ARTICLES, "/hc/en-us/categories/360000000000-announcements", "/submissions/CIK0001679788.json",
    "/submissions/CIK0001050446-submissions-001.json", "/r/Bitcoin/hot.json?limit=25&raw_json=1", "/r/altcoin/hot.rss",
    "/tvl/aave", "/summary/fees/lido?dataType=dailyFees", "/v2/chains", "/v2/historicalChainTvl/Solana", "/protocol/gmx",
    "/api/free/v1/posts/?auth_token=k", "/api/developer/v2/posts/?auth_token=k", "/feeds/decrypt.xml",
)  # fmt: skip


@pytest.fixture
def sandbox(clock: time_machine.Traveller) -> Iterator[Sandbox]:
    with Sandbox(0, seed=42) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def get(sandbox: Sandbox, path: str, **headers: str) -> requests.Response:
    return requests.get(sandbox.url + path, headers={**AGENT, **headers}, timeout=5)


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


def test_stories_sound_like_the_market_on_average() -> None:
    market = Market(42)
    stories = Writer(market, "anyone", timedelta(hours=2), NEWS, ("SOL",)).since(
        NOON - timedelta(days=60), NOON
    )
    rises = {
        tone: [market.change("SOL", story.at) > 0 for story in stories if story.tone == tone]
        for tone in (-1, 0, 1)
    }
    assert sum(map(len, rises.values())) == 720
    assert all(len(rose) > 100 for rose in rises.values())
    assert sum(rises[-1]) / len(rises[-1]) < 0.45 < 0.55 < sum(rises[1]) / len(rises[1])


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


@pytest.mark.parametrize("path", PATHS)
def test_same_seed_and_time_give_the_same_bytes(
    sandbox: Sandbox, clock: time_machine.Traveller, path: str
) -> None:
    with Sandbox(0, seed=42) as twin, Sandbox(0, seed=43) as stranger:
        for server in (twin, stranger):
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        first, again, other = (
            get(server, path).content.replace(server.url.encode(), b"")
            for server in (sandbox, twin, stranger)
        )
        for server in (twin, stranger):
            server.shutdown()
    assert first == again
    assert first != other
    clock.shift(7 * DAY_SECONDS)
    assert get(sandbox, path).content.replace(sandbox.url.encode(), b"") != first


@pytest.mark.parametrize("path", ["/feeds/coindesk.xml", "/submissions/CIK0001679788.json", ARTICLES])
def test_unchanged_page_is_a_304(sandbox: Sandbox, clock: time_machine.Traveller, path: str) -> None:
    first = get(sandbox, path)
    tag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    for condition in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"x", W/{tag}'},
        {"If-Modified-Since": modified},
    ):
        again = get(sandbox, path, **condition)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    for condition in (
        {"If-None-Match": '"x"', "If-Modified-Since": modified},
        {"If-Modified-Since": "nonsense"},
    ):
        assert get(sandbox, path, **condition).content == first.content
    clock.shift(10 * DAY_SECONDS)
    assert get(sandbox, path, **{"If-None-Match": tag, "If-Modified-Since": modified}).status_code == 200


def test_new_items_appear_and_old_ones_stay_the_same(sandbox: Sandbox, clock: time_machine.Traveller) -> None:
    def titles() -> dict[int, str]:
        pages = [get(sandbox, f"/api/v1/posts/?auth_token=k&page={number}").json() for number in (1, 2)]
        posts = [post for page in pages for post in page["results"]]
        return {post["id"]: post["title"] for post in posts}

    before = titles()
    clock.shift(3600)
    after = titles()
    assert 8 <= len({*after} - {*before}) <= 12
    assert all(before[identity] == after[identity] for identity in {*before} & {*after})


def test_environment_points_every_source_at_the_sandbox(sandbox: Sandbox) -> None:
    names = ("COINSPOT", "COINSPOT_HELP", "SEC", "REDDIT", "REDDIT_OAUTH", "DEFILLAMA", "CRYPTOPANIC")
    given = sandbox.environment()
    assert given == environment(sandbox.url)
    assert given == dict.fromkeys((f"{name}_URL" for name in names), sandbox.url) | {
        "NEWS_FEEDS": given["NEWS_FEEDS"]
    }
    assert all(requests.get(feed, timeout=5).ok for feed in given["NEWS_FEEDS"].split(","))
    assert get(sandbox, "/sandbox/requests").json()["news"] == 5
