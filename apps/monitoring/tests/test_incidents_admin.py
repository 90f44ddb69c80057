"""Incidents in the admin: linked to what they are about, and accepted by who may when they cannot be mended."""

from decimal import Decimal as D
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, transaction
from django.test import Client
from structlog.testing import capture_logs

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.monitoring.models import Alert, Incident
from apps.monitoring.services import watch
from apps.monitoring.services.accepting import accept_incident
from apps.monitoring.services.invariants import look
from apps.monitoring.tests.test_invariants import by_hand
from apps.pnl.models import DailyResult
from apps.trading.models import Account, Event, Order
from apps.trading.services.status import restore_account
from apps.trading.tests.factories import make_account, trade
from ohmycoins.core.clock import now
from ohmycoins.core.errors import Conflict
from ohmycoins.groups import sync_groups

pytestmark = pytest.mark.django_db
LIST = "/admin/monitoring/incident/"
REASON = "an event was deleted in the migration of 2025"


@pytest.fixture
def order(clock: Any) -> Order:
    make_price()
    return trade(make_account(), quantity="0.1")


@pytest.fixture
def incident(order: Order) -> Incident:
    """Give an incident that nobody can mend: an order's event was deleted."""
    by_hand(
        f"DELETE FROM trading_event WHERE id = (SELECT min(id) FROM trading_event WHERE order_id = {order.pk})"
    )
    watch.watch()
    return Incident.objects.get(name="chain")


def signed_in(client: Client, *rights: str) -> Client:
    person = UserFactory(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=["view_incident", *rights]))
    client.force_login(person)
    return client


def page_of(incident: Incident) -> str:
    return f"{LIST}{incident.pk}/change/"


def accept(incident: Incident) -> Incident:
    return accept_incident(incident.pk, actor="user:1", reason=REASON, now=now())


def alerts() -> list[str]:
    return list(Alert.objects.standing().filter(type="invariant").values_list("key", flat=True))


def test_accepted_incident_stands_but_its_alert_is_resolved(incident: Incident, clock: Any) -> None:
    assert f"incident:{incident.pk}" in alerts()
    for each in Incident.objects.standing():
        accept(each)
    clock.shift(300)
    watch.watch()
    incident.refresh_from_db()
    assert alerts() == []
    assert (incident.resolved_at, incident.seen_at, incident.accept_reason) == (None, now(), REASON)
    assert Incident.objects.exclude(accepted_at=None).count() == Incident.objects.count(), (
        "none was opened again"
    )


def test_accepted_incident_brakes_nobody(order: Order, clock: Any) -> None:
    account = order.account
    Account.objects.update(status=Account.Status.INACTIVE)  # so that nothing is braked yet
    DailyResult.objects.update(fees=D(9))
    look(now())
    for each in Incident.objects.standing():
        accept(each)
    Account.objects.update(status=Account.Status.ACTIVE)
    clock.shift(60)
    assert look(now()) == []
    account.refresh_from_db()
    assert account.status == Account.Status.ACTIVE
    assert not Incident.objects.exclude(braked_at=None).exists()


def test_what_an_accepted_incident_braked_is_a_persons_to_let_buy_again(
    incident: Incident, clock: Any
) -> None:
    account = Account.objects.get()
    accept(incident)
    clock.shift(300)
    watch.watch()
    account.refresh_from_db()
    assert account.status == Account.Status.REDUCE_ONLY
    restore_account(account.pk, actor="user:1", reason=REASON)
    clock.shift(300)
    watch.watch()
    account.refresh_from_db()
    assert account.status == Account.Status.ACTIVE


def test_what_breaks_again_after_it_held_is_new_and_not_accepted(order: Order, clock: Any) -> None:
    fees = DailyResult.objects.get().fees
    DailyResult.objects.update(fees=D(9))
    look(now())
    for each in Incident.objects.standing():
        accept(each)
    DailyResult.objects.update(fees=fees)
    clock.shift(60)
    look(now())
    DailyResult.objects.update(fees=D(9))
    clock.shift(60)
    assert len(look(now())) == Incident.objects.standing().filter(accepted_at=None).count() > 0


def test_acceptance_is_in_the_log_and_in_the_trail_of_no_account(incident: Incident) -> None:
    with capture_logs() as logged:
        accept(incident)
    assert [entry["incident_id"] for entry in logged if entry["event"] == "incident.accepted"] == [
        incident.pk
    ]
    event = Event.objects.get(type="incident.accepted")
    assert (event.account_id, event.actor, event.reason) == (None, "user:1", REASON)
    assert event.inputs == {"incident": incident.pk, "invariant": "chain", "account": incident.account_id}


def test_incident_is_accepted_though_the_trail_takes_no_more(incident: Incident) -> None:
    Event.objects.create(type="x", at=now(), actor="tests", reason="x")
    by_hand("DELETE FROM trading_chain WHERE id = 0")
    assert accept(incident).accepted_by == "user:1"
    assert not Event.objects.filter(type="incident.accepted").exists()


def test_incident_that_is_over_or_accepted_is_refused(incident: Incident) -> None:
    accept(incident)
    with pytest.raises(Conflict, match="was accepted by user:1"):
        accept(incident)
    Incident.objects.update(resolved_at=now(), accepted_at=None, accepted_by="", accept_reason="")
    with pytest.raises(Conflict, match="is over since"):
        accept(incident)
    assert Event.objects.filter(type="incident.accepted").count() == 1


@pytest.mark.parametrize("fields", [{"accept_reason": ""}, {"accepted_by": ""}, {"accepted_at": None}])
def test_acceptance_without_time_person_or_reason_is_refused_by_the_database(
    incident: Incident, fields: dict[str, Any]
) -> None:
    whole = {"accepted_at": now(), "accepted_by": "user:1", "accept_reason": REASON}
    with pytest.raises(IntegrityError, match="incident_accepted_by_someone"), transaction.atomic():
        Incident.objects.update(**(whole | fields))


def test_action_asks_why_and_accepts(incident: Incident, client: Client) -> None:
    signed_in(client, "accept_incident")
    body = {"action": "accept", "_selected_action": [incident.pk]}
    assert "chain: " in client.post(LIST, body).content.decode()
    client.post(LIST, body | {"confirmed": "yes", "reason": ""})
    incident.refresh_from_db()
    assert incident.accepted_at is None
    text = client.post(LIST, body | {"confirmed": "yes", "reason": REASON}, follow=True).content.decode()
    assert f"Incident {incident.pk} is accepted" in text
    incident.refresh_from_db()
    assert (incident.accepted_at, incident.accept_reason) == (now(), REASON)


def test_button_on_the_page_asks_why_leads_back_and_goes_once_it_is_accepted(
    incident: Incident, client: Client
) -> None:
    signed_in(client, "accept_incident")
    button = f"{LIST}{incident.pk}/accept/"
    assert button in client.get(page_of(incident)).content.decode()
    assert f'href="{page_of(incident)}"' in client.get(button).content.decode()
    answer = client.post(button, {"confirmed": "yes", "reason": REASON}, follow=True)
    text = answer.content.decode()
    assert answer.redirect_chain[0][0] == page_of(incident)
    assert REASON in text
    assert button not in text


def test_who_may_only_look_accepts_nothing(incident: Incident, client: Client) -> None:
    signed_in(client)
    assert client.post(f"{LIST}{incident.pk}/accept/", {"confirmed": "yes", "reason": "x"}).status_code == 403
    client.post(
        LIST, {"action": "accept", "_selected_action": [incident.pk], "confirmed": "yes", "reason": "x"}
    )
    incident.refresh_from_db()
    assert incident.accepted_at is None
    assert "/accept/" not in client.get(page_of(incident)).content.decode()


def test_operators_may_accept_and_auditors_may_not() -> None:
    sync_groups()
    may = Group.objects.filter(permissions__codename="accept_incident").values_list("name", flat=True)
    assert list(may) == ["operators"]


def test_page_links_to_the_account_and_the_order_for_who_may_see_them(
    incident: Incident, order: Order, client: Client
) -> None:
    Incident.objects.update(order_id=order.pk)
    links = f"/admin/trading/account/{order.account_id}/change/", f"/admin/trading/order/{order.pk}/change/"
    for rights, shown in (((), 0), (("view_order",), 1), (("view_order", "view_account"), 2)):
        text = signed_in(client, *rights).get(page_of(incident)).content.decode()
        assert sum(link in text for link in links) == shown


def test_page_links_to_no_order_that_was_deleted(incident: Incident, client: Client) -> None:
    Incident.objects.update(order_id=987_654)
    text = signed_in(client, "view_order").get(page_of(incident)).content.decode()
    assert "987654 (deleted)" in text
    assert "/admin/trading/order/987654" not in text
