"""Rules for tests, which do as they are told, and what it takes to run one."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any, ClassVar

from apps.accounts.models import User
from apps.trading.algorithms.base import Input, Parameters, Series, Signal, hold, refs
from apps.trading.algorithms.view import View
from apps.trading.models import Account, Algorithm, Decision, Deployment
from apps.trading.services import decisions, dispatch
from apps.trading.tests.factories import make_account
from ohmycoins.core import clock

FIVE_MINUTES = timedelta(minutes=5)
PRICE = Input(series=Series.PRICE, of="BTC", max_age=FIVE_MINUTES, count=1)
NEWS = Input(series=Series.NEWS, of="BTC", max_age=timedelta(hours=12), within=timedelta(hours=6))


class ToldParameters(Parameters):
    coin_type: str = "BTC"
    amount_aud: D = D(100)


class Told:
    """Does what `Told.does` says; for a purchase of A$100 on the newest price unless a test says otherwise."""

    slug = "told"
    title = "Told"
    version = "1"
    parameters = ToldParameters
    reads: ClassVar[tuple[Input, ...]] = (PRICE, NEWS)
    does: ClassVar[Callable[[View], Signal]]

    def inputs(self, parameters: ToldParameters) -> tuple[Input, ...]:
        return self.reads

    def decide(self, view: View) -> Signal:
        return Told.does(view)


def buys(view: View) -> Signal:
    price = view.price("BTC")
    if price is None:
        return hold("no price")
    return Signal(
        action="buy", coin_type="BTC", amount_aud=view.parameters.amount_aud, confidence=D("0.75"), reason="told to",
        evidence=refs([*view.news("BTC", timedelta(hours=6)), price]),
    )  # fmt: skip


def sells(view: View) -> Signal:
    return Signal(action="sell", coin_type="BTC", fraction=D(1), confidence=D(1), reason="told to")


def holds(view: View) -> Signal:
    return hold("nothing to do", evidence=[price] if (price := view.price("BTC")) else [])


Told.does = staticmethod(buys)  # type: ignore[assignment]


def make_algorithm(user: User, *, slug: str = "told", status: str = "paper", **parameters: Any) -> Algorithm:
    name = f"{slug} {Algorithm.objects.count() + 1}"
    return Algorithm.objects.create(user=user, slug=slug, name=name, status=status, parameters=parameters)


def make_deployment(
    account: Account | None = None, *, slug: str = "told", frequency: str = "interval:5:minutes",
    next_run_at: datetime | None = None, **fields: Any,
) -> Deployment:  # fmt: skip
    """Give an active deployment on paper that is due now."""
    account = account or make_account()
    return Deployment.objects.create(
        user=account.user, account=account, algorithm=make_algorithm(account.user, slug=slug), frequency=frequency,
        next_run_at=next_run_at or clock.now(), **fields,
    )  # fmt: skip


def decide(deployment: Deployment) -> Decision:
    """Make the deployment's slot and decide it."""
    dispatch.run_due()
    decision = Decision.objects.filter(deployment=deployment).latest("id")
    decisions.run_decision(decision.pk)
    decision.refresh_from_db()
    deployment.refresh_from_db()
    return decision
