"""The tape shows at every instant what was known then: no more, no less, whatever was recorded later."""

import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.ledgers.models import Candle, News, Price
from apps.ledgers.tests.factories import (
    make_depth,
    make_event,
    make_fundamental,
    make_metric,
    make_news,
    make_post,
    make_price,
    store_now,
)
from apps.pnl.backtests import arrivals, newest
from apps.pnl.backtests.tape import Tape, tops_of
from apps.pnl.tests.backtest_markets import Scripted, plan_for
from apps.trading.algorithms.base import Input, Series
from apps.trading.services.depth import read_depth
from apps.trading.services.knowing import read_known
from apps.trading.services.place import read_market
from ohmycoins.core import clock as time

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
INPUTS = (
    Input(series=Series.PRICE, of="BTC", max_age=HOUR, count=1),
    Input(series=Series.CANDLES, of="BTC", detail="5min", max_age=HOUR, count=3),
    Input(series=Series.CANDLES, of="BTC", detail="hour", max_age=HOUR, count=5, within=3 * HOUR),
    Input(series=Series.NEWS, of="BTC", max_age=HOUR, within=2 * HOUR),
    Input(series=Series.NEWS, of="ETH", max_age=HOUR, within=HOUR, count=2),
    Input(series=Series.POSTS, of="BTC", max_age=HOUR, within=HOUR),
    Input(series=Series.EVENTS, of="SOL", max_age=HOUR, within=3 * HOUR),
    Input(series=Series.FUNDAMENTALS, of="aave", max_age=DAY, within=2 * HOUR),
    Input(series=Series.METRICS, of="ETH", detail="chain_tvl_usd", max_age=DAY, within=2 * HOUR),
)


def tape_over(start: datetime, end: datetime, step: timedelta = MINUTE, **fields: Any) -> Tape:
    rule = Scripted({}, "BTC", "ETH")
    plan = plan_for(rule, 1, start=start, end=end, step=step, inputs=INPUTS, **fields)
    return Tape(plan, tops_of(plan))


def make_candle(interval: str, width: timedelta, at: datetime, close: int = 100, **fields: Any) -> Candle:
    begin = datetime.min.replace(tzinfo=UTC)
    values = {
        "open": close, "high": close, "low": close, "close": close, "occurred_at": at - (at - begin) % width,
        "observed_at": time.now(), "coin_type": "BTC", "interval": interval,
    } | fields  # fmt: skip
    return Candle.objects.create(**values)


def happen(dice: random.Random) -> None:
    """Have a collector store something, or restate it."""
    now = time.now()
    coin = dice.choice(["BTC", "BTC", "ETH"])
    late = dice.choice([0, 0, 0, 1, 2, 40]) * MINUTE
    what = dice.randrange(8)
    if what <= 1:
        make_price(coin, bid=dice.randint(90, 99), ask=dice.randint(100, 110), at=now)
    elif what == 2:
        for interval, width in (("5min", 5 * MINUTE), ("hour", HOUR)):
            at = now - width - late
            begin = at - (at - datetime.min.replace(tzinfo=UTC)) % width
            if not Candle.objects.filter(interval=interval, occurred_at=begin).exists():
                make_candle(interval, width, at, dice.randint(90, 110))
    elif what == 3:
        named = dice.sample(["BTC", "ETH", "SOL"], dice.randint(0, 2))
        about = {"title": f"said {dice.random()}", "currencies": tuple(named), "occurred_at": now - late}
        store_now(make_news(f"https://news.example/{dice.randrange(4)}", **about))
    elif what == 4:
        store_now(make_post(f"t3_{dice.randrange(3)}", title=f"said {dice.random()}", occurred_at=now - late))
    elif what == 5:
        store_now(make_event(str(dice.randrange(3)), title=f"said {dice.random()}", occurred_at=now - late))
    elif what == 6:
        store_now(
            make_fundamental(
                f"aave {dice.randrange(3)}", tvl_usd=D(dice.randint(1, 999)), occurred_at=now - late
            )
        )
    else:
        store_now(
            make_metric(
                f"E {dice.randrange(3)}", metric_value=D(dice.randint(1, 999)), occurred_at=now - late
            )
        )
        make_depth(coin, bids=[(99, 1)], asks=[(101, dice.randint(1, 10**9))])


def seen_live(now: datetime) -> Any:
    """Give what deciding and trading read now."""
    known = read_known(INPUTS, now)
    depth = read_depth("BTC", "buy", mode="paper", now=now)
    return (
        [(list(known.rows(wanted)), known.newest(wanted)) for wanted in INPUTS],
        [read_market(coin).quote for coin in ("BTC", "ETH")],
        (depth.levels, depth.observed_at) if depth else None,
    )


def played(tape: Tape, now: datetime) -> Any:
    tape.move(now)
    return (
        [(list(tape.rows(wanted)), tape.newest(wanted)) for wanted in INPUTS],
        [tape.quote(coin) for coin in ("BTC", "ETH")],
        tape.levels("BTC", "buy"),
    )


@pytest.mark.parametrize("seed", range(6))
def test_shows_what_was_read_live_from_anywhere_on(
    seed: int, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given hours of things recorded, restated and late, and at some instants what was read live then.
    dice, start = random.Random(seed), time.now()
    monkeypatch.setattr(newest, "CHUNK", dice.choice([2, 7, 1000]))
    monkeypatch.setattr(arrivals, "CANDLES_AT_ONCE", dice.choice([2, 7, 1000]))
    monkeypatch.setattr(arrivals, "ITEMS_AT_ONCE", dice.choice([1, 3, 1000]))
    monkeypatch.setattr(arrivals, "FIRST", dice.choice([1, 2, 500]))
    monkeypatch.setattr(arrivals, "INSTANTS_AT_ONCE", dice.choice([1, 5, 1000]))
    live = []
    for _ in range(90):
        clock.shift(dice.choice([20, 60, 60, 200, 900]))
        for _ in range(dice.randrange(4)):
            happen(dice)
        live.append((time.now(), seen_live(time.now())))
    # Then a tape shows the same at each, also one that begins later, and one that looks each quote up.
    for begin, step in ((0, MINUTE), (30, MINUTE), (61, MINUTE), (0, DAY)):
        tape = tape_over(start, time.now(), step)
        for now, seen in live[begin:]:
            assert played(tape, now) == seen, (begin, now)


def test_never_goes_back(clock: Any) -> None:
    tape = tape_over(time.now() - HOUR, time.now())
    tape.move(time.now())
    with pytest.raises(ValueError, match="has passed"):
        tape.move(time.now() - MINUTE)


def test_backfilled_history_counts_from_when_it_would_have_been_known(clock: Any) -> None:
    now = time.now()
    at, would = now - 10 * DAY, now - 9 * DAY
    Price.objects.create(
        coin_type="BTC", bid=99, ask=101, last=100, occurred_at=at, observed_at=now, available_at=at, origin="seed"
    )  # fmt: skip
    store_now(make_news(occurred_at=now))
    fields = {
        field.name: getattr(News.objects.get(), field.name)
        for field in News._meta.concrete_fields
        if field.name != "id"
    }
    News.objects.create(
        **fields | {"item": "old", "occurred_at": at, "available_at": would, "origin": "backfill"}
    )
    tape = tape_over(at - HOUR, now)
    news = Input(series=Series.NEWS, of="BTC", max_age=DAY, within=5 * DAY)
    shown = {}
    for instant in (at - MINUTE, at, would - MINUTE, would):
        tape.move(instant)
        shown[instant] = (
            tape.quote("BTC") is not None,
            [row.known_at for row in tape.rows(news)],
            tape.newest(news),
        )
    assert shown[at - MINUTE] == (False, [], None)
    assert shown[at] == shown[would - MINUTE] == (True, [], None)
    assert shown[would] == (True, [would], at)


def test_what_is_recorded_later_changes_nothing_that_was_known(clock: Any) -> None:
    start = time.now()
    make_price(bid=99, ask=101)
    store_now(make_news("https://news.example/1"))
    clock.shift(600)
    middle = time.now()
    clock.shift(600)
    before = played(tape_over(start, middle), middle)
    # When later a restatement, a late candle and another price arrive
    store_now(make_news("https://news.example/1", title="Not at all", currencies=(), occurred_at=start))
    make_candle("5min", 5 * MINUTE, start - HOUR)
    make_price(bid=1, ask=2, at=time.now())
    assert played(tape_over(start, middle), middle) == before
    assert played(tape_over(start, time.now()), time.now()) != before


def test_where_only_candles_are_known_quotes_are_their_closes_with_a_spread(clock: Any) -> None:
    now = time.now()
    for hours in range(1, 4):
        at = now - hours * HOUR
        make_candle("hour", HOUR, at, 100 * hours, origin="backfill", available_at=at + HOUR, coin_type="ETH")
    tape = tape_over(now - 5 * HOUR, now, spread_percent=D("0.5"))
    tape.move(now - 2 * HOUR - MINUTE)
    assert tape.quote("ETH") is None
    tape.move(now - 2 * HOUR)
    quote = tape.quote("ETH")
    assert quote is not None
    assert (quote.bid, quote.ask, quote.last) == (D("299.25"), D("300.75"), D(300))
    assert quote.observed_at == now - 2 * HOUR
    tape.move(now - HOUR - MINUTE)
    assert tape.quote("ETH") == quote
    # A recorded price goes before a candle that is hardly newer, and a candle before a price that is old.
    make_price("ETH", bid=50, ask=51, at=now - HOUR - 5 * MINUTE)
    tape = tape_over(now - 5 * HOUR, now)
    for ago, last in ((HOUR, 50), (timedelta(0), 100)):
        tape.move(now - ago)
        found = tape.quote("ETH")
        assert found is not None
        assert found.last == last


def test_numbers_that_do_not_fit_integers_are_exact(clock: Any) -> None:
    tiny, huge = "0.000000001234567891", "123456789012.5"
    make_price("BTC", bid=tiny, ask=tiny)
    make_price("ETH", bid=huge, ask=huge)
    tape = tape_over(time.now() - HOUR, time.now())
    tape.move(time.now())
    found: Sequence[Any] = [tape.quote("BTC"), tape.quote("ETH")]
    assert [quote.bid for quote in found] == [D(tiny), D(huge)]


def test_holds_no_more_than_it_needs_however_long_it_plays(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "CHUNK", 50)
    monkeypatch.setattr(arrivals, "CANDLES_AT_ONCE", 20)
    end = time.now()
    start = end - 2 * DAY
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ledgers_price (coin_type, market, bid, ask, last, crossed, occurred_at, observed_at, origin)
               SELECT 'BTC', 'AUD', 99, 101, 100, false, at, at, 'observed'
               FROM generate_series(%s, %s, interval '1 minute') AS at""",
            [start, end],
        )
    for number in range(48 * 12):
        make_candle(
            "5min", 5 * MINUTE, start + number * 5 * MINUTE, observed_at=start + (number + 1) * 5 * MINUTE
        )
    tape, most = tape_over(start, end), 0
    now = start
    while now <= end:
        played(tape, now)
        prices, window = tape._prices["BTC"], tape._windows[INPUTS[1]]
        assert isinstance(prices, newest.Newest)
        most = max(most, len(prices._known))
        assert len(window._rows) <= 3
        assert len(window._arrivals._known) <= 30  # type: ignore[attr-defined]
        now += 7 * MINUTE
    assert 50 <= most <= 60
    assert len(prices._known) > 0


@pytest.mark.parametrize("wanted", INPUTS[3:], ids=lambda wanted: wanted.label)
def test_what_became_known_is_read_by_an_index_and_not_by_the_whole_ledger(
    wanted: Input, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a ledger of which the input has next to nothing
    for number in range(30):
        happen(random.Random(number))
        clock.shift(60)
    end = time.now()
    tape = tape_over(end - 30 * MINUTE, end)
    tape.move(end - 20 * MINUTE)
    monkeypatch.setattr(arrivals, "FIRST", 4)
    with CaptureQueriesContext(connection) as asked:
        tape.rows(wanted)
        tape.newest(wanted)
    # Then what is to come is read in the order of its index, and a part of it at first
    told = [each["sql"] for each in asked.captured_queries]
    ahead = [each for each in told if re.search(r"COALESCE\([^)]*\) >= .* LIMIT ", each)]
    assert ahead
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
        )
        for statement in ahead:
            cursor.execute("EXPLAIN " + statement)
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "_known on " in plan, plan
            assert "Sort" not in plan, plan
