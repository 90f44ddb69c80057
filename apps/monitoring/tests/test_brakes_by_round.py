"""The round's brakes: drawdowns, failing collectors, outliers; what is off, what ends, and what is told of it."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import transaction

from apps.ledgers.models import Source
from apps.ledgers.tests.factories import make_news, make_price, make_run, make_source, store_now
from apps.monitoring.models import Peak, Protection, QualityCheck
from apps.monitoring.services.protections import look, sync_protections
from apps.monitoring.tests.protecting import engaged, make_outlier, protect, reprice
from apps.trading.models import Account, Algorithm, Brake, Event, Movement
from apps.trading.services.brakes import release
from apps.trading.services.fills import add_to_holding
from apps.trading.services.import_fills import import_fills
from apps.trading.tests.deployed import make_decision, make_deployment, order_of, traded_by
from apps.trading.tests.factories import make_account, place, trade
from ohmycoins.core.clock import now

pytestmark = pytest.mark.django_db
QUARTER = {"max_percent": "25", "window_days": 30}


@pytest.fixture(autouse=True)
def noon(clock: Any) -> Any:
    return clock


@pytest.fixture
def account() -> Account:
    """Give A$1,000, of which all but A$1 went into coins worth A$998.001 now."""
    make_price(bid=100_000, ask=100_000)
    account = make_account(cash="1000")
    trade(account, quantity="0.00998001", price="100000")
    return account


def kinds() -> list[tuple[str, int | None, int | None, str]]:
    return [(brake.kind, brake.account_id, brake.algorithm_id, brake.coin_type) for brake in engaged()]


def pay(account: Account, amount: str) -> None:
    Movement.objects.create(
        account=account, kind="deposit" if D(amount) > 0 else "withdrawal", amount_aud=D(amount), occurred_at=now(),
        recorded_at=now(), venue_ref=f"pay {amount}",
    )  # fmt: skip
    Account.objects.filter(pk=account.pk).update(cash_aud=account.cash_aud + D(amount))


def test_drawdown_brakes_the_account_at_its_bound_and_not_before(account: Account, noon: Any) -> None:
    protect("drawdown", QUARTER)
    look(now())
    reprice("BTC", 74_980)
    noon.shift(300)
    look(now())
    assert kinds() == []
    reprice("BTC", 74_900)
    noon.shift(300)
    (finding,) = look(now())
    assert kinds() == [("drawdown", account.pk, None, "")]
    (brake,) = engaged()
    assert brake.until is None
    assert brake.reason == (
        f"account {account.pk} is 25.07 % below its peak since 2026-03-02 12:00 UTC, at most 25 % over 30 days"
    )
    assert brake.inputs["percent"] == "25.07"
    assert (finding.type, finding.key, finding.severity) == ("brake", f"brake:{brake.pk}", "medium")
    assert (finding.user_id, finding.account_id) == (account.user_id, account.pk)
    assert finding.message == (
        f"Purchases in account {account.pk} are held back until somebody releases it (drawdown): {brake.reason}"
    )
    assert place(account, quantity="0.000001").denials[0]["code"] == "BRAKED"
    assert trade(account, "sell", quantity="0.001").status == "filled"


def test_payments_are_no_drawdown(account: Account, noon: Any) -> None:
    protect("drawdown", QUARTER)
    look(now())
    account.refresh_from_db()
    pay(account, "5000")
    noon.shift(300)
    look(now())
    account.refresh_from_db()
    pay(account, "-4990")
    noon.shift(300)
    look(now())
    assert Peak.objects.get().level == 1
    assert kinds() == []


def test_coins_that_come_and_history_that_is_imported_are_no_gain_and_no_loss(
    account: Account, noon: Any
) -> None:
    protect("drawdown", QUARTER)
    look(now())
    with transaction.atomic():
        Movement.objects.create(
            account=account, kind="receive", coin_type="BTC", quantity=D(1), unit_price=D(100_000), occurred_at=now(),
            recorded_at=now(), venue_ref="a gift",
        )  # fmt: skip
        add_to_holding(account.pk, None, "BTC", D(1))
    noon.shift(300)
    look(now())
    csv = b"time,side,coin,quantity,price,fee_aud\n2026-01-01T00:00:00Z,buy,BTC,3,20000,0\n2026-01-02T00:00:00Z,sell,BTC,1,9000,5\n"
    import_fills(account.pk, csv, actor="user:1")
    noon.shift(300)
    look(now())
    peak = Peak.objects.get()
    assert (peak.level, peak.equity_aud) == (1, D("249994.001999"))
    reprice("BTC", 74_000)
    look(now())
    assert len(kinds()) == 1


def test_history_imported_before_the_day_was_begun_is_no_loss(account: Account, noon: Any) -> None:
    protect("drawdown", QUARTER)
    look(now())
    noon.shift(12 * 3600)  # midnight, and nobody has looked at the new day yet
    csv = b"time,side,coin,quantity,price,fee_aud\n2026-01-01T00:00:00Z,buy,BTC,0.5,190000,5\n"
    import_fills(account.pk, csv, actor="user:1")
    look(now())
    assert Peak.objects.get().level == 1
    assert kinds() == []


def test_drawdown_is_measured_from_the_peak_of_its_window(account: Account, noon: Any) -> None:
    protect("drawdown", {"max_percent": "25", "window_days": 2})
    look(now())
    reprice("BTC", 130_000)
    noon.shift(300)
    look(now())
    reprice("BTC", 99_000)
    noon.shift(3 * 86_400)
    look(now())
    assert kinds() == []
    assert list(Peak.objects.get().highs) == ["2026-03-05"]


def test_release_begins_the_peak_anew(account: Account, noon: Any) -> None:
    protect("drawdown", QUARTER)
    look(now())
    reprice("BTC", 70_000)
    look(now())
    (brake,) = engaged()
    noon.shift(60)
    release(brake.pk, actor=f"user:{account.user_id}", reason="I go on", now=now())
    for _ in range(2):
        noon.shift(300)
        look(now())
    assert kinds() == []
    assert Peak.objects.get().level == 1
    reprice("BTC", 50_000)
    look(now())
    assert kinds() == [("drawdown", account.pk, None, "")]


def test_drawdown_stands_though_the_market_comes_back(account: Account, noon: Any) -> None:
    protect("drawdown", QUARTER)
    look(now())
    reprice("BTC", 70_000)
    look(now())
    reprice("BTC", 100_000)
    noon.shift(300)
    look(now())
    assert len(kinds()) == 1


def test_drawdown_with_a_pause_ends_by_itself_and_begins_anew(account: Account, noon: Any) -> None:
    protect("drawdown", QUARTER | {"pause_minutes": 60})
    look(now())
    reprice("BTC", 70_000)
    look(now())
    assert engaged()[0].until == now() + timedelta(minutes=60)
    noon.shift(3_600)
    assert look(now()) == []
    assert (Brake.objects.get().released_by, Event.objects.filter(type="brake.released").count()) == (
        "clock",
        1,
    )


@pytest.mark.parametrize(("limit", "braked"), [("400", False), ("395", True)])
def test_drawdown_of_a_deployment_is_a_share_of_its_position_limit(
    noon: Any, limit: str, braked: bool
) -> None:
    make_price(bid=100_000, ask=100_000)
    account = make_account()
    deployment = make_deployment(account, position_limit_aud=D(limit))
    traded_by(make_decision(deployment), quantity="0.00395")
    protect("drawdown", QUARTER, user=account.user, deployment=deployment)
    look(now())
    # 0.00395 coins lose A$25,000 each: A$98.75, a quarter of A$395.
    reprice("BTC", 75_000)
    look(now())
    assert kinds() == ([("drawdown", account.pk, deployment.algorithm_id, "")] if braked else [])


def test_drawdown_of_a_deployment_without_a_limit_is_of_its_share_of_the_account(noon: Any) -> None:
    make_price(bid=100_000, ask=100_000)
    account = make_account(cash="1000", limited=True)
    deployment = make_deployment(account)
    traded_by(make_decision(deployment), quantity="0.0019")
    protect("drawdown", {"max_percent": "50", "window_days": 30}, user=account.user, deployment=deployment)
    look(now())
    reprice("BTC", 25_000)  # A$142.5 of 30 % of A$857.31
    (finding,) = look(now())
    assert finding.evidence["percent"] == "55.4"


def test_quiet_look_writes_nothing(account: Account, noon: Any) -> None:
    protect("drawdown", QUARTER)
    look(now())
    at = Peak.objects.get().at
    noon.shift(300)
    look(now())
    assert Peak.objects.get().at == at


def fail(name: str, ledger: str = "exchange") -> Source:
    source = make_source(name, ledger)
    for _ in range(3):
        make_run(source=source, status="failed", error="500")
    return source


def sentiment(account: Account) -> Any:
    algorithm = Algorithm.objects.create(
        user=account.user, slug="sentiment_momentum", name="reads news", status="paper", parameters={}
    )
    return make_deployment(account, algorithm=algorithm, parameters={})


@pytest.fixture
def reads_prices(account: Account) -> Any:
    algorithm = Algorithm.objects.create(
        user=account.user, slug="moving_average_crossover", name="crosses", status="paper"
    )
    return make_deployment(account, algorithm=algorithm, parameters={})


def test_failing_collector_brakes_what_depends_on_it_and_comes_back_by_itself(
    account: Account, reads_prices: Any, noon: Any
) -> None:
    protect("failing_collectors")
    other = sentiment(account)
    make_run(source=make_source("coinspot_prices"))
    assert look(now()) == []
    fail("coinspot_prices")
    look(now())
    assert kinds() == [("failing_collectors", account.pk, reads_prices.algorithm_id, "")]
    (brake,) = engaged()
    assert brake.reason == f"coinspot_prices fails; deployment {reads_prices.pk} depends on it"
    decision = make_decision(reads_prices)
    assert order_of(decision, quantity="0.000001").denials[0]["code"] == "BRAKED"
    assert order_of(decision, "sell", quantity="0.000001").denials[0]["code"] == "INSUFFICIENT_HOLDINGS"
    assert order_of(make_decision(other), quantity="0.000001").status == "pending"
    assert place(account, quantity="0.000001").status == "pending"
    noon.shift(300)
    look(now())
    assert engaged() == [brake]
    Source.objects.get(name="coinspot_prices").runs.update(status="success")  # type: ignore[attr-defined]
    noon.shift(300)
    assert look(now()) == []
    brake.refresh_from_db()
    assert (brake.released_by, brake.release_reason) == ("watch", "what engaged it is gone")


def check(**frozen: str | None) -> None:
    """Keep a check at which sources stood still, or did not (None)."""
    sources = {name: {"frozen_since": since, "counts": True} for name, since in frozen.items()}
    scores = {"overall": 1, "completeness": 1, "timeliness": 1, "accuracy": 1}
    QualityCheck.objects.create(checked_at=now(), ledgers={"exchange": {"sources": sources}}, **scores)


def test_source_that_stands_still_brakes_what_depends_on_it_until_it_moves(
    account: Account, reads_prices: Any, noon: Any
) -> None:
    protect("failing_collectors")
    check(coinspot_prices="2026-03-02T11:29:00+00:00", coinspot_depth="2026-03-02T11:29:00+00:00")
    look(now())
    (brake,) = engaged()
    assert brake.algorithm_id == reads_prices.algorithm_id
    assert brake.reason == (
        f"coinspot_prices stands still since 2026-03-02 11:29 UTC; deployment {reads_prices.pk} depends on it"
    )
    assert brake.inputs["collectors"] == ["coinspot_prices"]
    noon.shift(300)
    check(coinspot_prices=None, coinspot_depth=None)
    assert look(now()) == []
    assert engaged() == []


def test_collector_that_feeds_no_declared_input_brakes_nothing(reads_prices: Any) -> None:
    protect("failing_collectors")
    fail("coinspot_depth")
    fail("reddit_api", "human")
    assert look(now()) == []


def test_collector_of_a_shared_ledger_counts_where_it_fed_the_series(account: Account) -> None:
    deployment = sentiment(account)
    protect("failing_collectors")
    fail("news_rss", "human")
    assert look(now()) == [], "it never stored an article"
    store_now(make_news())
    look(now())
    assert kinds() == [], "it works again"
    fail("news_rss", "human")
    look(now())
    assert kinds() == [("failing_collectors", account.pk, deployment.algorithm_id, "")]


def test_collector_that_is_switched_off_fails_nobody(reads_prices: Any) -> None:
    protect("failing_collectors")
    source = fail("coinspot_prices")
    source.enabled = False
    source.save()
    assert look(now()) == []


def test_outlier_brakes_its_coin_for_everybody_until_it_is_old(account: Account, noon: Any) -> None:
    protect("outliers", {"minutes": 15})
    make_outlier(occurred_at=now() - timedelta(minutes=15), coin="ETH")
    make_outlier()
    look(now())
    assert kinds() == [("outliers", None, None, "BTC")]
    (brake,) = engaged()
    assert (brake.until, brake.reason) == (
        now() + timedelta(minutes=15),
        "BTC jumped from A$100 to A$150 at 12:00:00 UTC",
    )
    assert place(account, quantity="0.000001").denials[0]["code"] == "BRAKED"
    noon.shift(899)
    look(now())
    assert len(kinds()) == 1
    noon.shift(1)
    assert look(now()) == []
    reprice("BTC", 100_000)
    assert place(account, quantity="0.000001").status == "pending"


def test_outlier_that_a_person_released_stays_released(noon: Any) -> None:
    protect("outliers", {"minutes": 15})
    make_outlier()
    look(now())
    release(engaged()[0].pk, actor="user:1", reason="it is true", now=now())
    assert look(now()) == []
    make_outlier(occurred_at=now() + timedelta(seconds=1))
    assert len(look(now())) == 1


@pytest.mark.parametrize(
    "end",
    [
        lambda protection: Protection.objects.filter(pk=protection.pk).update(enabled=False),
        lambda protection: protection.delete(),
    ],
    ids=["off", "deleted"],
)
def test_protection_that_is_off_or_gone_holds_nothing_back(end: Callable[[Protection], Any]) -> None:
    protection = protect("outliers", {"minutes": 15})
    make_outlier()
    assert len(look(now())) == 1
    end(protection)
    assert look(now()) == []
    assert Brake.objects.get().release_reason == "its protection was switched off"


def test_protection_one_does_not_stand_for_protection_eleven() -> None:
    one = protect("outliers", {"minutes": 15}, id=1)
    protect("outliers", {"minutes": 15}, id=11)
    make_outlier()
    assert len(look(now())) == 2
    one.delete()
    assert len(look(now())) == 1


def test_shipped_protections_are_made_when_missing_and_stay_off_when_switched_off() -> None:
    assert sync_protections() == ["failing_collectors", "outliers", "drawdown"]
    drawdown = Protection.objects.get(kind="drawdown")
    assert drawdown.parameters == {"max_percent": "25", "window_days": 30, "pause_minutes": None}
    assert (drawdown.created_by, drawdown.is_everybodys) == ("prepare", True)
    Protection.objects.filter(kind="outliers").update(enabled=False)
    drawdown.delete()
    assert sync_protections() == ["drawdown"]
    assert not Protection.objects.get(kind="outliers").enabled


def test_look_at_many_accounts_takes_as_many_queries_as_at_one(
    account: Account, noon: Any, django_assert_max_num_queries: Any
) -> None:
    protect("drawdown", QUARTER)
    for _ in range(12):
        make_account()
    look(now())
    reprice("BTC", 101_000)
    with django_assert_max_num_queries(20):
        look(now())
