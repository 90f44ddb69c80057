"""A slot is decided once, by what was known, with all of it recorded; and decided again the same."""

import io
import itertools
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connection

from apps.ledgers.models import News, Price
from apps.ledgers.services.purge import purge
from apps.ledgers.tests.factories import make_news, make_price, store_now
from apps.trading.algorithms.base import hold
from apps.trading.algorithms.rows import Ref
from apps.trading.algorithms.view import View
from apps.trading.models import Account, Decision, Deployment, Event, Fill, Holding, Order, Twap
from apps.trading.services import decisions, dispatch
from apps.trading.services.execute import drain_account
from apps.trading.services.invariants import check_invariants
from apps.trading.services.replay import replay_decision
from apps.trading.services.twaps import run_due_twaps
from apps.trading.tests.factories import make_account, set_limits, trade
from apps.trading.tests.races import in_threads
from apps.trading.tests.rules import NEWS, PRICE, buys, decide, holds, make_deployment, sells
from ohmycoins.core import clock as time

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ledgers(clock: Any, told: Any) -> None:
    """Know a price, and two articles, of which one names the coin."""
    make_price()
    store_now(make_news("https://news.example/1", currencies=("BTC",), source="Example"))
    store_now(make_news("https://news.example/2", currencies=("ETH",)))


def test_records_all_that_it_went_by() -> None:
    deployment = make_deployment()
    decision = decide(deployment)
    price, news = Price.objects.get(), News.objects.get(currencies=["BTC"])
    assert (decision.status, decision.action, decision.coin_type) == ("done", "buy", "BTC")
    assert (decision.amount_aud, decision.confidence, decision.ledger) == (D(100), D("0.75"), "human")
    assert decision.decided_at == decision.slot == time.now()
    assert decision.reads == {"price": [price.pk], "news": [news.pk]}
    assert decision.parameters == {"coin_type": "BTC", "amount_aud": "100"}
    assert [(each["series"], each["state"]) for each in decision.quality] == [
        ("price:BTC", "ok"),
        ("news:BTC", "ok"),
    ]
    assert (decision.book["cash_aud"], decision.book["positions"]) == ("100000", {})
    assert len(decision.code_digest) == 64
    evidence = decision.evidence.order_by("place").values_list("ledger", "table", "row_id", "source")
    assert list(evidence) == [
        ("human", "news", news.pk, "Example"), ("exchange", "price", price.pk, "coinspot_prices")
    ]  # fmt: skip
    order = Order.objects.get()
    assert (order.decision, order.algorithm_id, order.ledger) == (decision, deployment.algorithm_id, "human")
    assert order.expires_at == time.now() + timedelta(seconds=60)
    assert (deployment.runs, deployment.failures, deployment.last_run_at) == (1, 0, time.now())
    drain_account(deployment.account_id)
    fill = Fill.objects.get()
    assert (fill.ledger, fill.algorithm_id) == ("human", deployment.algorithm_id)


def test_decided_slot_is_not_decided_again() -> None:
    decision = decide(make_deployment())
    decisions.run_decision(decision.pk)
    decisions.run_decision(decision.pk)
    decision.refresh_from_db()
    assert Order.objects.count() == decision.attempts == 1
    with pytest.raises(DatabaseError, match="Cannot update"):
        Decision.objects.update(action="sell")


def test_holding_orders_nothing(told: Any) -> None:
    told.does = staticmethod(holds)
    decision = decide(make_deployment())
    assert (decision.status, decision.action, decision.reason) == ("done", "hold", "nothing to do")
    assert not Order.objects.exists()


def test_order_that_the_limits_refuse_says_so_on_the_decision() -> None:
    account = make_account()
    set_limits(account, position=1, algorithm=1)
    deployment = make_deployment(account)
    deployment.algorithm.parameters = {"amount_aud": "5000"}
    Deployment.objects.filter(pk=deployment.pk).update(parameters={"amount_aud": "5000"})
    decision = decide(deployment)
    order = Order.objects.get()
    assert order.status == "denied"
    assert decision.denials == order.denials
    assert [denial["code"] for denial in decision.denials] == ["POSITION_LIMIT", "ALGORITHM_LIMIT"]


def test_stale_input_stops_purchases_until_it_is_fresh(clock: Any) -> None:
    deployment = make_deployment()
    clock.shift(timedelta(minutes=5, seconds=1))
    decision = decide(deployment)
    (denial,) = decision.denials
    assert (denial["code"], denial["limit"], denial["value"]) == ("STALE_INPUT", "300", "301")
    assert denial["message"].startswith("price:BTC is 301 s old")
    assert not Order.objects.exists()
    clock.shift(timedelta(minutes=5))
    make_price()
    assert decide(deployment).denials == []
    assert Order.objects.count() == 1


def test_missing_input_stops_purchases_and_no_others(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(told, "reads", (PRICE, NEWS, replace(PRICE, of="ETH")))
        (denial,) = decide(make_deployment()).denials
    assert (denial["code"], denial["message"]) == ("MISSING_INPUT", "Nothing is known of price:ETH.")
    assert decide(make_deployment()).denials == []


def test_stale_input_stops_no_sale(clock: Any, told: Any) -> None:
    deployment = make_deployment()
    decide(deployment)
    drain_account(deployment.account_id)
    told.does = staticmethod(sells)
    clock.shift(timedelta(minutes=6))
    decision = decide(deployment)
    assert [each["state"] for each in decision.quality] == ["stale", "ok"]
    assert decision.denials == []
    assert Order.objects.filter(side="sell").count() == 1


def test_sells_its_own_book_only(told: Any) -> None:
    account = make_account()
    trade(account, quantity="0.5")
    told.does = staticmethod(sells)
    (denial,) = decide(make_deployment(account)).denials
    assert denial["code"] == "NOTHING_HELD"


def raises(view: View) -> Any:
    raise ZeroDivisionError("division by zero")


def asks(view: View) -> Any:
    return hold(str(Price.objects.count()))


def confused(view: View) -> Any:
    return "buy"


@pytest.mark.parametrize(
    ("does", "error"),
    [
        (raises, "ZeroDivisionError: division by zero"),
        (asks, "TouchedDatabase: a rule may not ask the database"),
        (confused, "BadSignal: expected a Signal, got str"),
        (lambda view: view.price("ETH"), "Undeclared: price:ETH is not among the inputs"),
        (lambda view: view.news("BTC", timedelta(hours=-1)), "Undeclared: news:BTC"),
    ],
)
def test_rule_that_fails_is_told_so(told: Any, does: Any, error: str) -> None:
    told.does = staticmethod(does)
    deployment = make_deployment()
    decision = decide(deployment)
    assert decision.status == "failed"
    assert decision.error.startswith(error)
    assert deployment.last_error == decision.error
    assert (deployment.runs, deployment.failures, deployment.failures_in_row) == (1, 1, 1)


def test_five_failures_in_a_row_pause(told: Any, clock: Any) -> None:
    deployment = make_deployment()
    for does, paused in [(raises, False)] * 4 + [(holds, False)] + [(raises, False)] * 4 + [(raises, True)]:
        told.does = staticmethod(does)
        decide(deployment)
        assert (deployment.status == "paused") is paused
        clock.shift(timedelta(minutes=5))
    assert (deployment.runs, deployment.failures, deployment.failures_in_row) == (10, 9, 5)
    assert deployment.next_run_at is None
    event = Event.objects.get(type="deployment.paused")
    assert event.reason == "5 failures in a row: ZeroDivisionError: division by zero"
    assert dispatch.run_due() == 0


def test_pause_after_failures_ends_what_is_sliced_too(told: Any, clock: Any) -> None:
    deployment = make_deployment(slices=4, slice_seconds=3600)
    decide(deployment)
    told.does = staticmethod(raises)
    for _ in range(5):
        clock.shift(timedelta(minutes=5))
        decide(deployment)
    twap = Twap.objects.get()
    assert (deployment.status, deployment.failures_in_row) == ("paused", 5)
    assert (twap.status, twap.placed, twap.reason) == ("cancelled", 1, "its deployment was paused")
    assert Event.objects.get(type="twap.moved").actor == "decider"


def test_paused_after_its_slot_was_made_decides_nothing() -> None:
    deployment = make_deployment()
    dispatch.run_due()
    Deployment.objects.update(status="paused", next_run_at=None)
    decision = Decision.objects.get()
    decisions.run_decision(decision.pk)
    decision.refresh_from_db()
    deployment.refresh_from_db()
    assert (decision.status, deployment.runs, Order.objects.count()) == ("skipped", 0, 0)


def test_what_came_later_changes_nothing(clock: Any) -> None:
    decision = decide(make_deployment())
    clock.shift(timedelta(minutes=1))
    store_now(make_news("https://news.example/1", title="Restated", currencies=("BTC",), source="Example"))
    store_now(make_news("https://news.example/3", currencies=("BTC",)))
    make_price(bid=50_000, ask=50_100, at=time.now())
    assert News.objects.count() == 4
    replayed = replay_decision(decision.pk)
    assert (replayed.same, replayed.same_code) == (True, True)
    out = io.StringIO()
    call_command("replay_decision", str(decision.pk), stdout=out)
    assert "the same again" in out.getvalue()


def test_replay_names_what_would_be_different(told: Any) -> None:
    decision = decide(make_deployment())
    told.does = staticmethod(holds)
    out = io.StringIO()
    with pytest.raises(CommandError, match="otherwise today"):
        call_command("replay_decision", str(decision.pk), stdout=out)
    assert "action: was buy, is hold" in out.getvalue()
    with pytest.raises(CommandError, match="no decision 0"):
        call_command("replay_decision", "0")


@pytest.mark.django_db(transaction=True)
def test_two_workers_decide_a_slot_once() -> None:
    make_deployment()
    dispatch.run_due()
    decision = Decision.objects.get()
    in_threads(4, lambda _: decisions.run_decision(decision.pk))
    assert Order.objects.count() == 1
    assert Deployment.objects.get().runs == 1


class Killed(BaseException):
    """The process is gone: nothing catches it."""


@pytest.mark.django_db(transaction=True)
def test_death_before_any_statement_decides_once_after_all(clock: Any) -> None:
    deployment = make_deployment()
    for step in range(200):
        dispatch.run_due()
        decision = Decision.objects.latest("id")
        steps = itertools.count()

        def die(
            execute: Any, sql: Any, params: Any, many: Any, context: Any, step: int = step, steps: Any = steps
        ) -> Any:
            if next(steps) == step:
                raise Killed
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(die):
                decisions.run_decision(decision.pk)
            survived = True
        except Killed:
            survived = False
            assert Order.objects.count() == step
            decisions.run_decision(decision.pk)
        decision.refresh_from_db()
        assert (decision.status, Order.objects.count()) == ("done", step + 1)
        drain_account(deployment.account_id)
        if survived:
            break
        clock.shift(timedelta(minutes=5))
        make_price()
    assert survived
    assert step > 15
    assert check_invariants() == []


def test_deployment_with_slices_trades_in_slices() -> None:
    decision = decide(make_deployment(slices=4, slice_seconds=30))
    twap = Twap.objects.get()
    assert (twap.decision, twap.amount_aud, twap.slices, twap.placed) == (decision, D(100), 4, 1)
    order = Order.objects.get()
    assert (order.twap, order.decision, order.amount_aud, order.ledger) == (twap, decision, D(25), "human")


def test_live_deployment_of_code_that_nobody_approved_is_paused() -> None:
    deployment = make_deployment()
    Account.objects.filter(pk=deployment.account_id).update(mode="live")
    decision = decide(deployment)
    assert (decision.status, Order.objects.count()) == ("skipped", 0)
    assert (deployment.status, deployment.next_run_at) == ("paused", None)
    assert "promote it anew" in deployment.status_reason
    assert Event.objects.get(type="deployment.paused").to_status == "paused"


@pytest.mark.parametrize("slices", [1, 3])
def test_nothing_is_bought_while_an_earlier_order_is_in_flight(clock: Any, slices: int) -> None:
    deployment = make_deployment(slices=slices, slice_seconds=600)
    decide(deployment)
    clock.shift(timedelta(minutes=5))
    make_price()
    assert [denial["code"] for denial in decide(deployment).denials] == ["ORDER_IN_FLIGHT"]
    drain_account(deployment.account_id)
    clock.shift(timedelta(minutes=5))
    make_price()
    codes = [denial["code"] for denial in decide(deployment).denials]
    assert codes == ([] if slices == 1 else ["ORDER_IN_FLIGHT"])  # the rest of its slices is to come


def test_all_of_the_budget_is_what_the_usual_limits_allow(told: Any) -> None:
    told.does = staticmethod(lambda view: replace(buys(view), amount_aud=None, fraction=D(1)))
    account = make_account(limited=True)
    trade(account, quantity="0.05")
    decide(make_deployment(account))
    drain_account(account.pk)
    order = Order.objects.latest("id")
    assert (order.status, order.algorithm_id is None) == ("filled", False)
    assert order.amount_aud == D(15_003)  # 20 % of 99,990, less the 4,995 that are held by hand


@pytest.mark.parametrize("slices", [1, 5])
def test_what_is_being_sold_is_not_sold_again(told: Any, clock: Any, slices: int) -> None:
    deployment = make_deployment(slices=slices, slice_seconds=600)
    decide(deployment)
    for _ in range(slices):
        drain_account(deployment.account_id)
        clock.shift(timedelta(minutes=10))
        make_price()
        run_due_twaps(time.now())
    drain_account(deployment.account_id)
    held = Holding.objects.get(algorithm_id=deployment.algorithm_id).quantity
    told.does = staticmethod(lambda view: replace(sells(view), fraction=D("0.5")))
    codes = []
    for _ in range(3):
        codes.append([denial["code"] for denial in decide(deployment).denials])
        clock.shift(timedelta(minutes=5))
    assert codes == [[], ["NOTHING_HELD"], ["NOTHING_HELD"]]
    promised = Twap.objects.filter(side="sell").values_list("quantity", flat=True) if slices > 1 else (
        Order.objects.filter(side="sell").values_list("quantity", flat=True)
    )  # fmt: skip
    assert sum(promised) == (held / 2).quantize(D("0.00000001"), "ROUND_DOWN")


def test_signal_that_cannot_be_stored_fails_by_itself_and_holds_up_no_other(told: Any) -> None:
    wrong = {"quantity": D("1E+40")}, {"coin_type": "A" * 30}, {"reason": "\0" * 600, "confidence": D(2)}
    for change in wrong:
        told.does = staticmethod(lambda view, change=change: replace(buys(view), **change))
        assert decide(make_deployment()).status == "failed"
    told.does = staticmethod(lambda view: replace(buys(view), reason="so\0so"))
    assert decide(make_deployment()).reason == "soso"


def test_trouble_of_the_database_is_not_the_rule_s(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_deployment(), make_deployment()
    dispatch.run_due()
    ids = list(Decision.objects.order_by("id").values_list("pk", flat=True))
    settle, calls = decisions.settle_ledgers, itertools.count()

    def locked(*args: Any) -> None:
        if next(calls) == 0:
            raise OperationalError("canceling statement due to lock timeout")
        settle(*args)

    monkeypatch.setattr(decisions, "settle_ledgers", locked)
    decisions.run_decisions(ids)
    kept = Decision.objects.get(pk=ids[0])
    assert (kept.status, kept.attempts) == ("due", 0)
    assert Decision.objects.get(pk=ids[1]).status == "done"
    assert {
        deployment.failures for deployment in Deployment.objects.filter(pk__in=(first.pk, second.pk))
    } == {0}


def test_worker_s_time_is_charged_to_the_rule_only_while_it_thinks(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: Any) -> Any:
        raise SoftTimeLimitExceeded

    told.does = staticmethod(slow)
    assert decide(make_deployment()).error.startswith("TookTooLong")
    monkeypatch.setattr(decisions, "settle_ledgers", slow)
    deployment = make_deployment()
    dispatch.run_due()
    with pytest.raises(SoftTimeLimitExceeded):
        decisions.run_decision(Decision.objects.get(deployment=deployment).pk)
    deployment.refresh_from_db()
    assert deployment.failures == 0


def test_replay_of_more_evidence_and_digits_than_are_kept_is_the_same(told: Any) -> None:
    told.does = staticmethod(
        lambda view: replace(
            buys(view),
            amount_aud=D(100) / 3,
            evidence=tuple(Ref("human", "news", n, "x") for n in range(121)),
        )
    )
    decision = decide(make_deployment())
    assert decision.evidence.count() == decisions.MOST_EVIDENCE
    assert replay_decision(decision.pk).same


def test_replay_of_what_was_deleted_is_refused(clock: Any) -> None:
    decision = decide(make_deployment())
    clock.shift(timedelta(days=2))
    purge(before=time.now() - timedelta(days=1), reason="tests")
    with pytest.raises(CommandError, match=r"was read from .* and deleted up to"):
        call_command("replay_decision", str(decision.pk))
