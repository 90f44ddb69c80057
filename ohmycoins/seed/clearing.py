"""Take away what was made up, and nothing else.

Fills, events and movements are facts, which no service deletes; their triggers are lifted here for this
transaction and these accounts alone, as the purge of the ledgers lifts theirs. An account's trail goes
with the account: a chain of events with a gap would prove nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pgtrigger
from django.contrib.auth.models import Group
from django.db import connection, models, transaction

from apps.accounts.models import User
from apps.ledgers.services.purge import purge_seeded
from apps.monitoring.models import Alert, AlertRule, Channel, Delivery, Incident, Peak, Protection
from apps.pnl.models import (
    Backtest,
    BookingFailure,
    Closing,
    DailyResult,
    DailyTotal,
    EquitySnapshot,
    GivenCost,
    Lot,
    Match,
    Position,
)
from apps.trading.models import (
    Account,
    Algorithm,
    Brake,
    Chain,
    Credential,
    DayStart,
    Decision,
    Deployment,
    Discrepancy,
    Event,
    Evidence,
    Fill,
    Holding,
    Limits,
    Movement,
    Order,
    Promotion,
    Stop,
    Twap,
)
from ohmycoins.core import clock
from ohmycoins.seed import past
from ohmycoins.seed.marks import EVENT, GROUP, alone, quiet, seeded_accounts, seeded_users

REASON = "seed --clear"
# What belongs to an account, in the order in which it can go.
OF_ACCOUNT: tuple[type[models.Model], ...] = (
    Delivery, Alert, Incident, Peak, Protection, Brake, Match, Closing, Lot, Position, DailyResult, DailyTotal, EquitySnapshot, BookingFailure, GivenCost, Event,
    Fill, Order, Twap, Evidence, Decision, Deployment, Holding, Movement, Limits, DayStart, Discrepancy, Credential, Chain, Account,
)  # fmt: skip
_DEPLOYED = "deployment_id IN (SELECT id FROM trading_deployment WHERE account_id = %s)"
WHOSE = {
    Delivery: "alert_id IN (SELECT id FROM monitoring_alert WHERE account_id = %s)",
    Protection: f"account_id = %s OR {_DEPLOYED}",
    Decision: _DEPLOYED,
    Evidence: f"decision_id IN (SELECT id FROM trading_decision WHERE {_DEPLOYED})",  # noqa: S608 - our own
    Account: "id = %s",
    Chain: "id = %s",
    GivenCost: "movement_id IN (SELECT id FROM trading_movement WHERE account_id = %s)",
}


@dataclass(frozen=True, slots=True)
class Cleared:
    """How much was taken away."""

    accounts: int
    users: int
    entries: int


def clear() -> Cleared:
    """Delete seeded accounts with all that is in them, seeded users, and seeded entries.

    Superusers stay, and so does a seeded user who has accounts, algorithms or backtests of another making. Safe to run again.
    """
    with alone(), quiet():
        accounts = list(seeded_accounts().order_by("pk").values_list("pk", flat=True))
        for account_id in accounts:
            _delete_account(account_id)
        users = [
            _delete_user(user)
            for user in seeded_users().filter(
                is_superuser=False, trading_accounts=None, algorithms=None, backtests=None
            )
        ]
        Group.objects.filter(name=GROUP, user=None).delete()
        entries = purge_seeded(now=clock.now(), reason=REASON)
        past.forget()
        return Cleared(accounts=len(accounts), users=len(users), entries=entries)


@transaction.atomic
def _delete_account(account_id: int) -> None:
    Account.objects.locked().get(pk=account_id)
    stops = Stop.objects.filter(scope=Stop.Scope.ACCOUNT, target=str(account_id))
    marks = Event.objects.filter(account=account_id, type=EVENT).values_list("inputs", flat=True)
    algorithms = [algorithm_id for inputs in marks for algorithm_id in inputs.get("algorithms", ())]
    Backtest.objects.filter(account=account_id).update(account=None)
    with pgtrigger.ignore(*_triggers(Stop, *OF_ACCOUNT)), connection.cursor() as cursor:
        stops.delete()
        for model in OF_ACCOUNT:
            whose = WHOSE.get(model, "account_id = %s")
            given = [account_id] * whose.count("%s")
            cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE {whose}", given)  # noqa: S608 - our own
    _delete_algorithms(algorithms)


def _delete_algorithms(ids: Sequence[int]) -> None:
    """Delete algorithms that were made up and that no account has; backtests of them stay, as the rule's."""
    gone = Algorithm.objects.filter(pk__in=ids, deployments=None)
    with pgtrigger.ignore(*_triggers(Algorithm, Promotion)):
        Backtest.objects.filter(algorithm__in=gone).update(algorithm=None)
        Promotion.objects.filter(algorithm__in=gone).delete()
        gone.delete()


@transaction.atomic
def _delete_user(user: User) -> None:
    Delivery.objects.filter(alert__user=user).delete()
    with pgtrigger.ignore(*_triggers(Stop, Brake)):
        for model in (Stop, Brake, Alert, AlertRule, Channel, Protection):
            model._default_manager.filter(user=user).delete()
    user.delete()


def _triggers(*tables: type[models.Model]) -> list[str]:
    """Name the triggers of tables that keep rows from being deleted."""
    return [
        f"{model._meta.label}:{trigger.name}"
        for model in tables
        for trigger in getattr(model._meta, "triggers", [])
        if isinstance(trigger, pgtrigger.Protect)
    ]
