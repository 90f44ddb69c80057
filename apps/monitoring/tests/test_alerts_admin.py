"""Alerts in the admin: read by operators, tried with the outcome shown, and no address on any page."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.monitoring.models import Alert, AlertRule, Channel, Delivery
from apps.monitoring.services.deliveries import deliver_due
from apps.monitoring.tests.alerting import DISCORD, KEY, SLACK, WEB, finding, look, rule, serving
from ohmycoins.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db
BASE = "/admin/monitoring"


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    with serving(settings) as server:
        yield server


def operator(client: Client, *rights: str) -> User:
    person = UserFactory(is_staff=True)
    person.user_permissions.set(
        Permission.objects.filter(codename__in=rights, content_type__app_label="monitoring")
    )
    client.force_login(person)
    return person


def form(**fields: Any) -> dict[str, Any]:
    return {
        "type": "",
        "min_severity": "medium",
        "cooldown_minutes": "60",
        "enabled": "on",
        "new_address": "",
    } | fields


def test_pages_show_what_was_told_and_no_key_or_sealed_text(admin_client: Client, clock: Any) -> None:
    made = rule(channels=[SLACK, DISCORD, f"{WEB}?k={KEY}"])
    look(finding())
    Delivery.objects.update(last_error="answered 503")
    alert, channel = Alert.objects.get(), made.channels.order_by("id")[0]
    delivery = Delivery.objects.order_by("id")[0]
    for path in ("alert", f"alert/{alert.pk}/change", "channel", f"channel/{channel.pk}/change", "delivery",
                 f"delivery/{delivery.pk}/change", "alertrule", f"alertrule/{made.pk}/change", "alertrule/add"):  # fmt: skip
        answer = admin_client.get(f"{BASE}/{path}/")
        assert answer.status_code == 200, path
        text = answer.content.decode()
        for row in Channel.objects.all():
            for secret in (KEY, KEY.replace("-", ""), row.sealed, row.digest):
                assert secret not in text, path
        if path.startswith("alert/"):
            assert "it is stale" in text
        if path == f"alert/{alert.pk}/change":
            assert "answered 503" in text
            assert channel.name in text


def test_operator_makes_changes_and_deletes_a_rule(client: Client) -> None:
    person = operator(
        client, "view_alertrule", "add_alertrule", "change_alertrule", "delete_alertrule", "view_channel"
    )
    answer = client.post(f"{BASE}/alertrule/add/", form(new_address=SLACK, min_severity="high"), follow=True)
    assert answer.status_code == 200, answer.content
    made = AlertRule.objects.get()
    assert (made.user, made.min_severity, made.enabled) == (person, "high", True)
    slack = made.channels.get()
    page = f"{BASE}/alertrule/{made.pk}/change/"
    client.post(page, form(channels=[slack.pk], new_address="me@example.com", enabled=""), follow=True)
    made.refresh_from_db()
    assert sorted(made.channels.values_list("kind", flat=True)) == ["email", "slack"]
    assert (made.min_severity, made.enabled) == ("medium", False)
    client.post(f"{BASE}/alertrule/{made.pk}/delete/", {"post": "yes"})
    assert not AlertRule.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [({}, "channels", "0 were given"), ({"new_address": f"http://10.0.0.1/{KEY}"}, "new_address", "not on the public internet"),
     ({"new_address": f"json://{KEY}"}, "new_address", "is not an e-mail address"),
     ({"new_address": WEB, "cooldown_minutes": "-1"}, "cooldown_minutes", "greater than or equal to 0")],
)  # fmt: skip
def test_form_that_is_wrong_says_so_at_the_field_and_stores_nothing(
    client: Client, fields: dict[str, str], field: str, said: str
) -> None:
    operator(client, "view_alertrule", "add_alertrule")
    errors = client.post(f"{BASE}/alertrule/add/", form(**fields)).context["adminform"].form.errors
    assert list(errors) == [field]
    assert said in errors[field][0]
    assert (AlertRule.objects.count(), Channel.objects.count()) == (0, 0)


def test_refused_address_is_kept_for_who_typed_it_masked_and_in_no_cache(client: Client) -> None:
    operator(client, "view_alertrule", "add_alertrule")
    typed = f"json://{KEY}"
    answer = client.post(f"{BASE}/alertrule/add/", form(new_address=typed))
    text = answer.content.decode()
    assert text.count(KEY) == 1
    field = re.search(r'<input[^>]*name="new_address"[^>]*>', text)
    assert field
    assert 'type="password"' in field[0]
    assert f'value="{typed}"' in field[0]
    assert "no-store" in answer["Cache-Control"]


def test_deliveries_say_the_type_and_the_beginning_of_their_alert(admin_client: Client, clock: Any) -> None:
    rule()
    look(finding())
    Alert.objects.update(message="it is stale, " + "and long told " * 20)
    text = admin_client.get(f"{BASE}/delivery/").content.decode()
    assert f"{Alert.objects.get().type}: it is stale, and long told" in text
    assert "and long told " * 20 not in text


def test_channel_of_another_user_cannot_be_chosen(client: Client) -> None:
    others = rule().channels.get()
    operator(client, "view_alertrule", "add_alertrule")
    client.post(f"{BASE}/alertrule/add/", form(channels=[others.pk], new_address="me@example.com"))
    assert AlertRule.objects.count() == 1


def test_test_is_asked_about_sent_and_its_outcome_shown(client: Client, sandbox: Sandbox) -> None:
    person = operator(client, "view_alertrule", "change_alertrule", "view_channel")
    made = rule(person, [f"{sandbox.url}/inbox/a", f"{sandbox.url}/inbox/404-b"])
    page = f"{BASE}/alertrule/{made.pk}/send-test/"
    assert "Yes, send" in client.get(page).content.decode()
    assert not Delivery.objects.exists()
    text = client.post(page, follow=True).content.decode()
    good, bad = made.channels.order_by("id")
    assert f"{good}: the test was sent." in text
    assert f"{bad}: the test was not sent: answered 404." in text
    assert [len(sandbox.inbox.messages(name)) for name in ("a", "404-b")] == [1, 1]
    assert deliver_due() == 0


def test_failed_test_that_is_tried_again_says_so(client: Client, sandbox: Sandbox) -> None:
    person = operator(client, "view_alertrule", "change_alertrule", "view_channel")
    channel = rule(person, [f"{sandbox.url}/inbox/500-a"]).channels.get()
    body = {"action": "send_tests", "_selected_action": [channel.pk]}
    text = client.post(f"{BASE}/channel/", body, follow=True).content.decode()
    assert "the test was not sent: answered 500; it is tried again." in text
    assert "Yes, send" in client.get(f"{BASE}/channel/{channel.pk}/send-test/").content.decode()


def test_who_may_only_look_sends_no_test_and_changes_nothing(client: Client) -> None:
    person = operator(client, "view_alertrule", "view_channel", "view_alert", "view_delivery")
    made = rule(person)
    channel = made.channels.get()
    for path in (f"alertrule/{made.pk}/send-test/", f"channel/{channel.pk}/send-test/"):
        assert client.post(f"{BASE}/{path}").status_code == 403
    for path in ("alertrule/add", f"alertrule/{made.pk}/change", f"alertrule/{made.pk}/delete", "alert/add", "channel/add",
                 f"channel/{channel.pk}/change", f"channel/{channel.pk}/delete", "delivery/add"):  # fmt: skip
        assert client.post(f"{BASE}/{path}/", form(channels=[channel.pk], post="yes")).status_code == 403, (
            path
        )
    assert not Delivery.objects.exists()
