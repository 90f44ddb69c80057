"""Build algorithms, their deployments and decisions as rows: what the limits, slices and shares hang on."""

from datetime import timedelta
from typing import Any

from apps.trading.models import Account, Algorithm, Decision, Deployment, Evidence, Order
from apps.trading.services.execute import drain_account
from apps.trading.services.place import place_order
from apps.trading.tests.factories import ticket
from ohmycoins.core import clock


def make_deployment(account: Account, **fields: Any) -> Deployment:
    """Deploy an algorithm of its own in the account, hourly."""
    algorithm = fields.pop("algorithm", None) or Algorithm.objects.create(
        user=account.user, slug="dollar_cost_averaging", name=f"number {Algorithm.objects.count()}", status="paper"
    )  # fmt: skip
    values = {"frequency": "interval:1:hours", "next_run_at": clock.now()} | fields
    return Deployment.objects.create(user=account.user, account=account, algorithm=algorithm, **values)


def make_decision(deployment: Deployment, *sources: tuple[str, str, int], **fields: Any) -> Decision:
    """Decide to buy BTC, resting on rows given as (ledger, source, row id)."""
    slot = clock.now() + timedelta(seconds=deployment.decisions.count())
    values: dict[str, Any] = {
        "action": "buy", "coin_type": "BTC", "status": "done", "decided_at": clock.now(),
        "ledger": sources[0][0] if sources else "",
    } | fields  # fmt: skip
    decision = Decision.objects.create(deployment=deployment, user=deployment.user, slot=slot, **values)
    Evidence.objects.bulk_create(
        Evidence(decision=decision, place=place, ledger=ledger, table="newsitem", row_id=row, source=source)
        for place, (ledger, source, row) in enumerate(sources)
    )
    return decision


def order_of(decision: Decision, side: str = "buy", coin_type: str = "BTC", **amounts: Any) -> Order:
    """Place what a decision wants, as deciding does."""
    deployment = decision.deployment
    return place_order(
        user=deployment.user, account=deployment.account, ticket=ticket(side, coin_type, **amounts),
        algorithm_id=deployment.algorithm_id, ledger=decision.ledger, decision=decision,
        actor=f"deployment:{deployment.pk}",
    )  # fmt: skip


def traded_by(decision: Decision, side: str = "buy", coin_type: str = "BTC", **amounts: Any) -> Order:
    """Place it, execute it, and give it as it then stands."""
    order = order_of(decision, side, coin_type, **amounts)
    drain_account(order.account_id)
    order.refresh_from_db()
    return order
