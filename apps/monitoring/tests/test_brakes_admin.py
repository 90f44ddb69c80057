"""A brake's own page in the admin: released there, with a reason, by who may."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.tests.factories import UserFactory
from apps.trading.models import Brake
from apps.trading.services.brakes import engage
from ohmycoins.core.clock import now

pytestmark = pytest.mark.django_db
REASON = "the source was mended"


@pytest.fixture
def brake(clock: Any) -> Brake:
    made = engage(kind="outlier", cause="1", reason="BTC jumped", actor="tests", now=now(), coin_type="BTC")
    assert made is not None
    return made


def page_of(brake: Brake) -> str:
    return f"/admin/trading/brake/{brake.pk}/change/"


def button_of(brake: Brake) -> str:
    return f"/admin/trading/brake/{brake.pk}/release/"


def signed_in(client: Client, *rights: str) -> Client:
    person = UserFactory(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=["view_brake", *rights]))
    client.force_login(person)
    return client


def test_page_asks_why_releases_and_offers_it_no_more(brake: Brake, client: Client) -> None:
    signed_in(client, "change_stop")
    assert button_of(brake) in client.get(page_of(brake)).content.decode()
    assert f'href="{page_of(brake)}"' in client.get(button_of(brake)).content.decode()
    client.post(button_of(brake), {"confirmed": "yes", "reason": ""})
    brake.refresh_from_db()
    assert brake.released_at is None
    text = client.post(button_of(brake), {"confirmed": "yes", "reason": REASON}, follow=True).content.decode()
    assert f"Brake {brake.pk} is released." in text
    assert button_of(brake) not in text
    brake.refresh_from_db()
    assert (brake.released_at, brake.release_reason) == (now(), REASON)


def test_who_may_only_look_releases_nothing(brake: Brake, client: Client) -> None:
    signed_in(client)
    assert button_of(brake) not in client.get(page_of(brake)).content.decode()
    assert client.post(button_of(brake), {"confirmed": "yes", "reason": REASON}).status_code == 403
    brake.refresh_from_db()
    assert brake.released_at is None
