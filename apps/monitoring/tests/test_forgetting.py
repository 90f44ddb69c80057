"""Old looks at the data are deleted, and nothing else."""

from datetime import timedelta
from typing import Any

import pytest

from apps.monitoring.models import QualityCheck, Round
from apps.monitoring.services.forgetting import forget_checks
from ohmycoins.core.clock import now

pytestmark = pytest.mark.django_db


@pytest.fixture
def looks(clock: Any) -> None:
    for days in (0, 400, 401):
        at = now() - timedelta(days=days)
        Round.objects.create(started_at=at, took_ms=1)
        QualityCheck.objects.create(
            checked_at=at, overall=1, completeness=1, timeliness=1, accuracy=1, ledgers={}
        )


def test_looks_older_than_asked_are_deleted_and_the_second_time_none(looks: None) -> None:
    assert forget_checks(days=400, now=now()) == 2
    assert (Round.objects.count(), QualityCheck.objects.count()) == (2, 2)
    assert forget_checks(days=400, now=now()) == 0


def test_zero_days_keeps_all(looks: None) -> None:
    assert forget_checks(days=0, now=now()) == 0
    assert Round.objects.count() == 3
