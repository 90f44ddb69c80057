"""Collectors in the admin."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.models import Source
from apps.ledgers.tests.factories import (
    make_event,
    make_fundamental,
    make_metric,
    make_news,
    make_post,
    make_price,
    make_run,
    make_source,
    store_now,
)

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


def press(client: Client, button: str) -> str:
    page = client.post(f"{LIST}coinspot_prices/change/", {f"ledgers_source_{button}": "1"}, follow=True)
    return page.content.decode()


def test_page_of_a_collector_shows_its_last_runs_and_its_buttons_work(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr("ohmycoins.core.outbox.publish", lambda *args, **kwargs: sent.append(args))
    make_run(status="failed", error="the source said 503", fetched=7)
    page = admin_client.get(f"{LIST}coinspot_prices/change/").content.decode()
    assert "failed · 0 stored of 7 the source said 503" in page
    assert 'name="_save"' not in page
    assert "asked a worker to run it now" in press(admin_client, "collect_this")
    assert sent == [("ledgers.collect", "coinspot_prices", True)]
    assert "is switched off" in press(admin_client, "switch_this")
    assert not Source.objects.get().enabled


def test_buttons_need_the_permission(client: Client) -> None:
    make_source()
    staff = UserFactory(is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_source"))
    client.force_login(staff)
    assert "Collect now" not in client.get(f"{LIST}coinspot_prices/change/").content.decode()
    press(client, "switch_this")
    assert Source.objects.get().enabled


@pytest.mark.parametrize(
    ("model", "record"),
    [("news", make_news), ("socialpost", make_post), ("catalystevent", make_event), ("fundamental", make_fundamental),
     ("onchainmetric", make_metric)],
)  # fmt: skip
def test_ledgers_are_listed_filtered_and_shown(admin_client: Client, model: str, record: Any) -> None:
    store_now(record())
    url = f"/admin/ledgers/{model}/"
    assert admin_client.get(url).status_code == 200
    entry = apps.get_model("ledgers", model).objects.get()
    assert admin_client.get(f"{url}{entry.pk}/change/").status_code == 200


def test_coin_filter_keeps_what_names_the_coin(admin_client: Client) -> None:
    store_now(
        make_news("1", title="About Bitcoin"), make_news("2", title="About Solana", currencies=("SOL",))
    )
    page = admin_client.get("/admin/ledgers/news/?coin=sol").content.decode()
    assert "About Solana" in page
    assert "About Bitcoin" not in page


def test_price_cannot_be_edited(admin_client: Client) -> None:
    price = make_price().price
    assert admin_client.get(f"/admin/ledgers/price/{price.pk}/change/").status_code == 200
    assert admin_client.post(f"/admin/ledgers/price/{price.pk}/change/", {"bid": "1"}).status_code == 403
