"""Old entries can be deleted in one place only, and nobody is told half a past."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.ledgers.models import Cut, LatestPrice, News, Price
from apps.ledgers.models.entry import Entry
from apps.ledgers.records import PriceRecord
from apps.ledgers.services.purge import purge, purge_seeded, retain
from apps.ledgers.services.store import store_prices
from apps.ledgers.tests.factories import make_news, make_price, store_now
from ohmycoins.core import clock as system_clock

pytestmark = pytest.mark.django_db


def test_purge_deletes_what_is_older_and_records_the_cut(clock: Any) -> None:
    make_price("BTC")
    store_now(make_news("old"))
    clock.shift(3600)
    make_price("BTC")
    store_now(make_news("new"))
    assert purge(before=system_clock.now(), reason="test") == 2
    assert Price.objects.count() == 1
    assert [entry.item for entry in News.objects.all()] == ["new"]
    assert set(Cut.objects.values_list("table", "deleted")) == {("ledgers_price", 1), ("ledgers_news", 1)}


def test_newest_price_of_a_market_stays(clock: Any) -> None:
    make_price("DOGE")
    clock.shift(3600)
    assert purge(before=system_clock.now(), reason="test") == 0
    assert LatestPrice.objects.get().price.coin_type == "DOGE"


def test_as_of_before_the_cut_is_410_and_after_it_answers(api: APIClient, clock: Any) -> None:
    store_now(make_news("old"))
    then = system_clock.now()
    clock.shift(3600)
    store_now(make_news("new"))
    cut = system_clock.now()
    purge(before=cut, reason="test")
    answer = api.get("/api/v1/ledgers/human/news", {"as_of": then.isoformat()})
    assert (answer.status_code, answer.json()["code"]) == (410, "PAST_DELETED")
    assert api.get("/api/v1/ledgers/human/news", {"as_of": cut.isoformat()}).status_code == 200
    assert api.get("/api/v1/ledgers/catalyst/events", {"as_of": then.isoformat()}).status_code == 200


def test_retention_is_off_by_default_and_counts_in_days(clock: Any) -> None:
    store_now(make_news())
    clock.shift(int(timedelta(days=31).total_seconds()))
    assert retain(days=0, now=system_clock.now()) == 0
    assert retain(days=32, now=system_clock.now()) == 0
    assert retain(days=30, now=system_clock.now()) == 1


def test_only_what_was_seeded_is_purged_and_the_latest_price_is_the_newest_that_is_left(
    api: APIClient, clock: Any
) -> None:
    make_price("BTC")
    store_now(make_news())
    observed = LatestPrice.objects.get().price_id
    clock.shift(3600)
    now = system_clock.now()
    made_up = [
        PriceRecord(coin, "AUD", D(1), D(2), D(1), now - timedelta(minutes=ago))
        for coin in ("BTC", "ETH")
        for ago in (0, 600)
    ]
    store_prices(made_up, run=None, observed_at=now, origin=Entry.Origin.SEED)
    assert LatestPrice.objects.count() == 2
    assert purge_seeded(now=now, reason="test") == 4
    assert LatestPrice.objects.get().price_id == Price.objects.get().pk == observed
    assert News.objects.count() == 1
    assert list(Cut.objects.values_list("table", "deleted", "before")) == [("ledgers_price", 4, now)]
    assert purge_seeded(now=now, reason="test") == 0
