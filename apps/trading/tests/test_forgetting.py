"""Decisions to hold are forgotten after a while, and nothing else is."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, transaction

from apps.trading.models import Decision, Deployment, Evidence
from apps.trading.services import forgetting
from apps.trading.services.forgetting import forget_holds
from apps.trading.tasks import forget_holds as task
from apps.trading.tests.algorithms import make_decision, make_deployment, make_evidence
from ohmycoins.core import clock as system

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def deployment(clock: Any, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Give a deployment of which the two newest decisions are kept."""
    monkeypatch.setattr(forgetting, "NEWEST_KEPT", 2)
    return make_deployment()


def holds(deployment: Deployment, *days_ago: float) -> list[Decision]:
    made = [
        make_decision(deployment, system.now() - days * DAY, action="hold", coin_type="", amount_aud=None)
        for days in days_ago
    ]
    for decision in made:
        make_evidence(decision, 1, 2)
    return made


def kept() -> set[int]:
    return set(Decision.objects.values_list("pk", flat=True))


def test_old_holds_go_with_their_evidence(deployment: Deployment) -> None:
    holds(deployment, 200, 91, 90.001)
    young = holds(deployment, 90, 5, 0)
    assert forget_holds(days=90, now=system.now()) == 3
    assert kept() == {decision.pk for decision in young}
    assert Evidence.objects.count() == 2 * len(young)
    assert forget_holds(days=90, now=system.now()) == 0


def test_what_was_traded_failed_or_waits_stays_with_its_evidence(deployment: Deployment) -> None:
    old = system.now() - 300 * DAY
    traded = [
        make_decision(deployment, old + number * DAY, action=action)
        for number, action in enumerate(("buy", "sell"))
    ]
    for decision in traded:
        make_evidence(decision, 7)
    others = [
        make_decision(deployment, old + (5 + number) * DAY, status=status, action="", coin_type="")
        for number, status in enumerate(("failed", "skipped", "due"))
    ]
    holds(deployment, 299.5, 100)
    newest = holds(deployment, 1, 0)
    assert forget_holds(days=90, now=system.now()) == 2
    assert kept() == {decision.pk for decision in (*traded, *others, *newest)}
    assert Evidence.objects.filter(decision__in=traded).count() == 2


def test_newest_of_each_deployment_stay_however_old(deployment: Deployment) -> None:
    newest = holds(deployment, 400, 300, 200)[1:]
    alone = holds(make_deployment(), 500)
    assert forget_holds(days=90, now=system.now()) == 1
    assert kept() == {decision.pk for decision in (*newest, *alone)}


def test_goes_in_batches(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 2)
    holds(deployment, *range(200, 195, -1), 1, 0)
    assert forget_holds(days=90, now=system.now()) == 5
    assert Decision.objects.count() == 2


def test_zero_keeps_all_and_no_setting_takes_what_a_promotion_looks_at(
    deployment: Deployment, settings: Any
) -> None:
    holds(deployment, 9, 8.001, 7.999, 5, 3, 0)
    settings.OMC_KEEP_HOLDS_DAYS = 0
    task()
    assert Decision.objects.count() == 6
    settings.OMC_KEEP_HOLDS_DAYS = 1
    task()
    assert Decision.objects.count() == 4


def test_nothing_else_deletes_afterwards(deployment: Deployment) -> None:
    holds(deployment, 200, 1, 0)
    forget_holds(days=90, now=system.now())
    for rows in (Evidence.objects.all(), Decision.objects.all()):
        with pytest.raises(ProgrammingError, match="Cannot"), transaction.atomic():
            rows._raw_delete(rows.db)
