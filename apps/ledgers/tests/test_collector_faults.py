"""Every collector against the sandbox over real HTTP, in good and in bad weather."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psutil
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db.models import Count
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.ledgers.collectors import cryptopanic
from apps.ledgers.models import CatalystEvent, CollectionRun, Fundamental, LatestPrice, Source
from apps.ledgers.services.backfill import backfill
from apps.ledgers.services.collect import collect
from apps.ledgers.services.purge import LEDGERS
from apps.ledgers.tests.factories import make_price
from apps.ledgers.tests.sources import SOURCES, point_at, serving
from ohmycoins.core import clock as system_clock
from ohmycoins.core import http, sites
from ohmycoins.core.errors import PermanentError, TransientError
from ohmycoins.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db

LISTS = {
    "coinspot_prices": "exchange/prices", "coinspot_depth": "exchange/depth",
    "coinspot_announcements": "catalyst/events",
    "sec_edgar_api": "catalyst/events", "reddit_api": "human/social", "defillama": "glass/fundamentals",
    "cryptopanic": "human/news", "news_rss": "human/news",
}  # fmt: skip
SAYS = {
    "down": "could not be reached", "503": "answered 503", "429": "429", "429-date": "429", "403": "403",
    "html": "text/html", "cut": "could not be reached", "cut-json": "page not understood",
    "bomb": "more than", "drip": "time was up",
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with serving() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: Sandbox, settings: Settings, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    point_at(server, settings, monkeypatch)
    return server


def run(name: str) -> CollectionRun:
    if name == "coinspot_depth" and not LatestPrice.objects.exists():
        for coin in ("BTC", "DOGE", "ETH"):  # it asks for the coins that have a price
            make_price(coin)
    done = collect(name)
    assert done is not None
    return done


def stored(name: str) -> int:
    """Count what the collector `name` stored."""
    return sum(model._default_manager.filter(run__source=name).count() for model in LEDGERS.values())


@pytest.mark.parametrize("name", SOURCES)
def test_collects_and_a_second_run_stores_nothing_new(sandbox: Sandbox, name: str) -> None:
    first, second = run(name), run(name)
    assert (first.status, first.error) == ("success", "")
    assert first.stored > 0
    assert (second.stored, second.duplicates) == (0, second.fetched - second.unpriced)
    assert Source.objects.get(pk=name).watermark == system_clock.now()


@pytest.mark.parametrize("name", SOURCES)
def test_what_changed_is_a_new_observation_and_the_past_stays_byte_for_byte(
    sandbox: Sandbox, name: str, api: APIClient, clock: Any
) -> None:
    run(name)
    query = {"as_of": system_clock.now().isoformat(), "page_size": 500}
    before = api.get(f"/api/v1/ledgers/{LISTS[name]}", query).content
    clock.shift(120)
    sandbox.set_faults({SOURCES[name]: "restated"})
    assert run(name).stored > 0
    assert api.get(f"/api/v1/ledgers/{LISTS[name]}", query).content == before
    now = {"as_of": system_clock.now().isoformat(), "page_size": 500}
    assert api.get(f"/api/v1/ledgers/{LISTS[name]}", now).content != before


# Where a source has another way in, or asks for a token first, the run says so in other words.
SAYS_INSTEAD = {
    ("coinspot_announcements", "html"): "home page: page not understood: no link to an article",
    ("reddit_api", "403"): "refuses REDDIT_CLIENT_ID",
    ("reddit_api", "cut-json"): "something that is not a token",
}
# Half of a bare number is a number: no reader can tell.
UNDETECTABLE = {("defillama", "cut-json")}
WEATHER = [(name, fault) for name in SOURCES for fault in SAYS if (name, fault) not in UNDETECTABLE]


@pytest.mark.parametrize(("name", "fault"), WEATHER)
def test_fault_fails_the_run_which_says_why_and_stores_nothing(
    sandbox: Sandbox, name: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites, "PATIENCE_SECONDS", 0.5)
    if fault == "drip":
        monkeypatch.setattr(sites, "ATTEMPTS", 1)
        real = http.request
        monkeypatch.setattr(sites.http, "request", lambda ask: real(replace(ask, total_seconds=0.3)))
    sandbox.set_faults({SOURCES[name]: fault})
    failed = run(name)
    assert failed.status == "failed"
    assert SAYS_INSTEAD.get((name, fault), SAYS[fault]) in failed.error
    assert django_settings.CRYPTOPANIC_API_KEY not in failed.error
    assert stored(name) == 0
    assert Source.objects.get(pk=name).watermark is None


@pytest.mark.parametrize("name", sorted(set(SOURCES) - {"defillama"}))
def test_items_listed_twice_are_stored_once(sandbox: Sandbox, name: str) -> None:
    once = run(name).stored
    before = stored(name)
    sandbox.set_faults({SOURCES[name]: "duplicates"})
    assert (run(name).stored, stored(name)) == (0, before)
    assert once == before


@pytest.mark.parametrize("name", sorted(set(SOURCES) - {"coinspot_prices", "coinspot_depth", "defillama"}))
def test_items_from_the_future_are_rejected_and_hold_the_watermark(sandbox: Sandbox, name: str) -> None:
    sandbox.set_faults({SOURCES[name]: "future"})
    partial = run(name)
    assert partial.status == "partial"
    assert "in the future" in partial.error
    ahead = {"occurred_at__gt": system_clock.now()}
    assert not any(model._default_manager.filter(**ahead).exists() for model in LEDGERS.values())
    assert Source.objects.get(pk=name).watermark is None


@pytest.mark.parametrize("name", SOURCES)
def test_memory_stays_flat_under_a_gzip_bomb(sandbox: Sandbox, name: str) -> None:
    process = psutil.Process(os.getpid())
    sandbox.set_faults({SOURCES[name]: "bomb"})
    run(name)  # the server in this process has made its own copy by now
    before, peak, done = process.memory_info().rss, 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    run(name)
    done.set()
    watcher.join()
    assert peak - before < 128 * 1024 * 1024, "the body would be a GiB"


@pytest.mark.parametrize("name", SOURCES)
def test_other_collectors_are_unaffected(sandbox: Sandbox, name: str) -> None:
    sandbox.set_faults({SOURCES[name]: "403"})
    assert run(name).status == "failed"
    other = "news_rss" if name != "news_rss" else "coinspot_prices"
    assert run(other).status == "success"


def test_one_page_missing_makes_the_run_partial_and_keeps_the_others(
    sandbox: Sandbox, settings: Settings
) -> None:
    settings.NEWS_FEEDS = [*settings.NEWS_FEEDS, f"{sandbox.url}/feeds/nowhere.xml"]
    partial = run("news_rss")
    assert partial.status == "partial"
    assert partial.stored > 0
    assert "nowhere.xml answered 404" in partial.error
    assert Source.objects.get(pk="news_rss").watermark is None


@pytest.mark.parametrize(
    ("name", "setting"),
    [("sec_edgar_api", "SEC_USER_AGENT"), ("cryptopanic", "CRYPTOPANIC_API_KEY"), ("news_rss", "NEWS_FEEDS")],
)
def test_source_without_its_setting_is_off_and_says_so(
    sandbox: Sandbox, name: str, setting: str, settings: Settings, api: APIClient
) -> None:
    setattr(settings, setting, "")
    assert collect(name) is None
    answer = api.get(f"/api/v1/collectors/{name}/status").json()
    assert (answer["health"], answer["off_because"]) == ("off", f"{setting} is not set")
    assert sandbox.asked[SOURCES[name]] == 0


@pytest.mark.parametrize("name", ["reddit_api", "cryptopanic"])
def test_source_that_lets_nobody_in_is_off_until_tomorrow(
    sandbox: Sandbox, name: str, clock: Any, api: APIClient, settings: Settings
) -> None:
    settings.REDDIT_CLIENT_ID = ""
    sandbox.set_faults({SOURCES[name]: "403"})
    assert run(name).status == "failed"
    assert api.get(f"/api/v1/collectors/{name}/status").json()["health"] == "off"
    asked = sandbox.asked[SOURCES[name]]
    clock.shift(int(timedelta(hours=23).total_seconds()))
    assert collect(name) is None
    assert sandbox.asked[SOURCES[name]] == asked
    sandbox.set_faults({SOURCES[name]: None})
    probed = collect(name, probe=True)
    assert probed is not None
    assert probed.status == "success"
    assert api.get(f"/api/v1/collectors/{name}/status").json()["off_because"] is None


def test_reddit_without_credentials_reads_the_public_pages(sandbox: Sandbox, settings: Settings) -> None:
    settings.REDDIT_CLIENT_ID = ""
    assert run("reddit_api").status == "success"


def test_key_that_cryptopanic_echoes_is_nowhere(sandbox: Sandbox, api: APIClient) -> None:
    sandbox.set_faults({"cryptopanic": "cut-json"})
    failed = run("cryptopanic")
    assert failed.sample
    assert b"k3y-of-the-tests" not in failed.sample
    sandbox.set_faults({"cryptopanic": None})
    run("cryptopanic")
    assert b"k3y-of-the-tests" not in api.get("/api/v1/ledgers/human/news?page_size=500").content


@pytest.mark.parametrize("plan", ["v1", "free"])
def test_plan_of_a_key_is_found_out(sandbox: Sandbox, plan: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = http.request

    def only_its_own(ask: http.Ask) -> http.Page:
        if not ask.url.endswith(cryptopanic.V1[plan]):
            raise PermanentError("answered 404", status=404)
        return real(ask)

    monkeypatch.setattr(sites.http, "request", only_its_own)
    assert run("cryptopanic").status == "success"


def test_past_that_the_source_no_longer_lists_does_not_hold_the_watermark(
    sandbox: Sandbox, clock: Any
) -> None:
    run("cryptopanic")
    clock.shift(int(timedelta(days=3).total_seconds()))
    partial = run("cryptopanic")
    assert (partial.status, "page 11" in partial.error) == ("partial", True)
    assert Source.objects.get(pk="cryptopanic").watermark == system_clock.now()


def test_outage_is_caught_up_from_the_watermark(sandbox: Sandbox, clock: Any) -> None:
    run("cryptopanic")
    asked = sandbox.asked["cryptopanic"]
    clock.shift(int(timedelta(hours=12).total_seconds()))
    caught_up = run("cryptopanic")
    assert sandbox.asked["cryptopanic"] - asked > 1, "it goes back page by page"
    assert caught_up.stored > 20


def test_announcements_come_from_the_page_when_the_list_is_refused(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "apps.ledgers.collectors.coinspot_announcements.ARTICLES", "/api/v2/help_center/closed"
    )
    assert run("coinspot_announcements").stored > 0


def test_days_that_defillama_was_away_are_filled_in_and_nothing_known_is_restated(
    sandbox: Sandbox, clock: Any
) -> None:
    run("defillama")
    known = Fundamental.objects.count()
    clock.shift(int(timedelta(days=4).total_seconds()))
    caught_up = run("defillama")
    assert caught_up.status == "success", caught_up.error
    days = set(Fundamental.objects.filter(protocol="aave").values_list("item", flat=True))
    assert days == {f"aave 2026-03-0{day}" for day in range(2, 7)}
    assert Fundamental.objects.filter(item__endswith="2026-03-02").count() == known


def test_one_silent_page_does_not_cost_the_others(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    real = http.request

    def deaf_to_aave(ask: http.Ask) -> http.Page:
        if ask.url.endswith("/tvl/aave"):
            raise TransientError("did not answer in time")
        return real(ask)

    monkeypatch.setattr(sites.http, "request", deaf_to_aave)
    partial = run("defillama")
    assert partial.status == "partial"
    assert Fundamental.objects.values("protocol").distinct().count() == 19


def test_later_page_that_fails_does_not_cost_the_first(
    sandbox: Sandbox, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("cryptopanic")
    clock.shift(int(timedelta(hours=12).total_seconds()))
    real = http.request

    def second_page_refused(ask: http.Ask) -> http.Page:
        if ask.params.get("page") == "2":
            raise PermanentError("answered 403", status=403)
        return real(ask)

    monkeypatch.setattr(sites.http, "request", second_page_refused)
    partial = run("cryptopanic")
    assert (partial.status, partial.stored > 0) == ("partial", True)
    assert Source.objects.get(pk="cryptopanic").paused_until is None


def test_html_page_neither_restates_nor_redates_what_the_list_gave(
    sandbox: Sandbox, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("coinspot_announcements")
    before = list(CatalystEvent.objects.order_by("id").values_list("item", "occurred_at"))
    monkeypatch.setattr(
        "apps.ledgers.collectors.coinspot_announcements.ARTICLES", "/api/v2/help_center/closed"
    )
    run("coinspot_announcements")
    assert (
        list(CatalystEvent.objects.order_by("id").values_list("item", "occurred_at"))[: len(before)] == before
    )
    assert (
        not CatalystEvent.objects.filter(item__in=[item for item, _ in before])
        .values("item")
        .annotate(versions=Count("id"))
        .filter(versions__gt=1)
        .exists()
    )


@pytest.mark.parametrize("name", ["sec_edgar_api", "defillama"])
def test_past_is_backfilled_once_and_resumed(sandbox: Sandbox, name: str) -> None:
    since = system_clock.now() - timedelta(days=400)
    run(name)
    observed = stored(name)
    parts = list(backfill(name, since=since))
    assert sum(part.stored or 0 for part in parts) > 0
    assert [part.error for part in parts if part.error] == []
    assert stored(name) == observed + sum(part.stored or 0 for part in parts)
    entry = (Fundamental if name == "defillama" else CatalystEvent).objects.filter(origin="backfill").first()
    assert entry is not None
    assert (entry.observed_at, entry.available_at) == (
        system_clock.now(),
        entry.occurred_at + timedelta(days=1),
    )
    assert all(part.stored is None for part in backfill(name, since=since)), "all done before"
    assert sum(part.stored or 0 for part in backfill(name, since=since, again=True)) == 0


def test_backfill_that_fails_half_way_keeps_what_it_has_and_goes_on_there(sandbox: Sandbox) -> None:
    since = system_clock.now() - timedelta(days=60)
    done = next(iter(backfill("sec_edgar_api", since=since)))
    assert done.stored
    sandbox.set_faults({"sec": "503"})
    Source.objects.filter(pk="sec_edgar_api").update(backfilled={})
    CollectionRun.objects.running().update(status="failed", finished_at=system_clock.now())
    assert all(part.error for part in backfill("sec_edgar_api", since=since))
    sandbox.set_faults({"sec": None})
    assert not any(part.error for part in backfill("sec_edgar_api", since=since))


def test_backfill_of_a_source_without_a_past_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(
        CommandError, match="news_rss has no past to collect; those that have: sec_edgar_api, defillama"
    ):
        call_command("backfill", "news_rss", "--since=2025-01-01")
    with pytest.raises(CommandError, match="is not a date"):
        call_command("backfill", "defillama", "--since=soon")
