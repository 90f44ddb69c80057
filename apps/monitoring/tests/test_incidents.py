"""Broken invariants are kept once, and seen to be over."""

from decimal import Decimal as D
from typing import Any

import pytest

from apps.ledgers.tests.factories import make_price
from apps.monitoring.models import Incident
from apps.monitoring.services.invariants import look
from apps.pnl.models import DailyResult
from apps.trading.tests.factories import make_account, trade
from ohmycoins.core.clock import now


@pytest.mark.django_db
def test_breach_is_kept_once_while_it_stands_and_then_seen_to_be_over(clock: Any) -> None:
    make_price()
    trade(make_account(), quantity="0.1")
    assert look(now()) == []
    fees = DailyResult.objects.get().fees
    DailyResult.objects.update(fees=D(9))
    found = len(look(now()))
    assert found > 0
    first = Incident.objects.values_list("name", "what").order_by("name")
    assert {name for name, _ in first} == {"pnl.days", "pnl.positions"}
    clock.shift(300)
    assert len(look(now())) == found
    incident = Incident.objects.get(name="pnl.days")
    assert (incident.seen_at - incident.found_at).total_seconds() == 300
    DailyResult.objects.update(fees=fees)
    clock.shift(300)
    assert look(now()) == []
    assert not Incident.objects.standing().exists()
    assert Incident.objects.count() == found


@pytest.mark.django_db
def test_admin_shows_the_rows_of_an_incident_and_how_far_the_walks_are(clock: Any, admin_client: Any) -> None:
    make_price()
    trade(make_account(), quantity="0.1")
    DailyResult.objects.update(fees=D(9))
    look(now())
    incident = Incident.objects.get(name="pnl.days")
    page = admin_client.get(f"/admin/monitoring/incident/{incident.pk}/change/").content.decode()
    assert "&quot;fees&quot;: &quot;9&quot;" in page
    walks = admin_client.get("/admin/monitoring/walk/")
    assert walks.status_code == 200
    assert b"closing" in walks.content
