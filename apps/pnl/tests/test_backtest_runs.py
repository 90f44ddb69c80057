"""Backtests are run by workers in slices, each step once, whatever becomes of the workers."""

import os
import random
import subprocess
import sys
import threading
import time as wall
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from pytest_django import Settings

from apps.accounts.models import User
from apps.ledgers.models import News, Price
from apps.ledgers.services.store import Past, store_items
from apps.ledgers.tests.factories import make_news, make_price, make_run, make_source, store_now
from apps.pnl.backtests.engine import Engine
from apps.pnl.models import Backtest, BacktestTrade
from apps.pnl.services import backtest_runs, backtests
from apps.pnl.services.backtest_runs import claim, run_backtests, work_on
from apps.pnl.services.backtests import Wish, cancel_backtest, make_backtest, resume_backtest
from apps.pnl.tests.backtest_rules import NEWS, RULES
from apps.trading.models import Algorithm, Event
from apps.trading.tests.factories import make_account, set_limits
from ohmycoins.celery import app
from ohmycoins.core import clock as time
from ohmycoins.core import seams
from ohmycoins.core.errors import Conflict
from ohmycoins.core.locks import advisory_lock
from ohmycoins.local.supervisor import WORKERS

pytestmark = pytest.mark.django_db
HOURS = 48


@pytest.fixture(autouse=True)
def rules(settings: Settings) -> Iterator[None]:
    settings.ALGORITHMS = django_settings.ALGORITHMS | RULES
    seams.load.cache_clear()
    yield
    seams.load.cache_clear()


def make_prices(now: datetime, hours: int = HOURS, seed: int = 1) -> None:
    """Have a price each hour up to `now`, and an article now and then."""
    dice = random.Random(seed)
    for hour in range(hours + 1):
        bid = dice.randint(900, 1100)
        make_price(bid=bid, ask=bid + dice.randint(1, 9), at=now - timedelta(hours=hours - hour))


def ask(user: User, slug: str = "waves", **fields: Any) -> Backtest:
    now = time.now()
    values: dict[str, Any] = {
        "slug": slug, "parameters": {}, "start": now - timedelta(hours=HOURS), "end": now, "step": "hour",
    } | fields  # fmt: skip
    return make_backtest(user=user, wish=Wish(**values))


def outcome(backtest: Backtest) -> Any:
    backtest.refresh_from_db()
    trades = backtest.trades.order_by("number").values_list(
        "number", "executed_at", "side", "quantity", "price", "realized_pnl"
    )
    return backtest.status, backtest.progress, backtest.metrics, backtest.equity_curve, list(trades)


@pytest.fixture
def whole(user: User, clock: Any) -> Any:
    """Give what a backtest comes to that nobody disturbs."""
    store_now(make_news(occurred_at=time.now()))
    clock.shift((HOURS + 1) * 3600)
    make_prices(time.now())
    backtest = ask(user)
    run_to_end()
    found = outcome(backtest)
    assert found[0] == "done", backtest.error
    assert len(found[4]) > 20
    return found


def run_to_end() -> int:
    count = 0
    while run_backtests():
        count += 1
    return count


def cut_after(steps: int, patch: pytest.MonkeyPatch) -> None:
    """Have a slice be over after so many steps, and one."""
    left = iter(range(steps))
    patch.setattr(backtest_runs, "a_slice", lambda: lambda: next(left, None) is not None)


def test_a_worker_runs_it_and_says_what_came_of_it(user: User, whole: Any) -> None:
    backtest = Backtest.objects.get()
    assert (backtest.status, backtest.progress, backtest.error, backtest.checkpoint) == (
        "done",
        100,
        "",
        None,
    )
    assert backtest.started_at == backtest.ended_at == time.now()
    assert backtest.metrics["fills"] == backtest.trades.count()
    assert backtest.metrics["decisions"]["total"] == HOURS
    assert len(backtest.equity_curve) == HOURS + 1
    assert backtest.equity_curve[-1]["equity"] == backtest.metrics["equity"]
    gains = [gain for gain in backtest.trades.values_list("realized_pnl", flat=True) if gain is not None]
    assert sum(gains) == D(backtest.metrics["realized_pnl"])
    assert not run_backtests()


@pytest.mark.parametrize("seed", range(4))
def test_cancelled_and_resumed_anywhere_it_comes_to_the_same(
    seed: int, user: User, whole: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    backtest = ask(user)
    shown = []
    while (status := Backtest.objects.get(pk=backtest.pk).status) != "done":
        assert status in ("queued", "running")
        cut_after(dice.randint(0, 9), monkeypatch)
        if dice.random() < 0.3:  # while a worker has it: what it does then counts for nothing
            held = claim()
            assert held is not None
            cancel_backtest(held)
            cut_after(10**9, monkeypatch)
            work_on(held)
            resume_backtest(held)
        else:
            run_backtests()
        backtest.refresh_from_db()
        shown.append(backtest.progress)
    assert outcome(backtest) == whole
    assert shown == sorted(shown)
    assert len(shown) > 3


def test_a_worker_whose_lease_ran_out_stores_nothing(user: User, whole: Any, clock: Any) -> None:
    backtest = ask(user)
    slow = claim()
    assert claim() is None
    clock.shift(61)
    assert run_to_end() == 1
    assert slow is not None
    work_on(slow)
    assert outcome(backtest) == whole


def test_a_backtest_that_kills_workers_is_given_up(user: User, whole: Any, clock: Any) -> None:
    backtest = ask(user)
    for _ in range(3):
        assert claim() is not None
        clock.shift(61)
    assert run_to_end() == 1
    backtest.refresh_from_db()
    assert (backtest.status, backtest.lease_until) == ("failed", None)
    assert backtest.error.startswith("3 workers took it up, and none got on")
    resume_backtest(backtest)
    run_to_end()
    assert outcome(backtest) == whole


@pytest.mark.parametrize(
    ("slug", "said"),
    [
        ("peeks", "TouchedDatabase: a rule may not ask the database: what it needs it declares as an input"),
        ("reaches", "Undeclared: news:BTC: 1 day, 0:00:00 back was asked for, and 1:00:00 declared"),
        ("foresees", "Undeclared: news:BTC: -1 day, 23:00:00 back was asked for, and 1:00:00 declared"),
        ("pries", "AttributeError: 'Snapshot' object has no attribute '_prices'"),
    ],
)
def test_a_rule_that_looks_ahead_is_refused_by_name(user: User, clock: Any, slug: str, said: str) -> None:
    make_prices(time.now())
    backtest = ask(user, slug)
    run_to_end()
    backtest.refresh_from_db()
    start = (time.now() - timedelta(hours=HOURS)).isoformat()
    assert (backtest.status, backtest.error) == ("failed", f"{slug} at {start}: {said}")
    assert backtest.metrics is None
    assert not backtest.trades.exists()


def test_within_a_rule_it_is_the_step_s_time(user: User, clock: Any) -> None:
    make_prices(time.now())
    backtest = ask(user, "watches")
    run_to_end()
    backtest.refresh_from_db()
    assert (backtest.status, backtest.error) == ("done", "")


def test_an_error_of_ours_shows_no_traceback(user: User, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make_prices(time.now())
    backtest = ask(user)
    monkeypatch.setattr(backtest_runs, "metrics_of", lambda engine: 1 / 0)
    run_to_end()
    backtest.refresh_from_db()
    assert backtest.error == "Something went wrong on our side (ZeroDivisionError); it has been logged."


def test_what_is_recorded_meanwhile_and_later_changes_nothing(
    user: User, whole: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a backtest that got half way
    backtest = ask(user)
    with monkeypatch.context() as patch:
        cut_after(20, patch)
        run_backtests()
    # When an article is restated, and history is backfilled that would have been known then
    at = time.now() - timedelta(hours=5, minutes=7)
    store_now(make_news(title="Not at all", occurred_at=at))
    Price.objects.create(
        coin_type="BTC", bid=1, ask=2, last=1, occurred_at=at, observed_at=time.now(), available_at=at, origin="backfill"
    )  # fmt: skip
    run_to_end()
    assert outcome(backtest) == whole


def test_observed_later_is_not_known_earlier_in_a_later_run_either(
    user: User, whole: Any, clock: Any
) -> None:
    wished = {"start": time.now() - timedelta(hours=HOURS), "end": time.now()}
    clock.shift(60)
    at = time.now() - timedelta(hours=5, minutes=7)
    store_now(make_news(title="Not at all", occurred_at=at))
    make_price(bid=1, ask=2, at=time.now())
    Price.objects.create(coin_type="BTC", bid=1, ask=2, last=1, occurred_at=at, observed_at=time.now())
    backtest = ask(user, **wished)
    run_to_end()
    assert outcome(backtest) == whole


def test_one_that_waits_longer_goes_first(
    user: User, whole: Any, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    first, second = ask(user), ask(user)
    monkeypatch.setattr(backtest_runs.time, "monotonic", iter(range(0, 10**9, 10**4)).__next__)
    for _ in range(6):
        clock.shift(1)
        run_backtests()
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.progress == second.progress > 0


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int | str, ...]]:
    """Give what waits for workers of the lab; messages are sent at once."""
    sent: list[tuple[int | str, ...]] = []
    monkeypatch.setattr("ohmycoins.core.outbox.nudge", lambda task, *args, **_: sent.append(args))
    return sent


@pytest.mark.parametrize("at_once", [1, 3])
def test_messages_go_round_and_do_not_pile_up(
    at_once: int, user: User, whole: Any, queue: list[Any], settings: Settings, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:  # fmt: skip
    settings.OMC_BACKTESTS_AT_ONCE = at_once
    asked = [ask(user), ask(user), ask(user)]
    monkeypatch.setattr(backtest_runs.time, "monotonic", iter(range(0, 10**9, 10**4)).__next__)
    slices, longest = 0, 0
    while queue:
        clock.shift(1)
        if slices < 60 and slices % 2:
            queue.append(())  # beat's, which comes whatever else there is
        slices += run_backtests(*queue.pop(0))
        longest = max(longest, len(queue))
    assert longest <= 6
    assert [outcome(backtest) == whole for backtest in asked] == [True] * 3


def test_only_so_many_are_worked_on_at_once(user: User, whole: Any, settings: Settings) -> None:
    for _ in range(3):
        ask(user)
    assert claim() is not None
    assert claim() is None
    settings.OMC_BACKTESTS_AT_ONCE = 2
    assert claim() is not None
    assert claim() is None


def test_a_message_for_a_turn_that_somebody_took_is_void(user: User, whole: Any, queue: list[Any]) -> None:
    backtest = ask(user)
    cancel_backtest(backtest)
    resume_backtest(backtest)
    assert queue == [(backtest.pk, 0)] * 2
    assert run_backtests(*queue.pop(0))
    assert not run_backtests(*queue.pop(0))
    assert queue == []


def test_backtests_have_a_queue_of_their_own(settings: Settings) -> None:
    route = app.amqp.router.route({}, "pnl.run_backtests")
    assert route["queue"].name == "lab"
    assert app.amqp.router.route({}, "pnl.book_overdue")["queue"].name == "default"
    assert "lab" in WORKERS["collect"][1].split(",")


def test_a_slice_lasts_from_its_first_step_on_however_long_it_takes_to_open(
    user: User, whole: Any, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    backtest, passed = ask(user), [0.0]
    opened, step = backtest_runs._open, Engine._step

    def slowly(function: Any, seconds: float) -> Any:
        def taken(*given: Any) -> Any:
            passed[0] += seconds
            return function(*given)

        return taken

    monkeypatch.setattr(backtest_runs.time, "monotonic", lambda: passed[0])
    monkeypatch.setattr(backtest_runs, "_open", slowly(opened, 10))
    monkeypatch.setattr(Engine, "_step", slowly(step, 1))
    run_backtests()
    backtest.refresh_from_db()
    assert backtest.checkpoint["state"]["step"] == 1 + settings.OMC_BACKTEST_SLICE_SECONDS


def test_success_marks_the_algorithm_backtested_unless_it_changed_meanwhile(
    user: User, whole: Any, settings: Settings
) -> None:
    settings.OMC_BACKTEST_DAYS = 2

    def made(name: str) -> Algorithm:
        return Algorithm.objects.create(user=user, slug="waves", name=name, parameters={"fraction": "0.5"})

    own, other, changed = made("own"), made("other"), made("changed")
    ask(user, "", algorithm_id=own.pk)
    ask(user, "", algorithm_id=other.pk, parameters={"fraction": "0.25"})
    ask(user, "", algorithm_id=changed.pk)
    Algorithm.objects.filter(pk=changed.pk).update(version=2)
    run_to_end()
    assert set(Backtest.objects.values_list("status", flat=True)) == {"done"}
    states = [Algorithm.objects.get(pk=each.pk).status for each in (own, other, changed)]
    assert states == ["backtested", "draft", "draft"]
    event = Event.objects.get(type="algorithm.backtested")
    assert event.inputs["grounds"]["backtest"] == Backtest.objects.get(algorithm=own).pk
    said = Backtest.objects.order_by("id").values_list("counts_for_promotion", "promotion_reason")
    assert list(said) == [
        (False, "It was asked for with a rule, and not with an algorithm."),
        (True, ""),
        (False, "Its parameters are not the algorithm's own."),
        (False, "The algorithm's parameters have changed since it was asked for."),
    ]


def test_a_backtest_too_short_to_say_anything_leaves_a_draft_and_says_so(user: User, whole: Any) -> None:
    algorithm = Algorithm.objects.create(user=user, slug="waves", name="own", parameters={"fraction": "0.5"})
    backtest = ask(user, "", algorithm_id=algorithm.pk, start=time.now() - timedelta(hours=19))
    run_to_end()
    backtest.refresh_from_db()
    algorithm.refresh_from_db()
    assert (backtest.status, algorithm.status, backtest.counts_for_promotion) == ("done", "draft", False)
    assert backtest.promotion_reason == (
        "It covers 0.7 days; 30 are needed. Its rule was asked 19 times; 20 are needed."
    )


def test_other_code_than_asked_for_is_not_mixed_in(
    user: User, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backtest = ask(user)
    Backtest.objects.filter(pk=backtest.pk).update(code_digest="other")
    run_to_end()
    backtest.refresh_from_db()
    assert backtest.error == "the code of waves changed after it was asked for: ask for another backtest"


def test_an_account_lends_its_limits_and_its_days(user: User, whole: Any) -> None:
    account = make_account(user)
    set_limits(account, position=100, loss=100, algorithm=2)
    values = {
        "parameters": {},
        "start": time.now() - timedelta(hours=HOURS),
        "end": time.now(),
        "step": "hour",
    }
    backtest = make_backtest(user=user, wish=Wish(slug="waves", **values), account=account)
    assert backtest.limits["max_algorithm_percent"] == "2"
    run_to_end()
    backtest.refresh_from_db()
    assert max(trade.value_aud for trade in backtest.trades.filter(side="buy")) <= 1_010


def test_so_many_at_once_and_no_more(user: User, whole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtests, "MOST_UNFINISHED", 2)
    ask(user)
    first = ask(user)
    with pytest.raises(Conflict, match="You have 2 backtests that are not done"):
        ask(user)
    cancel_backtest(first)
    ask(user)
    with pytest.raises(Conflict, match="You have 2 backtests that are not done"):
        resume_backtest(first)
    first.refresh_from_db()
    assert first.status == "cancelled"
    run_to_end()
    assert resume_backtest(first).status == "queued"


@pytest.mark.django_db(transaction=True)
def test_what_a_backfill_is_storing_is_not_left_below_the_tops() -> None:
    # Given a past of prices, an article that a backfill is storing, and one that another source stored after it
    user = make_account().user
    now = time.now()
    for hour in range(4):
        make_price(at=now - timedelta(days=1, hours=hour))
    slow, fast = (make_run(source=make_source(name, "human")) for name in ("news_rss", "cryptopanic"))
    past, at = Past(News.Origin.BACKFILL, timedelta(0)), now - timedelta(days=1, hours=2)
    stored, release = threading.Event(), threading.Event()

    def backfill() -> None:
        with transaction.atomic():
            advisory_lock("ledgers.news_rss")
            store_items(
                [make_news("a", occurred_at=at)], source_id="news_rss", run=slow, observed_at=now, past=past
            )
            stored.set()
            release.wait(5)
        connection.close()

    writer = threading.Thread(target=backfill)
    writer.start()
    assert stored.wait(5)
    store_items(
        [make_news("b", occurred_at=at)], source_id="cryptopanic", run=fast, observed_at=now, past=past
    )
    ask(user, start=now - timedelta(days=1, hours=3), end=now - timedelta(days=1))
    backtest = claim()
    assert backtest is not None
    # When it begins meanwhile, then it waits for the article, and both are known
    threading.Timer(0.3, release.set).start()
    _, engine = backtest_runs._open(backtest)
    writer.join()
    engine.market.move(at)
    assert len(engine.market.rows(NEWS)) == 2


WORKER = """
import django, sys
django.setup()
from apps.pnl.models import Backtest
from apps.pnl.services import backtest_runs
from ohmycoins.core import seams
from django.conf import settings
from apps.pnl.tests.backtest_rules import RULES
settings.ALGORITHMS = settings.ALGORITHMS | RULES
settings.OMC_BACKTEST_SLICE_SECONDS, settings.OMC_BACKTEST_LEASE_SECONDS = 0.02, 0.5
seams.load.cache_clear()
import time
while Backtest.objects.unfinished().exists():
    if backtest_runs.run_backtests():
        print("stored", flush=True)
    else:
        time.sleep(0.02)
"""


@pytest.mark.django_db(transaction=True)
def test_workers_killed_anywhere_leave_the_result_as_it_is() -> None:
    # Given minutes of two days, and what they come to
    user = make_account().user
    end = time.now().replace(second=0, microsecond=0) - timedelta(minutes=1)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ledgers_price (coin_type, market, bid, ask, last, crossed, occurred_at, observed_at, origin)
               SELECT 'BTC', 'AUD', 1000 + n %% 37, 1001 + n %% 37, 1000, false, at, at, 'observed'
               FROM (SELECT n, %s - interval '1 minute' * n AS at FROM generate_series(0, 2880) AS n) AS tick""",
            [end],
        )
    wished = {
        "start": end - timedelta(days=2),
        "end": end,
        "step": "minute",
        "slices": 2,
        "slice_seconds": 90,
    }
    run = make_run(source=make_source("news_rss", "human"))
    past = Past(News.Origin.BACKFILL, timedelta(0))
    article = make_news(occurred_at=end - timedelta(days=2))
    store_items([article], source_id=run.source_id, run=run, observed_at=time.now(), past=past)
    alone = ask(user, **wished)
    run_to_end()
    assert outcome(alone)[0] == "done"
    # When workers that run it again are killed, one after another
    backtest = ask(user, **wished)
    environment = os.environ | {
        "DATABASE_URL": _test_database(),
        "DJANGO_SETTINGS_MODULE": "ohmycoins.settings",
    }
    dice = random.Random(5)
    for kills in range(4):
        worker = subprocess.Popen([sys.executable, "-c", WORKER], env=environment, stdout=subprocess.PIPE)
        try:
            assert worker.stdout is not None
            if kills == 3:  # the last one may end its work
                worker.wait(timeout=90)
                break
            for _ in range(dice.randint(1, 4)):
                assert worker.stdout.readline() == b"stored\n"
            wall.sleep(dice.uniform(0, 0.05))
        finally:
            worker.kill()
            worker.wait()
        assert Backtest.objects.get(pk=backtest.pk).status == "running"
    assert outcome(backtest) == outcome(alone)
    assert not BacktestTrade.objects.filter(backtest=backtest, number__gt=backtest.metrics["fills"]).exists()


def _test_database() -> str:
    """Name the test's own database for another process."""
    url = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))
