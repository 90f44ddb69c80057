"""Order books in the Exchange ledger: stored when they change, listed, kept, and collected coin by coin."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from apps.ledgers.collectors import coinspot_depth
from apps.ledgers.models import CollectionRun, Depth, LatestDepth
from apps.ledgers.services.collect import collect
from apps.ledgers.services.purge import purge
from apps.ledgers.tests.factories import make_depth, make_price, make_source
from ohmycoins.clients import coinspot
from ohmycoins.core import clock as system_clock
from ohmycoins.core.errors import PermanentError
from ohmycoins.core.http import Page
from ohmycoins.core.sites import Site
from ohmycoins.groups import sync_groups
from ohmycoins.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db
URL = "/api/v1/ledgers/exchange/depth"
BIDS, ASKS = [("99.50", "2"), ("99", "0.10")], [("100", "1.5")]


def test_book_is_stored_as_plain_strings_and_the_latest_points_to_it(clock: Any) -> None:
    latest = make_depth(bids=BIDS, asks=ASKS)
    assert (latest.depth.bids, latest.depth.asks) == ([["99.5", "2"], ["99", "0.1"]], [["100", "1.5"]])
    assert (latest.seen_at, latest.depth.observed_at) == (system_clock.now(), system_clock.now())
    assert latest.depth.crossed is False


def test_book_that_did_not_change_is_no_row_but_was_seen(clock: Any) -> None:
    first = make_depth(bids=BIDS, asks=ASKS)
    clock.shift(60)
    again = make_depth(bids=[("99.5", "2.0"), ("99.0", "0.1")], asks=ASKS)
    assert (Depth.objects.count(), again.depth_id) == (1, first.depth_id)
    assert again.seen_at - first.seen_at == timedelta(minutes=1)


def test_change_and_change_back_are_three_rows(clock: Any) -> None:
    for asks in (ASKS, [("100", "1")], ASKS):
        make_depth(bids=BIDS, asks=asks)
        clock.shift(60)
    assert Depth.objects.count() == 3
    assert LatestDepth.objects.get().depth_id == max(Depth.objects.values_list("pk", flat=True))


def test_first_reading_of_a_minute_stands_and_an_earlier_minute_never_replaces_a_later(clock: Any) -> None:
    first = make_depth(asks=ASKS)
    clock.shift(10)
    make_depth(asks=[("101", "1")])
    make_depth(asks=[("102", "1")], at=system_clock.now() - timedelta(minutes=5))
    assert (Depth.objects.count(), LatestDepth.objects.get().depth_id) == (1, first.depth_id)


def test_crossed_book_is_flagged() -> None:
    assert make_depth(bids=[("101", "1")], asks=[("100", "1")]).depth.crossed is True


@pytest.mark.parametrize(
    "statement", ["UPDATE ledgers_depth SET crossed = true", "DELETE FROM ledgers_depth"]
)
def test_database_refuses_to_change_or_delete_a_book(statement: str) -> None:
    make_depth(asks=ASKS)
    with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("side", ["bids", "asks"])
def test_database_refuses_more_levels_than_are_kept(side: str) -> None:
    with pytest.raises(IntegrityError, match=f"depth_{side}_are_levels"), transaction.atomic():
        make_depth(**{side: [(str(price), "1") for price in range(1, 22)]})  # type: ignore[arg-type]
    assert not Depth.objects.exists()


def test_list_has_every_field_filters_and_takes_one_query(
    api: APIClient, clock: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_depth("ETH", asks=[("5", "1")])
    for number in range(5):
        make_depth("BTC", bids=BIDS, asks=[("100", 1 + number)])
        clock.shift(60)
    with django_assert_num_queries(1):
        rows = api.get(URL, {"coin_type": "btc", "since": "2026-03-02T12:01:00Z"}).json()["results"]
    assert [row["asks"] for row in rows] == [[["100", str(quantity)]] for quantity in (5, 4, 3, 2)]
    assert rows[0].keys() == {
        "id", "coin_type", "market", "bids", "asks", "crossed", "occurred_at", "observed_at",
    }  # fmt: skip
    assert (rows[0]["coin_type"], rows[0]["market"], rows[0]["bids"]) == (
        "BTC",
        "AUD",
        [["99.5", "2"], ["99", "0.1"]],
    )
    until = api.get(URL, {"coin_type": "BTC", "until": "2026-03-02T12:01:00Z"}).json()["results"]
    assert [row["asks"] for row in until] == [[["100", "1"]]]
    assert api.get(URL, {"market": "USDT"}).json()["results"] == []


def test_as_of_answers_what_was_known_then_byte_for_byte(api: APIClient, clock: Any) -> None:
    make_depth(asks=ASKS)
    clock.shift(60)
    then = {"as_of": system_clock.now().isoformat()}
    before = api.get(URL, then).content
    clock.shift(60)
    make_depth(asks=[("101", "1")])
    assert api.get(URL, then).content == before
    assert len(api.get(URL).json()["results"]) == 2


def test_list_needs_a_login() -> None:
    assert APIClient().get(URL).status_code == 401


def test_admin_shows_books_and_lets_nobody_edit_them(admin_client: Client) -> None:
    latest = make_depth(bids=BIDS, asks=ASKS)
    page = admin_client.get("/admin/ledgers/depth/?coin_type=btc").content.decode()
    assert "99.5 × 2" in page
    assert "2 + 1" in page
    for where in (f"depth/{latest.depth_id}/change/", f"latestdepth/{latest.pk}/change/", "latestdepth/"):
        assert admin_client.get(f"/admin/ledgers/{where}").status_code == 200
    assert (
        admin_client.post(f"/admin/ledgers/depth/{latest.depth_id}/change/", {"bids": "[]"}).status_code
        == 403
    )


def test_auditors_may_look_at_books() -> None:
    sync_groups()
    rights = Group.objects.get(name="auditors").permissions.values_list("codename", flat=True)
    assert {"view_depth", "view_latestdepth"} <= set(rights)


def test_purge_keeps_the_newest_book_of_each_market(clock: Any) -> None:
    make_depth("DOGE", asks=[("1", "1")])
    make_depth("BTC", asks=[("1", "1")])
    clock.shift(60)
    make_depth("BTC", asks=[("2", "1")])
    clock.shift(3600)
    assert purge(before=system_clock.now(), reason="test") == 1
    assert sorted(Depth.objects.values_list("coin_type", flat=True)) == ["BTC", "DOGE"]


@pytest.fixture
def sandbox(settings: Settings, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(Site, "_wait_for_our_turn", lambda *_: None)  # the clock stands still
    make_source("coinspot_depth")
    with Sandbox(0, seed=42) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        settings.COINSPOT_URL = server.url
        yield server
        server.shutdown()


def run() -> CollectionRun:
    done = collect("coinspot_depth")
    assert done is not None
    return done


def test_books_of_the_coins_with_a_fresh_price_in_aud_are_collected(sandbox: Sandbox, clock: Any) -> None:
    make_price("ADA")
    clock.shift(601)
    make_price("BTC")
    make_price("ETH")
    make_price("XRP", market="USDT")
    assert (run().status, sandbox.asked["coinspot"]) == ("success", 2)
    books = {latest.coin_type: latest.depth for latest in LatestDepth.objects.select_related("depth")}
    assert books.keys() == {"BTC", "ETH"}
    assert all(len(book.bids) == len(book.asks) == 20 for book in books.values())


def test_coin_that_fails_does_not_keep_the_others_away(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for coin in ("BTC", "ETH", "GONE"):
        make_price(coin)
    real = coinspot.fetch_open_orders

    def deaf_to_btc(coin: str) -> Page:
        if coin == "BTC":
            raise PermanentError("answered 403", status=403)
        return real(coin)

    monkeypatch.setattr(coinspot, "fetch_open_orders", deaf_to_btc)
    partial = run()
    assert (partial.status, partial.stored) == ("partial", 1)
    assert "BTC: answered 403" in partial.error
    assert "GONE: " in partial.error
    assert LatestDepth.objects.get().coin_type == "ETH"


def test_no_more_books_are_asked_for_than_the_cap(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coinspot_depth, "MOST", 2)
    for coin in ("ADA", "BTC", "ETH"):
        make_price(coin)
    assert run().stored == 2


def test_without_any_price_nothing_is_asked(sandbox: Sandbox) -> None:
    assert (run().status, sandbox.asked["coinspot"]) == ("success", 0)
