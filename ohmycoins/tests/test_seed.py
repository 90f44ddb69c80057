"""`manage.py seed`: the same past each time, added once, traded for real, and gone without a trace of it."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal as D
from io import StringIO
from typing import Any

import psycopg
import pytest
import time_machine
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.db.models import Count, F, Q

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.models import Candle, Cut, LatestPrice, News, Price, Source
from apps.ledgers.models.entry import Entry
from apps.ledgers.services.candles import roll_candles
from apps.ledgers.services.purge import LEDGERS
from apps.ledgers.services.store import store_items
from apps.ledgers.tests.factories import make_news, make_price, make_run, make_source, store_now
from apps.monitoring.models import Alert, Protection
from apps.pnl.models import Backtest, BookingFailure, DailyTotal, Lot, Match
from apps.trading.models import (
    Account,
    Algorithm,
    Brake,
    Decision,
    Deployment,
    Event,
    Evidence,
    Fill,
    Order,
    Stop,
)
from apps.trading.services import decisions, dispatch
from apps.trading.services.accounts import open_account
from apps.trading.services.invariants import check_invariants
from apps.trading.tests.factories import make_account, trade
from conftest import NOON
from ohmycoins.core import clock as system_clock
from ohmycoins.sandbox.market import BASES, Market
from ohmycoins.seed import clearing, entries, past, replay
from ohmycoins.seed.algorithms import RULES
from ohmycoins.seed.clearing import OF_ACCOUNT, clear
from ohmycoins.seed.entries import MADE, Window, prices_at
from ohmycoins.seed.marks import GROUP, LOCK, seeded_accounts, seeded_users
from ohmycoins.seed.people import EXPERIENCES, RISKS, person
from ohmycoins.seed.seeding import Seeded, seed_database

DAYS = 45
SHOWN = ("accounts", "auth", "ledgers", "trading", "pnl")


def run(**given: Any) -> Seeded:
    wanted = {"users": 4, "algorithms": 15, "days": DAYS, "seed": 42, "report": lambda *_: None} | given
    return seed_database(**wanted)


def counts(besides: tuple[type[models.Model], ...] = ()) -> dict[str, int]:
    """Give the number of rows of every table of ours."""
    tables = [model for model in apps.get_models() if model._meta.app_label in SHOWN and model not in besides]
    return {model._meta.label: model._default_manager.count() for model in tables}


@pytest.fixture(scope="module")
def seeded(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """Give a database with a superuser and somebody real, seeded at noon; made once, with prices by the minute for two hours."""
    patched = pytest.MonkeyPatch()
    patched.setattr(entries, "FINE", timedelta(hours=2))
    with django_db_blocker.unblock(), transaction.atomic(), time_machine.travel(NOON, tick=False) as clock:
        User.objects.create_superuser("boss@localhost", "correct horse battery")
        UserFactory(email="real@example.com")
        run()
        yield clock
        transaction.set_rollback(True)
    patched.undo()


@pytest.fixture
def database(seeded: Any) -> Iterator[Any]:
    """Give the seeded database for one test, and put it back."""
    with transaction.atomic():
        yield seeded
        seeded.move_to(NOON)
        transaction.set_rollback(True)


@pytest.fixture
def empty(db: None, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a database that nobody seeded yet, with little to write."""
    monkeypatch.setattr(entries, "FINE", timedelta(hours=1))
    return clock


pytestmark = pytest.mark.usefixtures("django_db_setup")


# Once -----------------------------------------------------------------------------------------------------


def test_second_run_adds_nothing_even_hours_later(database: Any) -> None:
    before = counts()
    assert run() == Seeded(Window(NOON - timedelta(days=DAYS), NOON), new_users=0, new_accounts=0)
    database.shift(3 * 3600)
    assert run(days=5).window.until == NOON
    assert counts() == before


def test_superuser_is_kept_as_is_and_counted(database: Any) -> None:
    boss = User.objects.get(is_superuser=True)
    assert (boss.email, boss.full_name, boss.timezone) == ("boss@localhost", "", "Australia/Sydney")
    assert boss.check_password("correct horse battery")
    assert seeded_users().count() == 3
    assert set(seeded_accounts().values_list("user__email", flat=True)) == {
        "boss@localhost", *seeded_users().values_list("email", flat=True)
    }  # fmt: skip


def test_more_users_are_added_to_those_that_are_there(database: Any) -> None:
    before = dict(Account.objects.annotate(orders_made=Count("orders")).values_list("pk", "orders_made"))
    assert run(users=5).new_users == 1
    assert Account.objects.count() == len(before) + 1
    after = dict(Account.objects.annotate(orders_made=Count("orders")).values_list("pk", "orders_made"))
    assert {account: after[account] for account in before} == before


def test_run_that_was_interrupted_is_finished_by_the_next(
    empty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction.atomic():
        run(days=8)
        whole = counts()
        transaction.set_rollback(True)
    drain, calls = replay.drain_account, Counter[str]()

    def interrupted(account_id: int) -> int:
        calls["drained"] += 1
        if calls["drained"] == 8:
            raise KeyboardInterrupt
        return drain(account_id)

    monkeypatch.setattr(replay, "drain_account", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(days=8)
    assert 0 < Order.objects.count() < whole["trading.Order"]
    assert Order.objects.exclude(account__in=seeded_accounts()).count() == 0  # no half of an account
    empty.shift(3600)
    run(days=8)
    assert counts() == whole


def test_same_seed_gives_the_same_rows_and_another_seed_others(empty: Any) -> None:
    def rows(seed: int) -> dict[str, list[Any]]:
        with transaction.atomic():
            run(days=4, seed=seed)
            found = {
                "prices": Price.objects.values_list("coin_type", "occurred_at", "bid", "ask", "last"),
                "news": News.objects.values_list("item", "occurred_at", "title", "sentiment_score", "available_at"),
                "users": User.objects.values_list("email", "timezone", "risk_tolerance", "date_joined"),
                "orders": Order.objects.values_list(
                    "user__email", "created_at", "coin_type", "side", "quantity", "price", "status", "ledger", "decision__deployment__algorithm__name",
                ),
                "fills": Fill.objects.values_list("executed_at", "coin_type", "quantity", "price", "fee_aud", "ledger"),
                "days": DailyTotal.objects.values_list("account__user__email", "day", "realized_pnl", "equity_aud"),
            }  # fmt: skip
            given = {name: sorted(values, key=str) for name, values in found.items()}
            transaction.set_rollback(True)
        return given

    first, again, other = rows(42), rows(42), rows(43)
    assert first == again
    assert all(first[name] != other[name] for name in first)
    assert all(first.values())


# What is written ---------------------------------------------------------------------------------------


def test_every_ledger_has_entries_that_say_they_are_made_up(database: Any) -> None:
    for model in LEDGERS.values():
        if model._meta.label == "ledgers.Depth":
            continue
        entries_of = model._default_manager.all()
        assert entries_of.count() > 10
        assert not entries_of.exclude(origin=Entry.Origin.SEED, observed_at=NOON, run=None).exists()
        assert not entries_of.filter(Q(available_at=None) | Q(available_at__lt=F("occurred_at"))).exists()
        assert not entries_of.exclude(occurred_at__range=(NOON - timedelta(days=DAYS), NOON)).exists()
    assert Candle.objects.filter(interval="hour").count() == len(BASES) * DAYS * 24
    assert set(Candle.objects.values_list("interval", flat=True)) == {"5min", "hour", "day"}


def test_latest_prices_are_the_newest_and_those_the_sandbox_served_a_minute_ago(database: Any) -> None:
    latest = {row.coin_type: row for row in LatestPrice.objects.all()}
    assert set(latest) == set(BASES)
    for price in prices_at(Market(42), NOON - timedelta(minutes=1)):
        row = latest[price.coin_type]
        assert (row.bid, row.ask, row.last, row.occurred_at) == (
            price.bid,
            price.ask,
            price.last,
            price.occurred_at,
        )
        assert row.price == Price.objects.filter(coin_type=price.coin_type).latest("occurred_at")
    for price in prices_at(Market(42), NOON):  # what comes next goes on from there
        assert abs(price.last / latest[price.coin_type].last - 1) < D("0.01")


@pytest.mark.parametrize("made", MADE[2:], ids=lambda made: made.collector)
def test_collector_finds_nothing_new_in_what_is_written(database: Any, made: Any) -> None:
    seen = [
        record
        for record in made.records(Market(42), Window(NOON - timedelta(days=9), NOON))
        if record.occurred_at in Window(NOON - timedelta(days=9), NOON)
    ]
    collecting = make_run(source=Source.objects.get(pk=made.collector))
    assert len(seen) > 1
    assert store_items(seen, source_id=made.collector, run=collecting, observed_at=NOON) == 0


def test_made_up_prices_never_become_observed_candles(database: Any) -> None:
    database.shift(3600)
    assert roll_candles(now=system_clock.now()) == 0
    make_price("BTC")
    database.shift(7200)
    assert roll_candles(now=system_clock.now()) == 2
    assert Candle.objects.filter(origin=Entry.Origin.OBSERVED).count() == 2


def test_past_ends_where_something_was_observed(empty: Any) -> None:
    make_source()
    make_price("BTC")
    empty.shift(7200)
    window = run(users=1, days=2).window
    assert window == Window(NOON - timedelta(days=2), NOON)
    assert LatestPrice.objects.get(coin_type="BTC").occurred_at == NOON


# People ------------------------------------------------------------------------------------------------


def test_any_three_people_differ_in_risk_and_experience_and_ten_in_all() -> None:
    people = [person(42, number) for number in range(10)]
    for three in zip(people, people[1:], people[2:], strict=False):
        assert {each.risk_tolerance for each in three} == set(RISKS)
    assert {each.trading_experience for each in people[:3]} == set(EXPERIENCES)
    assert len({(each.risk_tolerance, each.trading_experience) for each in people}) == 9
    assert len({each.timezone for each in people}) == 10
    assert len({each.preferred_currency for each in people}) > 4
    assert len({person(42, number).email() for number in range(400)}) == 400


def test_seeded_users_cannot_log_in_and_have_addresses_that_reach_nobody(database: Any) -> None:
    for user in seeded_users():
        assert not user.has_usable_password()
        assert user.email.endswith("@example.com")
        assert (user.is_staff, user.is_superuser, user.get_all_permissions()) == (False, False, set())
        assert user.date_joined == NOON - timedelta(days=DAYS)
        user.full_clean(exclude=["password"])


def test_real_user_with_a_seeded_address_is_left_alone(empty: Any) -> None:
    mine = UserFactory(email=person(42, 0).email(), full_name="Really Me")
    run(users=1, days=1)
    mine.refresh_from_db()
    assert (mine.full_name, mine.trading_accounts.count()) == ("Really Me", 0)
    assert seeded_users().get().email == person(42, 0).email(attempt=1)


# Trades ------------------------------------------------------------------------------------------------


def test_invariants_hold_and_everything_is_booked(database: Any) -> None:
    assert check_invariants() == []
    assert not BookingFailure.objects.exists()
    assert Fill.objects.filter(side="buy").count() == Lot.objects.count() > 30
    assert set(Match.objects.values_list("lot__account_id", flat=True)) == set(
        seeded_accounts().values_list("pk", flat=True)
    )


def test_orders_are_of_all_kinds_by_hand_and_by_algorithms(database: Any) -> None:
    orders = Order.objects.all()
    assert set(orders.values_list("order_type", flat=True)) == {"market", "limit"}
    assert {"filled", "cancelled", "denied"} <= set(orders.values_list("status", flat=True))
    assert {"", "exchange", "human", "catalyst"} <= set(Fill.objects.values_list("ledger", flat=True))
    assert set(orders.filter(ledger="").values_list("algorithm_id", flat=True)) == {None}
    assert not orders.exclude(ledger="").filter(algorithm_id=None).exists()
    assert Match.objects.filter(realized_pnl__gt=0).exists()
    assert Match.objects.filter(realized_pnl__lt=0).exists()
    assert all(order.denials[0]["code"] for order in orders.filter(status="denied"))


def test_fills_are_dated_and_priced_by_the_past(database: Any) -> None:
    market = Market(42)
    for fill in Fill.objects.select_related("order"):
        assert NOON - timedelta(days=DAYS) <= fill.order.created_at <= fill.executed_at < NOON
        tick = market.tick(fill.coin_type, fill.executed_at)
        at_market = D(tick.ask if fill.side == "buy" else tick.bid)
        assert fill.price in (at_market, fill.order.price)
    for event in Event.objects.exclude(type="account.seeded"):
        assert NOON - timedelta(days=DAYS) <= event.at < NOON


def test_cash_was_never_negative(database: Any) -> None:
    for account in seeded_accounts():
        cash = D(100_000)
        for fill in Fill.objects.filter(account=account).order_by("executed_at", "sequence"):
            cash += (-fill.value_aud if fill.side == "buy" else fill.value_aud) - fill.fee_aud
            assert cash >= 0
        assert cash == account.cash_aud


def test_every_day_has_its_equity(database: Any) -> None:
    for account in seeded_accounts():
        days = DailyTotal.objects.filter(account=account, equity_aud__isnull=False)
        assert DAYS <= days.count() <= DAYS + 1
        assert all(80_000 < day.equity_aud < 130_000 for day in days)


def test_replay_leaves_the_real_market_and_the_workers_alone(
    empty: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as nudges:
        run(users=1, days=3)
    assert nudges == []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass('pg_temp.ledgers_latestprice'), to_regclass('pg_temp.ledgers_latestdepth')"
        )
        assert cursor.fetchone() == (None, None)
    assert LatestPrice.objects.get(coin_type="BTC").occurred_at == NOON - timedelta(minutes=1)


def test_order_that_cannot_be_executed_keeps_the_account_out(
    empty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "drain_account", lambda account_id: 0)
    with pytest.raises(replay.ReplayFailed, match="is pending and was not executed"):
        run(users=1, days=9)
    assert (Account.objects.count(), Order.objects.count()) == (0, 0)


# Not now -----------------------------------------------------------------------------------------------


def test_live_accounts_at_the_real_venue_refuse_a_seed(empty: Any, settings: Any) -> None:
    open_account(user=UserFactory(), name="Live", venue="coinspot")
    before = counts()
    with pytest.raises(CommandError, match="There are live accounts here"):
        call_command("seed", days=1)
    assert counts() == before
    settings.COINSPOT_URL = "http://127.0.0.1:8100"
    call_command("seed", days=1, users=1, stdout=StringIO())
    assert Price.objects.exists()


def test_another_seed_is_refused(database: Any) -> None:
    before = counts()
    with pytest.raises(CommandError, match="The past of seed 42 is here already"):
        call_command("seed", seed=43)
    assert counts() == before


def test_one_seeds_at_a_time(empty: Any) -> None:
    given = connection.get_connection_params()
    given = {name: given[name] for name in ("dbname", "host", "port", "user", "password") if given.get(name)}
    with psycopg.connect(**given) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [LOCK])
        for options in ({"days": 1}, {"clear": True}):
            with pytest.raises(CommandError, match="being seeded or cleared"):
                call_command("seed", **options)
    assert not Price.objects.exists()


def test_command_says_what_is_new_and_takes_it_away(empty: Any) -> None:
    out = StringIO()
    call_command("seed", "--users", "1", "--days", "2", stdout=out)
    assert (
        "1 new users, 1 new accounts; the past is from 2026-02-28 12:00 to 2026-03-02 12:00 UTC"
        in out.getvalue()
    )
    call_command("seed", "--users", "1", "--days", "2", stdout=out)
    assert "0 new users, 0 new accounts" in out.getvalue()
    call_command("seed", "--clear", stdout=out)
    assert "1 accounts, 1 users and" in out.getvalue()
    for wrong in ("0", "-1", "many"):
        with pytest.raises(CommandError, match="is not a number from 1"):
            call_command("seed", f"--users={wrong}")


# Away --------------------------------------------------------------------------------------------------


def test_clear_leaves_no_trace_but_the_cut(empty: Any) -> None:
    User.objects.create_superuser("boss@localhost", "correct horse battery")
    sources = make_source()
    real = make_account(UserFactory())
    make_price("BTC")
    trade(real, amount_aud="1000")
    store_now(make_news())
    before = counts(besides=(Cut, Source)), LatestPrice.objects.get().price_id
    empty.shift(86_400)
    run(days=4)
    assert counts()["trading.Order"] > before[0]["trading.Order"]
    cleared = clear()
    assert (counts(besides=(Cut, Source)), LatestPrice.objects.get().price_id) == before
    assert (cleared.accounts, cleared.users) == (4, 3)
    assert cleared.entries == sum(Cut.objects.values_list("deleted", flat=True))
    assert set(Cut.objects.values_list("before", "reason")) == {(system_clock.now(), "seed --clear")}
    assert check_invariants() == []
    sources.refresh_from_db()
    assert sources.backfilled == {}
    assert clear() == clearing.Cleared(accounts=0, users=0, entries=0)


def test_clear_takes_what_happened_since_in_a_seeded_account(database: Any) -> None:
    account = seeded_accounts().filter(user__is_superuser=False).first()
    assert account is not None
    Stop.objects.create(scope="account", target=str(account.pk), state="halted", changed_by="tests")
    Stop.objects.create(scope="user", user=account.user, state="halted", changed_by="tests")
    own = {"user": account.user, "account": account}
    Brake.objects.create(kind="cooldown", cause="1", reason="a loss", engaged_by="tests", **own)
    Protection.objects.create(kind="cooldown", **own).peaks.create(
        account=account, level=1, began_at=system_clock.now(), at=system_clock.now()
    )
    since = {
        "opened_at": system_clock.now(),
        "seen_at": system_clock.now(),
        "severity": "low",
        "user": account.user,
    }
    Alert.objects.create(type="brake", key="of the account", account_id=account.pk, **since)
    Alert.objects.create(type="order", key="of the user", **since)
    clear()
    assert [model.objects.count() for model in (Brake, Protection, Alert)] == [0, 0, 0]
    assert list(Stop.objects.values_list("scope", flat=True)) == ["global"]
    assert sorted(User.objects.values_list("email", flat=True)) == ["boss@localhost", "real@example.com"]


def test_clear_keeps_whoever_has_an_account_of_another_making(database: Any) -> None:
    kept = seeded_users().first()
    assert kept is not None
    mine = open_account(user=kept, name="My own", venue="paper")
    promoted = seeded_users().last()
    assert promoted is not None
    User.objects.filter(pk=promoted.pk).update(is_superuser=True)
    clear()
    assert list(Account.objects.all()) == [mine]
    assert {kept, promoted} <= set(User.objects.all())
    assert kept.groups.get().name == GROUP


def test_seeding_again_after_a_clear_gives_the_same(empty: Any) -> None:
    run(days=3)
    before = counts(besides=(Cut,))
    clear()
    run(days=3)
    assert counts(besides=(Cut,)) == before


def test_clear_knows_every_table_that_belongs_to_an_account() -> None:
    belonging = {
        model
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.related_model in OF_ACCOUNT
    }
    assert belonging <= {*OF_ACCOUNT, Backtest}  # a backtest outlives the account whose limits it had


@pytest.mark.slow
def test_year_of_ten_users(db: None, clock: Any) -> None:
    User.objects.create_superuser("boss@localhost", "correct horse battery")
    run(users=10, algorithms=15, days=365)
    assert check_invariants() == []
    assert Price.objects.count() == len(BASES) * (358 * 24 + 7 * 24 * 60)
    assert 800 < Order.objects.count() < 1800
    fates = Counter(Order.objects.values_list("status", flat=True))
    assert fates["filled"] > 10 * max(fates["expired"], 1)
    assert {"filled", "cancelled", "denied", "expired"} <= set(fates)
    assert len(set(Fill.objects.exclude(algorithm_id=None).values_list("algorithm_id", flat=True))) == 10
    assert set(Fill.objects.values_list("ledger", flat=True)) == {
        "",
        "exchange",
        "glass",
        "human",
        "catalyst",
    }
    assert past.read_mark() is not None


# Algorithms --------------------------------------------------------------------------------------------


def test_two_thirds_of_the_algorithms_are_deployed_and_go_on_by_themselves(database: Any) -> None:
    assert Algorithm.objects.count() == 15
    deployments = list(Deployment.objects.select_related("algorithm"))
    assert len(deployments) == 10
    assert {deployment.status for deployment in deployments} == {"active"}
    assert all(deployment.next_run_at > NOON for deployment in deployments if deployment.next_run_at)
    assert {deployment.algorithm.slug for deployment in deployments} == set(RULES.values())
    assert set(Algorithm.objects.filter(deployments=None).values_list("status", flat=True)) == {
        "draft",
        "backtested",
    }
    dispatch.run_due()
    database.shift(24 * 3600)
    assert dispatch.run_due() == 10
    for decision in Decision.objects.waiting():
        decisions.run_decision(decision.pk)
    assert not Decision.objects.filter(status="failed").exists()


def test_what_algorithms_traded_follows_from_decisions_on_rows_that_were_known(database: Any) -> None:
    orders = Order.objects.exclude(ledger="")
    assert orders.exists()
    assert not orders.filter(decision=None).exists()
    rested = Evidence.objects.filter(table="candle").select_related("decision")
    for row in rested:
        candle = Candle.objects.get(pk=row.row_id)
        assert candle.coin_type == row.decision.coin_type
        assert candle.available_at <= row.decision.decided_at
    assert {"candle", "catalystevent"} <= set(Evidence.objects.values_list("table", flat=True))
    for denied in orders.filter(status="denied", submitted_at=None).exclude(denials=[]):
        assert denied.decision.denials == denied.denials
