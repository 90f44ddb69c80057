"""Items that their sources restate: a version is a row, and no version is ever lost or doubled."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.ledgers.models import Candle, CatalystEvent, CollectionRun, Fundamental, News, SocialPost
from apps.ledgers.records import Parsed, Reject, digest_of
from apps.ledgers.services.collect import close_failed, close_read
from apps.ledgers.services.reading import Reading
from apps.ledgers.tests.factories import (
    make_event,
    make_fundamental,
    make_metric,
    make_news,
    make_post,
    make_run,
    store_now,
)
from ohmycoins.core import clock as system_clock

pytestmark = pytest.mark.django_db


def test_same_version_again_is_no_row() -> None:
    assert store_now(make_news()) == 1
    assert store_now(make_news()) == 0


def test_change_and_change_back_are_three_rows(clock: Any) -> None:
    for title in ("A", "B", "A", "A"):
        store_now(make_news(title=title))
        clock.shift(60)
    assert list(News.objects.order_by("id").values_list("title", flat=True)) == ["A", "B", "A"]


def test_item_twice_in_one_page_counts_once_and_the_first_wins() -> None:
    assert store_now(make_news(title="first"), make_news(title="second")) == 1
    assert News.objects.get().title == "first"


def test_same_name_at_another_collector_is_another_item() -> None:
    store_now(make_post("7"))
    assert store_now(make_news("7")) == 1


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [
        ({"score": 100}, {"score": 109}, 1),
        ({"score": 100}, {"score": 110}, 2),
        ({"score": 100}, {"score": 90}, 2),
        ({"score": 0}, {"score": 1}, 2),
        ({"score": 100}, {}, 1),
        ({}, {"score": 5}, 2),
        ({"score": -20}, {"score": -19}, 1),
    ],
)
def test_engagement_counts_as_a_change_from_a_tenth_on(
    before: dict[str, int], after: dict[str, int], rows: int
) -> None:
    store_now(make_post(engagement=before))
    store_now(make_post(engagement=after))
    assert SocialPost.objects.count() == rows


def test_better_scorer_restates_nothing() -> None:
    store_now(make_news(sentiment="neutral", sentiment_score=Decimal(0)))
    assert store_now(make_news(sentiment="bullish", sentiment_score=Decimal("0.9"))) == 0


def test_current_is_the_newest_version_and_as_of_the_one_known_then(clock: Any) -> None:
    times = []
    for title in ("A", "B", "C"):
        store_now(make_news(title=title))
        times.append(system_clock.now())
        clock.shift(60)
    store_now(make_news("https://news.example/2", title="other"))
    assert sorted(News.objects.current().values_list("title", flat=True)) == ["C", "other"]
    for at, title in zip(times, ("A", "B", "C"), strict=True):
        assert [entry.title for entry in News.objects.current(at)] == [title]
    assert not News.objects.current(times[0] - timedelta(microseconds=1)).exists()


@pytest.fixture
def one_of_each() -> None:
    """Store an entry in every ledger of items, and a candle."""
    for record in (make_news(), make_post(), make_event(), make_fundamental(), make_metric()):
        store_now(record)
    now = system_clock.now()
    Candle.objects.create(
        coin_type="BTC", interval="day", open=1, high=1, low=1, close=1, occurred_at=now, observed_at=now
    )


@pytest.mark.parametrize(
    "table", ["news", "socialpost", "catalystevent", "fundamental", "onchainmetric", "candle"]
)
@pytest.mark.parametrize("statement", ["UPDATE ledgers_{} SET origin = 'seed'", "DELETE FROM ledgers_{}"])
def test_database_refuses_to_change_or_delete_an_entry(one_of_each: None, table: str, statement: str) -> None:
    with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))


@pytest.mark.parametrize(
    "bad",
    [
        lambda: make_event(impact_score=0),
        lambda: make_event(impact_score=11),
        lambda: make_news(sentiment_score=Decimal("1.1")),
        lambda: make_fundamental(tvl_usd=Decimal(-1)),
        lambda: make_fundamental(tvl_usd=None),
    ],
)
def test_database_refuses_values_out_of_their_range(bad: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        store_now(bad())
    assert not any(model.objects.exists() for model in (CatalystEvent, News, Fundamental))


def test_digest_differs_with_anything_said() -> None:
    assert (
        len({digest_of("a", None), digest_of("a", ""), digest_of("a"), digest_of("a", "b"), digest_of("ab")})
        == 5
    )


def test_item_seen_where_less_is_said_is_added_but_restates_nothing() -> None:
    store_now(make_news(title="whole"))
    assert store_now(make_news(title="half", only_new=True), make_news("2", title="new", only_new=True)) == 1
    assert set(News.objects.values_list("title", flat=True)) == {"whole", "new"}


ODD = {
    "NUL": {"title": "a\x00b"}, "half a surrogate pair": {"title": "a \ud800 b"}, "coin": {"currencies": ("B\x00C",)},
    "long item": {"item": "x" * 501}, "long address": {"url": "https://x.example/" + "y" * 2000},
    "long before 1970": {"occurred_at": datetime(1, 1, 1, tzinfo=UTC)},
    "far ahead": {"occurred_at": datetime(9999, 1, 1, tzinfo=UTC)},
}  # fmt: skip


@pytest.mark.parametrize("make", [make_news, make_post, make_event])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_odd_item_is_rejected_alone_and_what_is_left_can_be_stored(make: Any, odd: dict[str, Any]) -> None:
    reading = Reading()
    parsed = Parsed(records=(make(**{"item": "t3_odd", **odd}), make("t3_fine")))
    reading.add(parsed, read_at=system_clock.now(), not_before=None)
    assert [record.item for record in reading.kept] == ["t3_fine"]
    assert len(reading.rejects) == 1
    assert store_now(*reading.kept) == 1


def test_complaint_about_an_odd_item_can_itself_be_stored() -> None:
    run = make_run(status="running", finished_at=None)
    reading = Reading(rejects=[Reject("a\x00 \ud800", "is odd")])
    close_read(run, reading, stored=0, now=system_clock.now())
    assert CollectionRun.objects.get(pk=run.pk).error == "a ?: is odd"
    other = make_run(status="running", finished_at=None)
    close_failed(other, "answered \x00\ud800")
    assert CollectionRun.objects.get(pk=other.pk).error == "answered ?"
