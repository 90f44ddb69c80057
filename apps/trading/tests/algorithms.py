"""Build algorithms that have come so far, their deployments and their decisions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Account, Algorithm, Decision, Deployment, Evidence, Promotion
from apps.trading.services.algorithms import digest_of, make_algorithm
from apps.trading.services.deployments import deploy
from apps.trading.services.promotions import mark_backtested, promote
from apps.trading.tests.factories import make_account
from ohmycoins.core import clock

SLUG = "dollar_cost_averaging"


def make_draft(user: User | None = None, name: str = "Mine", **parameters: Any) -> Algorithm:
    return make_algorithm(user=user or UserFactory(), slug=SLUG, name=name, parameters=parameters)


def backtest(algorithm: Algorithm, **changes: Any) -> Algorithm:
    """Say that a backtest of the algorithm succeeded, as it is now unless `changes` say otherwise."""
    said = {
        "version": algorithm.version,
        "code_digest": digest_of(algorithm.slug),
        "grounds": {"backtest": 7},
    }
    mark_backtested(algorithm.pk, **(said | changes), actor="tests")
    algorithm.refresh_from_db()
    return algorithm


def make_on_paper(user: User | None = None, name: str = "Mine", **parameters: Any) -> Algorithm:
    algorithm = backtest(make_draft(user, name, **parameters))
    promote(algorithm.pk, target="paper", notes="", user=algorithm.user)
    algorithm.refresh_from_db()
    return algorithm


def make_live(user: User | None = None, name: str = "Mine", **changes: Any) -> Algorithm:
    """Give an algorithm with an approved promotion to live, of its version and code unless `changes` say otherwise."""
    algorithm = make_on_paper(user, name)
    Algorithm.objects.filter(pk=algorithm.pk).update(status="live")
    said = {
        "algorithm": algorithm, "version": algorithm.version, "code_digest": digest_of(SLUG), "target": "live",
        "status": "approved", "requested_by": algorithm.user, "decided_by": UserFactory(),
        "decided_at": clock.now(),
    }  # fmt: skip
    Promotion.objects.create(**(said | changes))
    algorithm.refresh_from_db()
    return algorithm


def make_deployment(
    algorithm: Algorithm | None = None, account: Account | None = None, **fields: Any
) -> Deployment:
    """Deploy on paper, every five minutes."""
    algorithm = algorithm or make_on_paper(account.user if account else None)
    account = account or make_account(algorithm.user)
    wanted = {"frequency": "interval:5:minutes"} | fields
    return deploy(user=algorithm.user, algorithm=algorithm, account=account, **wanted)


def make_decision(deployment: Deployment, slot: datetime | None = None, **fields: Any) -> Decision:
    """Store a decision to buy, made as the algorithm and its code are now."""
    said = {
        "status": "done", "decided_at": slot or clock.now(), "code_digest": digest_of(SLUG), "code_version": "1",
        "parameters": deployment.parameters, "action": "buy", "coin_type": "BTC", "confidence": 1,
        "amount_aud": 50, "ledger": "exchange", "reason": "why not",
    } | fields  # fmt: skip
    return Decision.objects.create(
        deployment=deployment, user=deployment.user, slot=slot or clock.now(), **said
    )


def make_evidence(decision: Decision, *row_ids: int) -> None:
    for place, row_id in enumerate(row_ids):
        Evidence.objects.create(
            decision=decision, place=place, ledger="exchange", table="price", row_id=row_id,
            source="coinspot_prices",
        )  # fmt: skip


@contextmanager
def other_code(monkeypatch: Any) -> Iterator[None]:
    """Let every rule's module read otherwise than before."""
    with monkeypatch.context() as patch:
        patch.setattr("apps.trading.algorithms.base.code_digest", lambda _: "f" * 64)
        yield


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)
