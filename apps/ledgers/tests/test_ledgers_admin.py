"""Collectors in the admin."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.models import Source
from apps.ledgers.tests.factories import make_price, make_run, make_source

pytestmark = pytest.mark.django_db
LIST = "/admin/ledgers/source/"


def act(client: Client, action: str) -> str:
    answer = client.post(LIST, {"action": action, "_selected_action": ["coinspot_prices"]}, follow=True)
    return answer.content.decode()


def test_list_shows_health_and_why(admin_client: Client) -> None:
    make_run(status="failed", error="the source said 503")
    page = admin_client.get(LIST).content.decode()
    assert "failing" in page
    assert "the source said 503" in page


def test_collect_now_publishes_and_a_switched_off_collector_says_so(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr("ohmycoins.core.outbox.publish", lambda *args, **kwargs: sent.append(args))
    make_source()
    assert "asked a worker to run it now" in act(admin_client, "collect_now")
    assert sent == [("ledgers.collect", "coinspot_prices", True)]
    act(admin_client, "disable")
    assert not Source.objects.get().enabled
    assert "is switched off: enable it first" in act(admin_client, "collect_now")
    act(admin_client, "enable")
    assert Source.objects.get().enabled


def test_collect_now_with_the_broker_down_is_a_message_not_an_error(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("ohmycoins.core.outbox.publish", down)
    make_source()
    assert "The task queue is not available" in act(admin_client, "collect_now")


def test_who_may_only_look_is_offered_no_command(client: Client) -> None:
    make_source()
    staff = UserFactory(is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_source"))
    client.force_login(staff)
    assert client.get(LIST).status_code == 200
    act(client, "disable")
    assert Source.objects.get().enabled


def test_price_cannot_be_edited(admin_client: Client) -> None:
    price = make_price().price
    assert admin_client.get(f"/admin/ledgers/price/{price.pk}/change/").status_code == 200
    assert admin_client.post(f"/admin/ledgers/price/{price.pk}/change/", {"bid": "1"}).status_code == 403
