"""A backtest of a day says what trading on paper did that day: the same signals, fills and results, to the last digit."""

import random
from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_depth, make_news, make_price, store_now
from apps.pnl.api.serializers import SummarySerializer
from apps.pnl.backtests.engine import Engine
from apps.pnl.backtests.results import metrics_of
from apps.pnl.backtests.tape import Tape, tops_of
from apps.pnl.services.backtest_runs import Alone
from apps.pnl.services.backtests import Wish, make_backtest, plan_of
from apps.pnl.services.equity import take_snapshots
from apps.pnl.services.figures import summary
from apps.pnl.tests.backtest_rules import RULES
from apps.trading.deciding import decide as ask_rule
from apps.trading.models import Account, Decision, Fill, Order
from apps.trading.services import decisions, dispatch
from apps.trading.services.accounts import default_account
from apps.trading.services.days import begin_days
from apps.trading.services.execute import drain_account, poll
from apps.trading.tests.factories import set_limits
from apps.trading.tests.rules import make_deployment
from ohmycoins.core import clock as time
from ohmycoins.core import seams

pytestmark = pytest.mark.django_db
SLICE_SECONDS = 200
LONG_SLICE_SECONDS = 3600 + SLICE_SECONDS
"""With these the next slots come between slices; each slice meets a look of the workers."""


@pytest.fixture(autouse=True)
def rules(settings: Settings) -> Iterator[None]:
    settings.ALGORITHMS = django_settings.ALGORITHMS | RULES
    seams.load.cache_clear()
    yield
    seams.load.cache_clear()


def record_ledgers(dice: random.Random) -> None:
    """Have a price, mostly; an order book that is thin, sometimes; and an article, or what becomes of it."""
    if dice.random() < 0.9:
        bid = D(dice.randint(90_000_000, 110_000_000)).scaleb(-4)
        make_price(bid=str(bid), ask=str(bid + dice.randint(1, 90)), last=str(bid + dice.randint(-5, 60)))
    if dice.random() < 0.6:
        bids = [(9000 - 100 * level, f"0.{dice.randint(1, 99_999_999):08d}") for level in range(3)]
        asks = [(9100 + 300 * level, f"0.{dice.randint(1, 99_999_999):08d}") for level in range(6)]
        make_depth(bids=bids, asks=asks)
    if dice.random() < 0.4:
        store_now(make_news(f"https://news.example/{dice.randrange(3)}", title=f"{dice.random()}"))


def trade_on_paper(account: Account, dice: random.Random, clock: Any, slots: int) -> list[Decision]:
    """Let a deployment decide at so many slots, with workers beside it at the same clock."""
    for _ in range(slots):
        clock.shift(-50)  # what is decided on became known before
        record_ledgers(dice)
        clock.shift(50)
        begin_days()
        take_snapshots()
        poll()
        dispatch.run_due()
        for decision_id in Decision.objects.waiting().values_list("pk", flat=True):
            decisions.run_decision(decision_id)
        drain_account(account.pk)
        for _ in range(2):  # the other slices, if it trades in such
            clock.shift(SLICE_SECONDS)
            dispatch.run_due()
            drain_account(account.pk)
        clock.shift(3600 - 2 * SLICE_SECONDS)
    clock.shift(-1800)  # ends within a day
    poll()
    return list(Decision.objects.order_by("slot"))


@pytest.mark.parametrize(("seed", "slice_seconds"), [(seed, SLICE_SECONDS) for seed in range(8)] + [
    (seed, LONG_SLICE_SECONDS) for seed in (1, 3, 5, 9)
])  # fmt: skip
def test_a_day_on_paper_replayed_comes_to_the_same(
    seed: int, slice_seconds: int, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    # Given an account in Sydney, whose day ends at 13:00 UTC, and an algorithm that decides every hour
    user = UserFactory(timezone="Australia/Sydney")
    account = default_account(user)
    set_limits(
        account, position=dice.choice([35, 100]), loss=dice.choice([1, 100]), algorithm=dice.choice([20, 60])
    )
    record_ledgers(random.Random(0))
    clock.shift(3600)
    start = time.now()
    limits = {
        "position_limit_aud": dice.choice([None, D(12_345)]),
        "daily_loss_limit_aud": dice.choice([None, D(150)]),
        "slices": 1 + 2 * (seed % 2),
        "slice_seconds": slice_seconds,
    }
    deployment = make_deployment(account, slug="waves", frequency="interval:1:hours", **limits)
    made = trade_on_paper(account, dice, clock, slots=30)
    end = time.now()
    assert {decision.status for decision in made} == {"done"}
    # When the day is replayed, also after articles are restated and the past is added to
    clock.shift(60)
    for number in range(3):
        store_now(make_news(f"https://news.example/{number}", title="Not at all", currencies=()))
    wish = Wish(
        slug="waves", parameters=deployment.parameters, start=start, end=end, step="hour", **limits,
        initial_capital=D(100_000),
    )  # fmt: skip
    plan = plan_of(make_backtest(user=user, wish=wish, account=account), risk_free_rate=0.0)
    said = []
    monkeypatch.setattr(
        "apps.trading.deciding.decide", lambda rule, view: said.append(ask_rule(rule, view)) or said[-1]
    )
    engine = Engine(plan, Tape(plan, tops_of(plan)), seams.load("VENUES")["paper"], guard=Alone)
    assert engine.run()
    # Then the signals are the same
    assert [decisions.as_stored(signal) for signal in said] == [
        {name: getattr(decision, name) for name in decisions.as_stored(said[0])} for decision in made
    ]
    denied = [order.denials for order in Order.objects.all()]
    denied += [decision.denials for decision in made if not decision.orders.exists()]
    codes = [denial["code"] for denials in denied for denial in denials]
    assert engine.state.denials == {code: codes.count(code) for code in codes}
    # … the fills
    fills = Fill.objects.order_by("id")
    names = ("executed_at", "coin_type", "side", "quantity", "price", "value_aud", "fee_aud", "ledger")
    assert [
        tuple(getattr(trade, name) for name in names) for trade in engine.state.account.new_trades
    ] == list(fills.values_list(*names))
    assert len(fills) > 5
    # … and what it came to
    account.refresh_from_db()
    assert engine.state.account.cash_aud == account.cash_aud
    reserved = Order.objects.in_flight().values_list("reserved_aud", flat=True)
    assert engine.state.account.reserved_aud == sum(reserved)
    paper = SummarySerializer(summary(account, start, None, end)).data
    replayed = metrics_of(engine)
    assert {name: replayed[name] for name in paper} == dict(paper)
